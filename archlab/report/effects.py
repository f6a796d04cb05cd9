"""Sections on the effects of a study's options, and on learning curves."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import partial

import matplotlib
import pandas as pd
from matplotlib.figure import Figure

from archlab.foundation.words import as_sentence
from archlab.report.analysis import Analysis
from archlab.report.palette import Palette
from archlab.report.plots import MOST_MODELS, ROW, Plot, blank, name_rows, short_names
from archlab.report.section import Section
from archlab.report.table import Column, Table
from archlab.scoring import Effects, points, records

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
        suffix, title = (f"-{study}", f", {study}") if several else ("", "")
        rows = found.rows[found.rows["dataset"].isna() & (found.rows["of"] == "effect")]
        named = ", ".join(f"{row['choice']}={row['option']}" for row in records(rows[rows["decided"].astype(bool)]))
        plot = Plot(
            f"effects{suffix}",
            f"Difference of each option to the base{title}; filled where decided",
            f"Decided: {named or 'none'}.",
            partial(
                _forest, rows, {key: name for key, name in _measures(found).items() if key in set(rows["measure"])}
            ),
        )
        tables = _tables(found, suffix)
        sentences = [*_kinds(rows), *_matters(found), *_parts(found)]
        yield Section(f"effects{suffix}", f"Effects of the options{title}", sentences, [plot], tables[:1], tables[1:])


def curves(analysis: Analysis) -> Iterator[Section]:
    """Validation accuracy by epoch, for each dataset."""
    found = analysis.material.curves
    if found is None:
        return
    plots = []
    if "validation_accuracy" in found:
        found = found.dropna(subset="validation_accuracy")  # as of runs that trained on it
    for dataset in dict.fromkeys(found["dataset"]) if "validation_accuracy" in found else ():
        part = found[found["dataset"] == dataset]
        plots.append(
            Plot(
                f"curves-{re.sub(r'[^a-zA-Z0-9]', '-', dataset)}",
                f"{dataset}: validation accuracy by epoch, mean over seeds",
                f"Learning curves of the best {min(part['model'].nunique(), MOST_MODELS)} models.",
                partial(_curves, part, analysis),
            )
        )
    yield Section("curves", "Learning curves", plots=plots)


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
    parts = [
        f"{found.matters.of(measure):g} {'point' if measure == 'points' and found.matters.of(measure) == 1 else unit}"
        for measure, unit in (("points", "points"), ("xscore", "of xScore"))
        if found.matters.of(measure) is not None
    ]
    return [f"A difference matters from {' and '.join(parts)} on."] if parts else []


def _parts(found: Effects) -> list[str]:
    """Of what is undecided over all datasets, how much of the half-width is the test set's, and what would decide it."""
    if not found.covers_images:
        return []
    rows = found.rows
    chosen = rows["about"] if rows["about"].any() else rows["dataset"].isna() & (rows["of"] == "effect")
    said = []
    for row in records(rows[chosen & ~rows["decided"].astype(bool) & rows["low"].notna()]):
        digits = 3 if row["measure"] == "xscore" else 1
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
    note = f"95 % intervals for the noise of {noise}; p adjusted over all tests of the study."
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
    figure, columns = blank(palette, 0.9 + ROW * len(options), columns=len(measures))
    for axes, (measure, label) in zip(columns, measures.items(), strict=True):
        axes.axvline(0, color=palette.muted, linewidth=1)
        for at, key in enumerate(options):
            found = rows[(rows["measure"] == measure) & (rows[["choice", "option", "kind"]] == list(key)).all(axis=1)]
            for row in records(found):
                colour = palette.variant if row["kind"] == "equal_budget" else palette.reference
                if pd.notna(row["low"]):
                    axes.plot([row["low"], row["high"]], [at, at], color=colour, linewidth=1.6)
                face = colour if row["decided"] else palette.paper
                axes.plot(row["difference"], at, "D", color=colour, markerfacecolor=face, markersize=5.5)
        name_rows(axes, [f"{choice}={option}, {KINDS[kind]}" for choice, option, kind in options], label)
    return figure


def _curves(curves: pd.DataFrame, analysis: Analysis, palette: Palette) -> Figure:
    figure, (axes,) = blank(palette, 3.2)
    models = [model for model in analysis.models.index if model in set(curves["model"])][:MOST_MODELS]
    colours = matplotlib.color_sequences["tab10" if len(models) <= 10 else "tab20"]
    for model, short, colour in zip(models, short_names(models, analysis.base), colours, strict=False):
        means = 100 * curves[curves["model"] == model].groupby("epoch")["validation_accuracy"].mean()
        variant = analysis.models.loc[model, "role"] == "variant"
        marker = "." if len(means) < 30 else ""
        axes.plot(means.index, means, "--" if variant else "-", color=colour, linewidth=1.3, marker=marker, label=short)
    axes.set_xlabel("epoch")
    axes.set_ylabel("validation accuracy (%)")
    axes.grid()
    axes.xaxis.set_major_locator(matplotlib.ticker.MaxNLocator(integer=True))
    figure.legend(*axes.get_legend_handles_labels(), loc="outside lower center", ncols=2, fontsize=7)
    return figure
