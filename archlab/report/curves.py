"""Section on learning curves."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import Any

import matplotlib
import pandas as pd
from matplotlib.figure import Figure

from archlab.report.analysis import Analysis
from archlab.report.key import Entry
from archlab.report.palette import Palette
from archlab.report.plots import (
    MOST_MODELS,
    Plot,
    blank,
    role_colour,
    role_marker,
    rows_of,
    short_names,
    slug,
)
from archlab.report.section import Section

LABEL = "validation accuracy (%)"


def curves(analysis: Analysis) -> Iterator[Section]:
    """Validation accuracy by epoch, for each dataset; where there was one epoch alone, where it ended."""
    found = analysis.material.curves
    if found is None:
        return
    plots, single = [], []
    if "validation_accuracy" in found:
        found = found.dropna(subset="validation_accuracy")  # as of runs that trained on it
    for dataset in dict.fromkeys(found["dataset"]) if "validation_accuracy" in found else ():
        part = found[found["dataset"] == dataset]
        is_single = part["epoch"].max() <= 1
        single += [dataset] if is_single else []
        when, draw = ("after its one epoch", _ends) if is_single else ("by epoch", _curves)
        plots.append(
            Plot(
                f"curves-{slug(dataset)}",
                f"{dataset}: validation accuracy {when}, mean over seeds",
                f"Of the best {len(_shown(part, analysis)[0])} models.",
                partial(draw, part, analysis),
            )
        )
    if plots:
        yield Section("curves", "Learning curves", _said(found, single), plots)


def _said(found: pd.DataFrame, single: list[str]) -> list[str]:
    if not single:
        return []
    counts = found[found["dataset"].isin(single)]["steps"].dropna() if "steps" in found else pd.Series(dtype=int)
    steps = f" of {counts.min():,.0f}" if len(counts) else ""
    steps += f" to {counts.max():,.0f}" if counts.nunique() > 1 else ""
    steps += " steps" if len(counts) else ""
    where = "" if len(single) == found["dataset"].nunique() else f" on {', '.join(map(str, single))}"
    return [f"Training was one epoch{steps}{where}, so there is no curve: shown is the validation accuracy after it."]


def _curves(curves: pd.DataFrame, analysis: Analysis, palette: Palette) -> Figure:
    models, names = _shown(curves, analysis)
    colours = matplotlib.color_sequences["tab10" if len(models) <= 10 else "tab20"]
    lines: list[dict[str, Any]] = [
        {
            "color": colour,
            "linewidth": 1.3,
            "linestyle": "--" if analysis.models.loc[model, "role"] == "variant" else "-",
            "marker": "." if curves["epoch"].max() < 30 else "",
        }
        for model, colour in zip(models, colours, strict=False)
    ]
    key = [Entry(name, line) for name, line in zip(names, lines, strict=True)]
    figure, (axes,) = blank(palette, 2.4, ["epoch"], key=key)
    for model, line in zip(models, lines, strict=True):
        means = _means(curves, model)
        axes.plot(means.index, means, **line)
    axes.set_ylabel(LABEL)
    axes.grid()
    axes.xaxis.set_major_locator(matplotlib.ticker.MaxNLocator(integer=True))
    return figure


def _ends(curves: pd.DataFrame, analysis: Analysis, palette: Palette) -> Figure:
    models, names = _shown(curves, analysis)
    figure, (axes,) = rows_of(palette, names, [LABEL])
    for row, model in enumerate(models):
        role = analysis.models.loc[model, "role"]
        axes.plot(_means(curves, model), [row], role_marker(role), color=role_colour(role, palette), markersize=5.5)
    return figure


def _shown(curves: pd.DataFrame, analysis: Analysis) -> tuple[list[str], list[str]]:
    """The best models, and what they are called in a plot."""
    known = set(curves["model"])
    models = [model for model in analysis.models.index if model in known][:MOST_MODELS]
    return models, short_names(models, analysis.base)


def _means(curves: pd.DataFrame, model: str) -> pd.Series:
    return 100 * curves[curves["model"] == model].groupby("epoch")["validation_accuracy"].mean()
