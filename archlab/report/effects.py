"""Section on the effects of a study's options."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

import pandas as pd
from matplotlib.figure import Figure

from archlab.foundation.escaping import file_name
from archlab.foundation.words import as_sentence
from archlab.report.analysis import Analysis
from archlab.report.palette import Palette
from archlab.report.plots import Plot, rows_of
from archlab.report.section import Section
from archlab.report.table import Column, Table
from archlab.scoring import Effects, points, records
from archlab.study.matters import MEASURES, in_words

VERDICTS = {name: name for name in ("better", "worse", "undecided")} | {"same": "no difference that matters"}
MOST_PARTS = 6  # contrasts of which the two parts of the half-width are said
KINDS = {"equal_budget": "equal budget", "raw": "raw"}
COLUMNS = {
    **{name: Column(name) for name in ("choice", "option", "against", "kind", "dataset", "measure")},
    **{name: Column(name, "signed") for name in ("difference", "low", "high")},
    "p_adjusted": Column("adjusted p", "p"),
    "verdict": Column("verdict"),
    "seeds": Column("seeds", "integer"),
    "seeds_needed": Column("seeds needed", "integer"),
    "image_half": Column("of the half-width the test images'", "number"),
    "images_needed": Column("times the test images needed", "number"),
}


def effects(analysis: Analysis) -> Iterator[Section]:
    """Of each study with options: a forest plot, and all effects as tables."""
    several = len(analysis.effects) > 1
    for study, found in analysis.effects.items():
        if found.rows.empty:
            continue
        suffix, title = (f"-{file_name(study)}", f", {study}") if several else ("", "")
        rows = found.rows[found.rows["dataset"].isna() & (found.rows["of"] == "effect")]
        decided = records(rows[rows["decided"].astype(bool)])
        named = ", ".join(dict.fromkeys(f"{row['choice']}={row['option']}" for row in decided))
        plot = Plot(
            f"effects{suffix}",
            f"Difference of each option to the base{title}; filled where decided",
            f"Decided: {named or 'none'}.",
            partial(
                _forest, rows, {key: name for key, name in _measures(found).items() if key in set(rows["measure"])}
            ),
        )
        plots = [plot] if len(rows) else []  # of effects on single datasets alone there is none
        tables = _tables(found, suffix)
        course = [analysis.courses[study]] if study in analysis.courses else []
        sentences = [*_kinds(rows), *_matters(found), *course, *_parts(found)]
        yield Section(f"effects{suffix}", f"Effects of the options{title}", sentences, plots, tables[:1], tables[1:])


def _measures(found: Effects) -> dict[str, str]:
    unit = points(found.metric)
    lower = "" if found.metric.higher_is_better else ", how much lower"
    return {"points": f"{found.metric.words} {unit}{lower}", "xscore": "xScore"}


def _kinds(rows: pd.DataFrame) -> list[str]:
    """What the kinds of effects mean that there are."""
    said = {
        "raw": "raw is the edit alone, parameters as they fall",
        "equal_budget": "at equal budget, the width was fitted anew",
    }
    there = [words for kind, words in said.items() if kind in set(rows["kind"])]
    return [as_sentence("; ".join(there))] if there else []


def _matters(found: Effects) -> list[str]:
    """What was said to matter."""
    limits = {name: limit for name in MEASURES if (limit := found.matters.of(name)) is not None}
    return [f"A difference matters from {in_words(limits)} on."] if limits else []


def _parts(found: Effects) -> list[str]:
    """Of what is undecided over all datasets, how much of the half-width is the test set's, and what would decide it."""
    if not found.covers_images:
        return []
    rows = found.rows
    chosen = rows["about"] if rows["about"].any() else rows["dataset"].isna() & (rows["of"] == "effect")
    said = []
    for row in records(rows[chosen & ~rows["decided"].astype(bool) & rows["low"].notna()]):
        digits = 1 if row["measure"] == "points" and found.metric.is_share else 3
        half, images = (row["high"] - row["low"]) / 2, row["image_half"]
        what = "more seeds can decide this" if pd.notna(row["seeds_needed"]) else "more seeds cannot decide this"
        if pd.notna(row["images_needed"]):
            what += f", {row['images_needed']:.1f} times the images can"
        said.append(
            f"{row['choice']}={row['option']} less {row['against']}, {_measures(found)[row['measure']]}: of the half-width "
            f"{half:.{digits}f}, {images:.{digits}f} is the test set's: {what}."
        )
    more = [f"{len(said) - MOST_PARTS} more are in the tables."] if len(said) > MOST_PARTS else []
    return [*said[:MOST_PARTS], *more]


def _tables(found: Effects, suffix: str) -> list[Table]:
    """Effects over all datasets, on each dataset, options against each other, interactions: those that there are."""
    rows = found.rows
    over_all = rows["dataset"].isna()
    parts = {
        "effects": ("Effects of options over all datasets", (rows["of"] == "effect") & over_all),
        "effects-by-dataset": ("Effects of options on each dataset", (rows["of"] == "effect") & ~over_all),
        "comparisons": ("Options against each other", rows["of"] == "comparison"),
        "interactions": ("Interactions", rows["of"] == "interaction"),
    }
    noise = "seeds and test images" if found.covers_images else "seeds, not of the test images"
    tests = "what the study is about, and apart over the rest" if rows["about"].any() else "all tests of the study"
    note = f"95 % intervals for the noise of {noise}; p adjusted over {tests}."
    if rows["low"].isna().all():
        note = "One seed a cell tells no intervals." if rows["seeds"].max() == 1 else "No intervals are known."
    made = []
    for name, (title, chosen) in parts.items():
        part = rows[chosen].sort_values("kind", kind="stable")
        values = part.assign(
            kind=part["kind"].map(KINDS),
            measure=part["measure"].map(_measures(found)),
            verdict=part["verdict"].map(VERDICTS),
        )
        spare = [key for key in ("dataset", "images_needed") if not part[key].notna().any()]
        spare += [] if found.covers_images else ["image_half"]
        columns = {key: column for key, column in COLUMNS.items() if key not in spare}
        made.append(Table.of(name + suffix, f"{title}. {note}", columns, values))
    return [table for table in made if table.rows]


def _forest(rows: pd.DataFrame, measures: dict[str, str], palette: Palette) -> Figure:
    rows = rows.sort_values("kind", kind="stable")
    options = list(dict.fromkeys(zip(rows["choice"], rows["option"], rows["kind"], strict=True)))
    names = [f"{choice}={option}, {KINDS[kind]}" for choice, option, kind in options]
    figure, columns = rows_of(palette, names, list(measures.values()))
    for axes, measure in zip(columns, measures, strict=True):
        axes.axvline(0, color=palette.muted, linewidth=1)
        for at, key in enumerate(options):
            found = rows[(rows["measure"] == measure) & (rows[["choice", "option", "kind"]] == list(key)).all(axis=1)]
            for row in records(found):
                colour = palette.variant if row["kind"] == "equal_budget" else palette.reference
                if pd.notna(row["low"]):
                    axes.plot([row["low"], row["high"]], [at, at], color=colour, linewidth=1.6)
                face = colour if row["decided"] else palette.paper
                axes.plot(row["difference"], at, "D", color=colour, markerfacecolor=face, markersize=5.5)
    return figure
