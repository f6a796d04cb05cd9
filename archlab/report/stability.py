"""Sections on how far a ranking can be trusted, and whether it would hold on other datasets."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

import matplotlib
import pandas as pd
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from archlab.foundation.words import as_sentence
from archlab.report.analysis import Analysis
from archlab.report.cell_plot import cell_plot
from archlab.report.palette import Palette
from archlab.report.plots import MOST_MODELS, Plot, first_only, rows_of, short_names
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
    sentences = [as_sentence(analysis.missing["ranks"])] if "ranks" in analysis.missing else []
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
        "Average ranks over datasets; a bar at the right joins models that are not told apart",
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
    title = f"Probability of each rank under {analysis.noise}{first_only(len(order), MOST_MODELS)}"
    return [Plot("ranks", title, alt, partial(_ranks, ranks))]


def _ranks(ranks: pd.DataFrame, palette: Palette) -> Figure:
    shown = ranks.where(ranks >= 0.005)
    return cell_plot(palette, shown, shown, matplotlib.colormaps["Blues"], ".2f", across="rank by xScore")


def _critical_difference(comparison: Comparison, base: str | None, palette: Palette) -> Figure:
    ranks = comparison.average_ranks
    label = f"average rank; critical difference {comparison.critical_difference:.2f}"
    figure, (axes,) = rows_of(palette, short_names(ranks.index, base), [label])
    rows = {name: row for row, name in enumerate(ranks.index)}
    right = len(ranks) + 0.4
    step = 0.03 * len(ranks)
    for at, group in enumerate(comparison.groups):
        ends = [rows[group[0]] - 0.25, rows[group[-1]] + 0.25]
        axes.plot([right + at * step] * 2, ends, color=palette.variant, linewidth=3, solid_capstyle="butt")
    for row, rank in enumerate(ranks):
        axes.plot([rank, right], [row, row], color=palette.line, linewidth=0.8)
        axes.plot(rank, row, "o", color=palette.ink, markersize=5.5)
    axes.set_xlim(0.6, right + max(len(comparison.groups), 1) * step)
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    return figure
