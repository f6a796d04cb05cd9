"""Plots of the three claims: predictors, subsets, elements."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

import matplotlib
import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from archlab.report.analysis import Analysis
from archlab.report.palette import Palette
from archlab.report.plots import ROW, Plot, blank, heat_map, slanted
from archlab.scoring import ELEMENTS, Subsets, records


def plots(analysis: Analysis) -> Iterator[Plot]:
    """In the order of the report."""
    if analysis.predictors is not None:
        found = analysis.predictors
        weakest = records(found.nsmallest(1, "pearson"))[0]
        alt = f"The lowest, {weakest['pearson']:.2f}, is that of {weakest['predictor']} with {weakest['target']}."
        yield Plot(
            "predictors",
            "Pearson correlation of one dataset's accuracies (rows) with another's (columns), over models",
            alt,
            partial(_predictors, found),
        )
    if analysis.subsets is not None:
        subsets = analysis.subsets
        best = records(subsets.rows)[0]
        yield Plot(
            "subsets",
            "Every subset: how well it fits the models it has seen, and those it has not",
            f"The best validated subset: R2 {best['in_sample_r2']:.2f} in-sample, {best['left_out_r2']:.2f} left out.",
            partial(_subsets, subsets),
        )
    if analysis.elements is not None:
        rows = analysis.elements.rows.dropna()
        yield Plot(
            "elements",
            "Change of the xScore with one standard deviation more of an element; filled where decided",
            analysis.elements.conclusion,
            partial(_elements, rows),
        )


def _predictors(found: pd.DataFrame, palette: Palette) -> Figure:
    names = list(dict.fromkeys(found["predictor"]))
    table = found.pivot(index="predictor", columns="target", values="pearson")
    table = table.reindex(index=names, columns=[*names, *[name for name in table.columns if name not in names]])
    figure, (axes,) = blank(palette, 1.2 + ROW * len(names))
    heat_map(axes, table, (table + 1) / 2, matplotlib.colormaps["PuOr_r"], ".2f", palette)
    slanted(axes)
    return figure


def _subsets(subsets: Subsets, palette: Palette) -> Figure:
    figure, (axes,) = blank(palette, 3.4)
    rows = subsets.rows
    low = max(-1.0, float(np.floor(10 * rows["left_out_r2"].min()) / 10))
    axes.plot([low, 1], [low, 1], color=palette.muted, linewidth=0.8, linestyle="--")
    axes.plot(rows["in_sample_r2"], rows["left_out_r2"], "o", color=palette.reference, markersize=4, alpha=0.75)
    fitted, chosen = records(rows.nlargest(1, "in_sample_r2"))[0], records(rows)[0]
    for row, marker, label in ((fitted, "s", "best in-sample"), (chosen, "D", "best left out")):
        axes.plot(row["in_sample_r2"], row["left_out_r2"], marker, color=palette.variant, markersize=7, label=label)
    axes.set(xlabel="in-sample R²", ylabel="leave-one-model-out R²", ylim=(low - 0.05, 1.03))
    axes.set_xlim(float(rows["in_sample_r2"].min()) - 0.03, 1.01)
    axes.grid()
    axes.legend(loc="lower right", fontsize=8)
    return figure


def _elements(rows: pd.DataFrame, palette: Palette) -> Figure:
    figure, (axes,) = blank(palette, 0.8 + ROW * len(rows))
    axes.axvline(0, color=palette.muted, linewidth=1)
    for at, row in enumerate(records(rows)):
        axes.plot([row["low"], row["high"]], [at, at], color=palette.reference, linewidth=1.6)
        face = palette.reference if row["decided"] else palette.paper
        axes.plot(row["effect"], at, "o", color=palette.reference, markerfacecolor=face, markersize=5.5)
    axes.set_yticks(range(len(rows)), [ELEMENTS[str(name)].split(" (")[0] for name in rows["element"]])
    axes.set_ylim(len(rows) - 0.5, -0.5)
    axes.set_xlabel("change of the xScore")
    axes.grid(axis="x")
    axes.tick_params(axis="y", length=0)
    return figure
