"""Sections on scores, accuracies, and what the models cost."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

import matplotlib
import pandas as pd
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator, NullLocator

from archlab.foundation.metric import Metric
from archlab.report.analysis import Analysis, told
from archlab.report.boards import board_tables
from archlab.report.cell_plot import cell_plot
from archlab.report.costs import Cost, pareto
from archlab.report.key import Entry
from archlab.report.palette import Palette
from archlab.report.plots import (
    MOST_MODELS,
    MOST_ROWS,
    Plot,
    blank,
    first_only,
    role_colour,
    role_marker,
    rows_of,
    rows_within,
    short_names,
)
from archlab.report.point_names import are_short, name_points
from archlab.report.section import Section
from archlab.report.table import Column, Table
from archlab.scoring import points, records
from archlab.scoring.scores import FEW_MODELS

MOST_STEPS = 4  # of a front that are named
SCREEN = 3.4  # inches of the plot that is always shown
LATENCY = (
    "Latency is the median time for one image (batch 1, training branches merged): in ONNX Runtime, where that is named, of "
    "the graph that `archlab export` writes, else in torch; bars span the middle half of the repeats."
)
ON_BOARDS = (
    "Latencies on boards are as they were imported, of whatever ran the networks there: archlab has not measured them."
)
NO_LATENCY = "No latency was measured: pip install 'archlab[onnx]', and make the study again, which trains nothing."


def scores(analysis: Analysis) -> Iterator[Section]:
    """The frame in words, and one row a model, best first."""
    plots, rest = _score_plots(analysis)
    yield Section("scores", "Scores", [_frame(analysis)], plots, [_table(analysis)], folded_plots=rest, is_open=True)


def accuracies(analysis: Analysis) -> Iterator[Section]:
    """A heat map of the seed means."""
    means, metric = analysis.means, analysis.metric
    table = told(means, metric).set_axis(short_names(means.index, analysis.base)).head(MOST_ROWS)
    ends = (
        "the lowest to the highest" if metric.higher_is_better else "the highest (the worst) to the lowest (the best)"
    )
    title = f"{metric.words[0].upper()}{metric.words[1:]} {_unit(metric)}, shaded from {ends} of each dataset"
    title += first_only(len(means))
    plot = Plot("accuracy", title, "The numbers are those of the score table.", partial(_accuracies, table, metric))
    yield Section("accuracy", _several(metric), plots=[plot])


def costs(analysis: Analysis) -> Iterator[Section]:
    """The score against each cost that is known."""
    title, tables = "What it costs", board_tables(analysis)
    if not analysis.costs:
        yield Section("costs", title, ["The costs of these models are not known."], tables=tables)
        return
    sentences, plots = [], []
    models = _scored(analysis)
    if models.empty:
        yield Section(
            "costs",
            title,
            ["No model has a score to hold against its cost; what is known of costs is in the first table."],
            tables=tables,
        )
        return
    for cost in analysis.costs:
        if front := pareto(analysis.models[cost.column], analysis.models["xscore"]):
            sentences.append(f"Not beaten in both {cost.title} and xScore: {', '.join(front)}.")
            plots.append(_pareto_plot(models, cost, short_names(front, analysis.base)))
    if any(cost.column == "latency" for cost in analysis.costs):
        sentences.append(LATENCY)
    elif analysis.material.runs and not tables:
        sentences.append(NO_LATENCY)
    if any(cost.board for cost in analysis.costs):
        sentences.append(ON_BOARDS)
    fronts = _fronts(analysis.models.dropna(subset="xscore"), analysis.costs)
    yield Section("costs", title, sentences, plots, tables, folded=[fronts] if fronts.rows else [])


def _fronts(models: pd.DataFrame, costs: list[Cost]) -> Table:
    """Of each cost which model is best within any budget of it."""
    rows = []
    for cost in costs:
        front = pareto(models[cost.column], models["xscore"])
        steps = [f"{name} from {models[cost.column][name]:.{cost.digits}f}" for name in front]
        shown = steps if len(steps) <= MOST_STEPS else [*steps[: MOST_STEPS - 1], "…", steps[-1]]
        if len(front) > 1:
            rows.append({"cost": cost.label, "models": ", ".join(shown)})
    columns = {"cost": Column("budget of"), "models": Column("best within it")}
    return Table.of("budgets", "The best within any budget.", columns, rows)


def _several(metric: Metric) -> str:
    """`Accuracies`, `Balanced accuracies`, `Values of macro f1`."""
    words = metric.words
    return f"{words.removesuffix('y')}ies".capitalize() if words.endswith("accuracy") else f"Values of {words}"


def _unit(metric: Metric) -> str:
    if metric.is_share:
        return "in percent"
    return "as they are" if metric.unit == metric.words else f"in {metric.unit}"


def _digits(metric: Metric) -> int:
    return 1 if metric.is_share else 3


def _frame(analysis: Analysis) -> str:
    frame = analysis.frame
    if frame is None:
        return "There are no scores: a frame needs two complete models and two datasets that tell them apart."
    worst, best = ("lowest", "highest") if analysis.metric.higher_is_better else ("highest", "lowest")
    spanned = "all complete models" if frame.kind == "cohort" else f"the references {', '.join(frame.models)}"
    sentence = (
        f"Normalised, 0 is the {worst} and 1 the {best} {analysis.metric.words} of {spanned} on a dataset; "
        f"xScore = mean − {analysis.scores.lam:g} × variance of these over {len(frame.datasets)} datasets. "
        "Scores of different frames cannot be compared."
    )
    if frame.kind == "cohort" and len(frame.models) <= FEW_MODELS:
        sentence += f" A frame of {len(frame.models)} models is fragile: read differences in {points(analysis.metric)}."
    return f"{sentence} With one seed a cell there are no intervals." if analysis.seeds == (1, 1) else sentence


def _table(analysis: Analysis) -> Table:
    models, means, digits = analysis.models, told(analysis.means, analysis.metric), _digits(analysis.metric)
    named = {name: f"on {name}" for name in means.columns}  # a dataset may be called as a column is
    columns = {"model": Column("model"), "role": Column("role"), "xscore": Column("xScore", "number")}
    columns |= {"xscore_low": Column("low", "number"), "xscore_high": Column("high", "number")}
    columns |= {"difference": Column("to base", "signed"), "mean": Column("mean", "number")}
    columns |= {"variance": Column("variance", "number")}
    columns |= {name: Column(name, "number") for name in analysis.material.own_scores}
    columns |= {"accuracy": Column(f"mean {analysis.metric.words}", "number", digits)}
    columns |= {column: Column(str(name), "number", digits) for name, column in named.items()}
    columns |= {"worst": Column("worst dataset"), "at_chance": Column("at chance")}
    columns |= {cost.column: Column(cost.head, "number", cost.digits) for cost in analysis.costs}
    values = models.join(means.rename(columns=named)).assign(
        model=models.index, accuracy=means.mean(axis=1, skipna=False)
    )
    kept = {name: column for name, column in columns.items() if name in values and values[name].notna().any()}
    interval = f"; low and high: 95 % interval for {analysis.noise}" if "xscore_low" in kept else ""
    lost = "; at chance: where no more is reached than without a look at the images" if "at_chance" in kept else ""
    measured = _several(analysis.metric)
    normalised = f"; mean, variance and xScore of normalised {measured.lower()}" if "xscore" in kept else ""
    start = "Scores, best first. " if "xscore" in kept else ""
    caption = f"{start}{measured} {_unit(analysis.metric)}, the mean over seeds{normalised}{interval}{lost}."
    roles = [role if isinstance(role, str) else "" for role in models["role"]]  # a table says nothing of its models
    return Table.of("scores", caption, kept, values, roles if "role" in kept else ())


def _scored(analysis: Analysis) -> pd.DataFrame:
    """The models that have a score, by their short names."""
    models = analysis.models.dropna(subset="xscore")
    return models.set_axis(short_names(models.index, analysis.base))


def _score_plots(analysis: Analysis) -> tuple[list[Plot], list[Plot]]:
    """The best models that a screen has room for; and, of more, another plot."""
    models = _scored(analysis)
    if models.empty:
        return [], []
    best, worst = models.iloc[0], models.iloc[-1]
    alt = f"The highest xScore has {best.name}, {best['xscore']:.3f}; the lowest {worst.name}, {worst['xscore']:.3f}."
    title = f"xScore with 95 % intervals for {analysis.noise}" if models["xscore_low"].notna().any() else "xScore"
    if any(name.startswith("+") for name in models.index):
        title += f"; names that begin with + are variants of {analysis.base}"

    def plot(name: str, most: int) -> Plot:
        shown = f"; all {len(models)} models" if name != "xscore" else ""
        if len(models) > most:
            shown = f"; the best {most} of {len(models)} models"
        return Plot(name, title + shown, alt, partial(_scores, models.head(most)))

    few = rows_within(models.index, SCREEN)
    return [plot("xscore", few)], [plot("xscore-all", MOST_ROWS)] if len(models) > few else []


def _pareto_plot(models: pd.DataFrame, cost: Cost, front: list[str]) -> Plot:
    return Plot(
        f"pareto-{cost.column}",
        f"xScore against {cost.title}; the line joins the models that no other beats in both",
        f"No model is both cheaper and better than {', '.join(front)}.",
        partial(_pareto, models, cost, front),
    )


def _scores(models: pd.DataFrame, palette: Palette) -> Figure:
    roles = ("reference", "variant") if (models["role"] == "variant").any() else ()
    key = [
        Entry(role, {"marker": role_marker(role), "color": role_colour(role, palette), "linestyle": ""})
        for role in roles
    ]
    figure, (axes,) = rows_of(palette, models.index, ["xScore"], key=key)
    for row, model in enumerate(records(models)):
        colour, ends = role_colour(model["role"], palette), [model["xscore_low"], model["xscore_high"]]
        if pd.notna(ends[0]):
            axes.plot(ends, [row, row], color=colour, linewidth=1.6, solid_capstyle="butt")
        axes.plot(model["xscore"], row, role_marker(model["role"]), color=colour, markersize=5.5)
    return figure


def _accuracies(table: pd.DataFrame, metric: Metric, palette: Palette) -> Figure:
    span = (table.max() - table.min()).replace(0, 1)
    shades = (table - table.min()) / span
    shades = shades if metric.higher_is_better else 1 - shades
    return cell_plot(palette, table, shades, matplotlib.colormaps["cividis"], f".{_digits(metric)}f")


def _pareto(models: pd.DataFrame, cost: Cost, front: list[str], palette: Palette) -> Figure:
    costs = models[cost.column]
    rows = dict(zip(models.index, records(models), strict=True))
    points = {name: (row[cost.column], row["xscore"]) for name, row in rows.items()}
    known = [name for name, point in points.items() if pd.notna(point[0])]
    named = known if len(known) <= MOST_MODELS else front
    short = are_short(named)
    texts = {name: name if short else str(at) for at, name in enumerate(named, 1)}
    key = [] if short else [Entry(name, number=text) for name, text in texts.items()]
    figure, (axes,) = blank(palette, 2.6, [cost.label], key=key)
    axes.step(*zip(*(points[name] for name in front), strict=True), where="post", color=palette.accent)
    for name, row in rows.items():
        colour = role_colour(row["role"], palette)
        axes.plot(*points[name], role_marker(row["role"]), color=colour, markersize=5)
        if f"{cost.column}_low" in row:
            quartiles = [row[f"{cost.column}_{end}"] for end in ("low", "high")]
            axes.plot(quartiles, [row["xscore"]] * 2, color=colour, linewidth=1)
    if costs.max() > 8 * costs.min() > 0:
        axes.set_xscale("log")
        axes.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
        axes.xaxis.set_major_formatter("{x:g}")
        axes.xaxis.set_minor_locator(NullLocator())
    axes.margins(0.18, 0.1)
    axes.set_ylabel("xScore")
    axes.grid()
    places = {text: points[name] for name, text in texts.items()}
    colours = {text: palette.ink if name in front else palette.muted for name, text in texts.items()}
    name_points(figure, axes, places, colours, palette)
    return figure
