"""Sections on how far a ranking can be trusted, and whether it would hold on other datasets."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

import matplotlib
import pandas as pd
from matplotlib.figure import Figure

from archlab.report.analysis import Analysis
from archlab.report.palette import Palette
from archlab.report.plots import MOST_MODELS, ROW, Plot, blank, heat_map, short_names
from archlab.report.section import Section, not_computed
from archlab.report.table import Column, Table
from archlab.scoring import Comparison


def stability(analysis: Analysis) -> Iterator[Section]:
    """A model's rank, and what it would be under other circumstances."""
    if analysis.ranks_by_lambda is None:
        return
    by_lambda, own = analysis.ranks_by_lambda, analysis.scores.lam
    values = pd.DataFrame({"model": by_lambda.index, "rank": by_lambda[own]}, index=by_lambda.index)
    columns = {"model": Column("model"), "rank": Column("rank", "integer")}
    if analysis.ranks_without is not None:
        without = analysis.ranks_without.rename(columns="without {}".format)
        values = values.join(without)
        columns |= {str(name): Column(str(name), "integer") for name in without}
    others = by_lambda.drop(columns=own).rename(columns="lambda {:g}".format)
    columns |= {str(name): Column(str(name), "integer") for name in others} | {"worst": Column("worst dataset")}
    values = values.join(others).assign(worst=analysis.models["worst"])
    caption = "Rank by xScore, with one dataset left out, and under other lambdas."
    sentences = [f"{analysis.missing['ranks'].capitalize()}."] if "ranks" in analysis.missing else []
    tables = [Table.of("stability", caption, columns, values)]
    yield Section("stability", "How far the ranking can be trusted", sentences, _rank_plots(analysis), tables)


def other_datasets(analysis: Analysis) -> Iterator[Section]:
    """The datasets as a sample."""
    title, comparison = "Would it hold on other datasets?", analysis.comparison
    if comparison is None:
        yield from not_computed(analysis, "comparison", title)
        return
    intro = "All else here holds these datasets fixed. Now they are a sample, and each counts once, whatever its seeds."
    plot = Plot(
        "critical-difference",
        "Average ranks over datasets; a bar joins models that are not told apart",
        comparison.statement,
        partial(_critical_difference, comparison, analysis.base),
    )
    shown = [plot] if len(comparison.average_ranks) <= MOST_MODELS else []
    yield Section("comparison", title, [intro, comparison.statement], shown)


def _rank_plots(analysis: Analysis) -> list[Plot]:
    if analysis.ranks is None:
        return []
    order = analysis.models.dropna(subset="xscore").index
    ranks = analysis.ranks.loc[order].set_axis(short_names(order, analysis.base)).iloc[:MOST_MODELS, :MOST_MODELS]
    alt = f"{ranks[1].idxmax()} is first with a probability of {ranks[1].max():.2f}."
    return [Plot("ranks", f"Probability of each rank under {analysis.noise}", alt, partial(_ranks, ranks))]


def _ranks(ranks: pd.DataFrame, palette: Palette) -> Figure:
    figure, (axes,) = blank(palette, 0.8 + ROW * len(ranks))
    shown = ranks.where(ranks >= 0.005)
    heat_map(axes, shown, shown, matplotlib.colormaps["Blues"], ".2f", palette)
    axes.set_xlabel("rank by xScore", labelpad=8)
    axes.xaxis.set_label_position("top")
    return figure


def _critical_difference(comparison: Comparison, base: str | None, palette: Palette) -> Figure:
    ranks = comparison.average_ranks
    count = len(ranks)
    left = (count + 1) // 2
    groups = len(comparison.groups)
    figure, (axes,) = blank(palette, 0.9 + 0.16 * groups + 0.24 * left)
    axes.set(xlim=(count + 0.2, 0.8), ylim=(-1.2 - 0.45 * groups - 0.8 * left, 1.6))
    axes.axis("off")
    axes.plot([1, count], [0, 0], color=palette.ink, linewidth=1)
    for rank in range(1, count + 1):
        axes.plot([rank, rank], [0, 0.2], color=palette.ink, linewidth=1)
        axes.text(rank, 0.35, str(rank), ha="center", va="bottom", fontsize=8)
    width = min(comparison.critical_difference, count - 1)
    axes.plot([count, count - width], [1.25, 1.25], color=palette.accent, linewidth=2)
    axes.annotate(
        f"critical difference {comparison.critical_difference:.2f}",
        (count - width, 1.25),
        (5, 0),
        textcoords="offset points",
        va="center",
        fontsize=8,
    )
    for row, group in enumerate(comparison.groups):
        ends = [ranks[group[0]] - 0.06, ranks[group[-1]] + 0.06]
        axes.plot(ends, [-0.5 - 0.45 * row] * 2, color=palette.variant, linewidth=3, solid_capstyle="butt")
    names = short_names(ranks.index, base)
    for position, (name, rank) in enumerate(zip(names, ranks, strict=True)):
        first_half = position < left
        row = position if first_half else count - 1 - position
        y, edge = -0.9 - 0.45 * groups - 0.8 * row, 0.9 if first_half else count + 0.1
        axes.plot([rank, rank, edge], [0, y, y], color=palette.muted, linewidth=0.8)
        axes.annotate(
            f"{name} {rank:.2f}",
            (edge, y),
            (3 if first_half else -3, 0),
            textcoords="offset points",
            ha="left" if first_half else "right",
            va="center",
            fontsize=8,
        )
    return figure
