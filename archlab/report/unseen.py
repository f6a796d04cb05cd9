"""Section on datasets that took no part in any choice: does what was found on the others hold there?"""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import Any

import pandas as pd
from matplotlib.figure import Figure

from archlab.foundation.escaping import file_name
from archlab.report.analysis import Analysis
from archlab.report.effects import KINDS
from archlab.report.palette import Palette
from archlab.report.plots import MOST_ROWS, ROW, Plot, rows_of
from archlab.report.section import Section
from archlab.report.table import Column, Table
from archlab.scoring import at_chance, cells, decimals, gains_in_words, percent_factor, points, seed_means
from archlab.scoring.gains import unit_of
from archlab.scoring.reading import POINTS

TITLE = "Does it hold on datasets not seen?"
NAMES = {"choice": Column("choice"), "option": Column("option"), "against": Column("against"), "kind": Column("kind")}
ENDS = ("difference", "low", "high")


def unseen(analysis: Analysis) -> Iterator[Section]:
    """Of each study with such datasets: gains side by side, and what the models reach there."""
    for study, found in analysis.unseen.items():
        suffix, title = (f"-{file_name(study)}", f"{TITLE} {study}") if len(analysis.unseen) > 1 else ("", TITLE)
        sentences = [
            f"No trial, no score and no choice looked at {', '.join(found['datasets'])}. Gains are of test data, with 95 % "
            f"intervals, each by itself. A gain on the {len(found['seen'])} datasets seen flatters what was chosen by it.",
            *gains_in_words(found),
        ]
        tables = [_gains(found, suffix)] if found["gains"] else []
        folded = [_by_dataset(found, suffix)] if found["by_dataset"] else []
        yield Section(f"unseen{suffix}", title, sentences, list(_plots(found, suffix)), tables, folded)
    yield from _accuracies(analysis)


def _gains(found: dict[str, Any], suffix: str) -> Table:
    columns = NAMES | {"measure": Column("measure")}
    for side, title in (("seen", "seen"), ("unseen", "not seen")):
        columns |= {f"{side}_{end}": Column(title if end == ENDS[0] else end, "signed") for end in ENDS}
    columns |= {"holds": Column("holds")}
    rows = [
        gain | {f"{side}_{end}": gain[side][end] for side in ("seen", "unseen") for end in ENDS}
        for gain in found["gains"]
    ]
    caption = "Gains on the datasets seen, and on those not seen, with 95 % intervals."
    return Table.of(
        f"unseen{suffix}", caption, columns, [_worded(row) | {"measure": unit_of(row, found)} for row in rows]
    )


def _by_dataset(found: dict[str, Any], suffix: str) -> Table:
    columns = NAMES | {"dataset": Column("dataset")}
    unit = found.get("unit", POINTS)
    columns |= {end: Column(end, "signed", 2 if unit == POINTS else 3) for end in ENDS}
    caption = f"Gains on each dataset not seen, in {unit}."
    return Table.of(f"unseen-by-dataset{suffix}", caption, columns, [_worded(row) for row in found["by_dataset"]])


def _choice(analysis: Analysis, means: pd.DataFrame) -> list[str]:
    """What the choice by the xScore on the datasets seen costs on each of these."""
    scored = analysis.models.index[analysis.models["xscore"].notna()]
    complete = means.reindex(scored).dropna()
    if len(complete) < 2 or complete.index[0] != scored[0]:
        return []
    metric = analysis.metric
    turned = complete * percent_factor(complete.max(), metric) * (1 if metric.higher_is_better else -1)
    below, worse = turned.max() - turned.iloc[0], "below" if metric.higher_is_better else "above"
    said = [
        f"{lost:.{decimals(metric)}f} {points(metric)} {worse} {best} on {name}" if lost > 0 else f"the best on {name}"
        for (name, lost), best in zip(below.items(), turned.idxmax(), strict=True)
    ]
    return [f"{scored[0]}, which has the highest xScore on the datasets seen, is {', '.join(said)}."]


def _worded(row: dict[str, Any]) -> dict[str, Any]:
    return row | {"kind": KINDS[row["kind"]]}


def _plots(found: dict[str, Any], suffix: str) -> Iterator[Plot]:
    """Both gains of each option, not those in xScore, one above the other."""
    gains = [gain for gain in found["gains"] if gain["measure"] == "points"][:MOST_ROWS]
    if gains:
        held = sum(gain["holds"] == "yes" for gain in gains)
        alt = f"{held} of {len(gains)} gains hold on the datasets not seen. The numbers are those of the table."
        unit = found.get("unit", POINTS)
        title = f"Gains in {unit} on the datasets seen (circle) and on those not seen (diamond)"
        yield Plot(f"unseen{suffix}", title, alt, partial(_forest, gains, unit))


def _forest(gains: list[dict[str, Any]], unit: str, palette: Palette) -> Figure:
    names = [f"{gain['choice']}={gain['option']}, {KINDS[gain['kind']]}" for gain in gains]
    figure, (axes,) = rows_of(palette, names, [unit], least=1.4 * ROW)
    axes.axvline(0, color=palette.muted, linewidth=1)
    for at, gain in enumerate(gains):
        for side, offset, marker, colour in (
            ("seen", -0.15, "o", palette.reference),
            ("unseen", 0.15, "D", palette.variant),
        ):
            ends = gain[side]
            if ends["low"] is not None:
                axes.plot([ends["low"], ends["high"]], [at + offset] * 2, color=colour, linewidth=1.6)
            axes.plot(ends["difference"], at + offset, marker, color=colour, markersize=5.5)
    return figure


def _accuracies(analysis: Analysis) -> Iterator[Section]:
    """The seed means of every model on the datasets not seen, of a report on one study."""
    table = analysis.material.unseen_table
    if table is None:
        return
    material = analysis.material
    means = seed_means(cells(table, material.split, material.metric))
    means = means.reindex([name for name in analysis.models.index if name in means.index])
    lost = at_chance(means, {name: counts.images for name, counts in material.classes.items()}, material.metric)
    columns = {"model": Column("model")} | {f"on {name}": Column(str(name), "number", 4) for name in means}
    columns |= {"at_chance": Column("at chance")} if lost else {}
    values = means.rename(columns="on {}".format).assign(
        model=means.index, at_chance=[", ".join(lost.get(str(name), [])) for name in means.index]
    )
    words = analysis.metric.words
    caption = f"The {words} on the datasets not seen, mean over seeds, in the order of the xScore on those seen."
    sentences = [f"No score and no choice looked at {', '.join(map(str, means))}."] if not analysis.unseen else []
    sentences += _choice(analysis, means)
    title = TITLE if not analysis.unseen else "What the models reach on datasets not seen"
    yield Section(
        "unseen-accuracies", title, sentences, tables=[Table.of("unseen-accuracies", caption, columns, values)]
    )
