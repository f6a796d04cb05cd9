"""The section on what was tested on and how it was trained."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from archlab.foundation.words import first_of
from archlab.report.analysis import Analysis
from archlab.report.section import Section
from archlab.report.table import Column, Table
from archlab.scoring import chance

MOST_OPEN = 8  # datasets; a longer table is folded
NAMED = 3  # classes
RECIPES = 3


def data(analysis: Analysis) -> Iterator[Section]:
    """The test images of each dataset, what is reached without a look at them, and the recipe as it ran."""
    material = analysis.material
    unseen = [] if material.unseen_table is None else list(dict.fromkeys(material.unseen_table["dataset"]))
    names = [*map(str, analysis.means), *unseen]
    rows = [_row(analysis, name, seen=name not in unseen) for name in names]
    known = [row for row in rows if row["images"]]
    if not known and not material.trained:
        return
    sentences = [f"Trained with {said}." for said in material.trained[:RECIPES]]
    if len(material.trained) > RECIPES:
        more = len(material.trained) - RECIPES
        sentences.append(f"And with {more} more {'forms' if more > 1 else 'form'} of recipes.")
    tables = [_table(analysis, known)] if known else []
    is_long = len(known) > MOST_OPEN
    yield Section(
        "data", "Data and training", sentences, tables=[] if is_long else tables, folded=tables if is_long else []
    )


def _row(analysis: Analysis, name: str, *, seen: bool) -> dict[str, Any]:
    counts = analysis.material.classes.get(name)
    row: dict[str, Any] = {"dataset": name if seen else f"{name} (not seen)"}
    if counts is None:
        return row | {"images": analysis.material.test_images.get(name)}
    share, value = analysis.metric.is_share, chance(analysis.metric, counts.images)
    return row | {
        "images": counts.all_images,
        "classes": len(counts.classes),
        "guess": 100 / len(counts.classes),
        "largest": 100 * max(counts.images) / max(counts.all_images, 1),
        "chance": None if value is None else value * (100 if share else 1),
        "without": first_of(counts.without, NAMED) or None,
    }


def _table(analysis: Analysis, rows: list[dict[str, Any]]) -> Table:
    metric = analysis.metric
    columns = {"dataset": Column("dataset"), "images": Column("test images", "integer")}
    columns |= {"classes": Column("classes", "integer"), "guess": Column("1 / classes (%)", "number", 1)}
    columns |= {"largest": Column("largest class (%)", "number", 1)}
    said = "accuracy at chance is the share of the largest class"
    if metric.name != "accuracy":
        unit = "%" if metric.is_share else metric.unit
        columns |= {"chance": Column(f"chance ({unit})", "number", 1 if metric.is_share else 3)}
        said = f"chance: the best {metric.words} without a look at any image"
    columns |= {"without": Column("classes without test images")}
    kept = {name: column for name, column in columns.items() if any(row.get(name) is not None for row in rows)}
    is_told = ("largest" if metric.name == "accuracy" else "chance") in kept
    caption = f"Test images{f'; {said}' if is_told else ''}."
    return Table.of("data", caption, kept, rows)
