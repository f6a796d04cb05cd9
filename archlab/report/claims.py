"""Sections on the three claims: predictors, subsets, elements."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import Any

import matplotlib
import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from archlab.foundation.words import counted
from archlab.report.analysis import Analysis
from archlab.report.cell_plot import cell_plot
from archlab.report.key import Entry
from archlab.report.palette import Palette
from archlab.report.plots import Plot, blank, rows_of
from archlab.report.section import Section, not_computed
from archlab.report.table import Column, Table
from archlab.scoring import ELEMENTS, Subsets, records
from archlab.scoring.predictors import SCORE

SUBSETS_SHOWN = 10
FEW_MODELS = 30  # whose correlations have wide intervals


def predictors(analysis: Analysis) -> Iterator[Section]:
    """Correlations of each dataset with each other and with the score of the others."""
    title, found = "Does one dataset predict the others?", analysis.predictors
    if found is None:
        yield from not_computed(analysis, "predictors", title)
        return
    models = found["models"].iloc[0]
    weakest = records(found.nsmallest(1, "pearson"))[0]
    plot = Plot(
        "predictors",
        "Pearson correlation of one dataset's accuracies (rows) with another's (columns), over models",
        f"The lowest, {weakest['pearson']:.2f}, is that of {weakest['predictor']} with {weakest['target']}.",
        partial(_predictors, found),
    )
    columns = {"predictor": Column("predictor"), "target": Column("target")}
    for kind in ("Pearson", "Spearman"):
        columns |= {kind.lower(): Column(kind, "number", 2)}
        columns |= {f"{kind.lower()}_{end}": Column(end, "number", 2) for end in ("low", "high")}
    table = Table.of("predictors", f"Correlations over {models} models, with 95 % intervals.", columns, found)
    yield Section("predictors", title, _about_predictors(found), [plot], folded=[table])


def subsets(analysis: Analysis) -> Iterator[Section]:
    """Subsets of datasets, best validated first."""
    title, found = "Which datasets stand for all?", analysis.subsets
    if found is None:
        yield from not_computed(analysis, "subsets", title)
        return
    best = records(found.rows)[0]
    plot = Plot(
        "subsets",
        "Every subset: how well it fits the models it has seen, and those it has not",
        f"The best validated subset: R2 {best['in_sample_r2']:.2f} in-sample, {best['left_out_r2']:.2f} left out.",
        partial(_subsets, found),
    )
    titles = {
        "in_sample_r2": "in-sample R²",
        "left_out_r2": "left-out R²",
        "left_out_rank": "left-out rank correlation",
    }
    titles |= {"score_r2": "own xScore R²", "score_rank": "own xScore rank correlation"}
    columns = {"datasets": Column("datasets")}
    columns |= {name: Column(title, "number") for name, title in titles.items() if name in found.rows}
    rows = found.rows.assign(datasets=found.rows["datasets"].map(", ".join))
    shown, whole = (
        Table.of("subsets", f"{len(part)} of {counted(len(rows), 'subset')}, best validated first.", columns, part)
        for part in (rows.head(SUBSETS_SHOWN), rows)
    )
    folded = [whole] if len(rows) > SUBSETS_SHOWN else []
    yield Section("subsets", title, _about_subsets(found), [plot], [shown], folded)


def elements(analysis: Analysis) -> Iterator[Section]:
    """Effects of elements by ridge regression."""
    title, found = "Which elements carry?", analysis.elements
    if found is None:
        yield from not_computed(analysis, "elements", title)
        return
    plot = Plot(
        "elements",
        "Change of the xScore with one standard deviation more of an element; filled where decided",
        found.conclusion,
        partial(_elements, found.rows.dropna()),
    )
    columns = {"element": Column("element")}
    columns |= {name: Column(name, "signed") for name in ("effect", "low", "high")} | {"decided": Column("decided")}
    decided = found.rows["decided"].map({True: "yes", False: "no"})
    values = found.rows.assign(element=found.rows["element"].map(ELEMENTS), decided=decided)
    caption = "Change of the xScore with one standard deviation more of an element; simultaneous 95 % intervals."
    table = Table.of("elements", caption, columns, values)
    yield Section("elements", title, [found.conclusion], [plot], folded=[table])


def _about_predictors(found: pd.DataFrame) -> list[str]:
    models = found["models"].iloc[0]
    sentences = [f"Correlations over {models} models{'; so few make wide intervals' if models < FEW_MODELS else ''}."]
    scores = found[found["target"] == SCORE]
    if len(scores):
        best, worst = records(scores.nlargest(1, "pearson"))[0], records(scores.nsmallest(1, "pearson"))[0]
        sentences.append(
            f"The xScore of all other datasets goes best with {best['predictor']} (Pearson {_written(best, ', 95 % ')}) "
            f"and least with {worst['predictor']} ({_written(worst, ', ')})."
        )
    first = found[(found["predictor"] == found["predictor"].iloc[0]) & (found["target"] != SCORE)]
    listed = "; ".join(f"{row['target']} {row['pearson']:.2f}/{row['spearman']:.2f}" for row in records(first))
    return [*sentences, f"{first['predictor'].iloc[0]} as a predictor, Pearson/Spearman: {listed}."]


def _written(row: dict[str, Any], before: str) -> str:
    """Pearson's correlation with its interval, where there is one."""
    low, high = row["pearson_low"], row["pearson_high"]
    return f"{row['pearson']:.2f}" + (f"{before}{low:.2f} to {high:.2f}" if low == low else "")


def _about_subsets(found: Subsets) -> list[str]:
    fitted, chosen = records(found.rows.nlargest(1, "in_sample_r2"))[0], records(found.rows)[0]
    same = fitted["datasets"] == chosen["datasets"]
    return [
        f"Of {counted(len(found.rows), 'subset')} of {counted(len(chosen['datasets']), 'dataset')}, "
        f"{', '.join(fitted['datasets'])} fits the xScore of the models at hand best: R² {fitted['in_sample_r2']:.4f}. "
        f"Of a model that the fit has not seen it explains less: R² {fitted['left_out_r2']:.3f}.",
        "The validated figure chooses the same."
        if same
        else f"The validated figure chooses {', '.join(chosen['datasets'])}: R² {chosen['in_sample_r2']:.3f} in-sample, "
        f"{chosen['left_out_r2']:.3f} left out.",
        "Choosing the best of many is part of the method and has its price: where each model is predicted by the subset and "
        f"the fit that the others alone would have chosen, R² is {found.nested_r2:.3f}. That is what the claim is worth.",
    ]


def _predictors(found: pd.DataFrame, palette: Palette) -> Figure:
    names = list(dict.fromkeys(found["predictor"]))
    table = found.pivot(index="predictor", columns="target", values="pearson")
    table = table.reindex(index=names, columns=[*names, *[name for name in table.columns if name not in names]])
    return cell_plot(palette, table, (table + 1) / 2, matplotlib.colormaps["PuOr_r"], ".2f")


def _subsets(subsets: Subsets, palette: Palette) -> Figure:
    markers: dict[str, dict[str, Any]] = {
        label: {"marker": marker, "color": palette.variant, "markersize": 7, "linestyle": ""}
        for label, marker in (("best in-sample", "s"), ("best left out", "D"))
    }
    key = [Entry(label, marker) for label, marker in markers.items()]
    figure, (axes,) = blank(palette, 2.9, ["in-sample R²"], key=key)
    rows = subsets.rows
    low = max(-1.0, float(np.floor(10 * rows["left_out_r2"].min()) / 10))
    axes.plot([low, 1], [low, 1], color=palette.muted, linewidth=0.8, linestyle="--")
    axes.plot(rows["in_sample_r2"], rows["left_out_r2"], "o", color=palette.reference, markersize=4, alpha=0.75)
    fitted, chosen = records(rows.nlargest(1, "in_sample_r2"))[0], records(rows)[0]
    for row, marker in zip((fitted, chosen), markers.values(), strict=True):
        axes.plot(row["in_sample_r2"], row["left_out_r2"], **marker)
    axes.set(ylabel="leave-one-model-out R²", ylim=(low - 0.05, 1.03))
    axes.set_xlim(float(rows["in_sample_r2"].min()) - 0.03, 1.01)
    axes.grid()
    return figure


def _elements(rows: pd.DataFrame, palette: Palette) -> Figure:
    names = [ELEMENTS[str(name)].split(" (")[0] for name in rows["element"]]
    figure, (axes,) = rows_of(palette, names, ["change of the xScore"])
    axes.axvline(0, color=palette.muted, linewidth=1)
    for at, row in enumerate(records(rows)):
        axes.plot([row["low"], row["high"]], [at, at], color=palette.reference, linewidth=1.6)
        face = palette.reference if row["decided"] else palette.paper
        axes.plot(row["effect"], at, "o", color=palette.reference, markerfacecolor=face, markersize=5.5)
    return figure
