"""Plots of scores: xScore with intervals, accuracies, trade-offs, rank stability, the critical-difference diagram."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

import matplotlib
import pandas as pd
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator, NullLocator

from archlab.report.analysis import Analysis, percent
from archlab.report.costs import Cost, pareto
from archlab.report.palette import Palette
from archlab.report.plots import (
    MOST_MODELS,
    MOST_ROWS,
    ROW,
    Plot,
    blank,
    heat_map,
    label_points,
    role_colour,
    short_names,
    slanted,
)
from archlab.scoring import Comparison, records


def plots(analysis: Analysis) -> Iterator[Plot]:
    """In the order of the report."""
    models = analysis.models.dropna(subset="xscore")
    models = models.set_axis(short_names(models.index, analysis.base))
    best_only = f"; the best {MOST_ROWS} of {len(models)} models" if len(models) > MOST_ROWS else ""
    if len(models):
        best, worst = models.iloc[0], models.iloc[-1]
        alt = (
            f"The highest xScore has {best.name}, {best['xscore']:.3f}; the lowest {worst.name}, {worst['xscore']:.3f}."
        )
        title = "xScore with 95 % intervals for seed noise" if models["xscore_low"].notna().any() else "xScore"
        if any(name.startswith("+") for name in models.index):
            title += f"; names that begin with + are variants of {analysis.base}"
        yield Plot("xscore", title + best_only, alt, partial(_scores, models.head(MOST_ROWS)))
    table = percent(analysis.means).set_axis(short_names(analysis.means.index, analysis.base)).head(MOST_ROWS)
    yield Plot(
        "accuracy",
        f"Accuracy in percent, shaded from the lowest to the highest of each dataset{best_only}",
        "The numbers are those of the score table.",
        partial(_accuracies, table),
    )
    for cost in analysis.costs:
        if front := pareto(models[cost.column], models["xscore"]):
            yield Plot(
                f"pareto-{cost.column}",
                f"xScore against {cost.title}; the line joins the models that no other beats in both",
                f"No model is both cheaper and better than {', '.join(front)}.",
                partial(_pareto, models, cost, front),
            )
    if analysis.ranks is not None:
        ranks = analysis.ranks.loc[analysis.models.dropna(subset="xscore").index].set_axis(list(models.index))
        ranks = ranks.iloc[:MOST_MODELS, :MOST_MODELS]
        alt = f"{ranks[1].idxmax()} is first with a probability of {ranks[1].max():.2f}."
        yield Plot("ranks", "Probability of each rank under seed noise", alt, partial(_ranks, ranks))
    if analysis.comparison is not None and len(models) <= MOST_MODELS:
        comparison = analysis.comparison
        yield Plot(
            "critical-difference",
            "Average ranks over datasets; a bar joins models that are not told apart",
            comparison.statement,
            partial(_critical_difference, comparison, analysis.base),
        )


def _scores(models: pd.DataFrame, palette: Palette) -> Figure:
    figure, (axes,) = blank(palette, 0.7 + ROW * len(models))
    for row, model in enumerate(records(models)):
        colour = role_colour(model["role"], palette)
        if pd.notna(model["xscore_low"]):
            axes.plot(
                [model["xscore_low"], model["xscore_high"]],
                [row, row],
                color=colour,
                linewidth=1.6,
                solid_capstyle="butt",
            )
        marker = "D" if model["role"] == "variant" else "o"
        axes.plot(model["xscore"], row, marker, color=colour, markersize=5.5)
    axes.set_yticks(range(len(models)), [str(name) for name in models.index])
    axes.set_ylim(len(models) - 0.5, -0.5)
    axes.set_xlabel("xScore")
    axes.grid(axis="x")
    axes.tick_params(axis="y", length=0)
    if (models["role"] == "variant").any():
        for role, marker in (("reference", "o"), ("variant", "D")):
            axes.plot([], [], marker, color=role_colour(role, palette), label=role, markersize=5.5)
        axes.legend(loc="lower right", fontsize=8)
    return figure


def _accuracies(table: pd.DataFrame, palette: Palette) -> Figure:
    figure, (axes,) = blank(palette, 1.0 + ROW * len(table))
    span = (table.max() - table.min()).replace(0, 1)
    heat_map(axes, table, (table - table.min()) / span, matplotlib.colormaps["cividis"], ".1f", palette)
    slanted(axes)
    return figure


def _pareto(models: pd.DataFrame, cost: Cost, front: list[str], palette: Palette) -> Figure:
    figure, (axes,) = blank(palette, 3.1)
    costs = models[cost.column]
    costs_of, scores = costs.to_dict(), models["xscore"].to_dict()
    axes.step([costs_of[name] for name in front], [scores[name] for name in front], where="post", color=palette.accent)
    for name, role in models["role"].to_dict().items():
        marker = "D" if role == "variant" else "o"
        axes.plot(costs_of[name], scores[name], marker, color=role_colour(role, palette), markersize=5)
        if f"{cost.column}_low" in models:
            quartiles = [models[f"{cost.column}_{end}"].to_dict()[name] for end in ("low", "high")]
            axes.plot(quartiles, [scores[name]] * 2, color=role_colour(role, palette), linewidth=1)
    if costs.max() > 8 * costs.min() > 0:
        axes.set_xscale("log")
        axes.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
        axes.xaxis.set_major_formatter("{x:g}")
        axes.xaxis.set_minor_locator(NullLocator())
    axes.margins(0.18, 0.1)
    axes.set_xlabel(cost.label)
    axes.set_ylabel("xScore")
    axes.grid()
    points = {str(name): (float(costs_of[name]), float(scores[name])) for name in scores if pd.notna(costs_of[name])}
    named = points if len(points) <= MOST_MODELS else {name: points[name] for name in front}
    label_points(figure, axes, named, {name: palette.ink if name in front else palette.muted for name in named})
    return figure


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
