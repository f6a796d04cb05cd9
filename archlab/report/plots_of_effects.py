"""Plots of effects and learning curves."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import partial

import matplotlib
import pandas as pd
from matplotlib.figure import Figure

from archlab.report.analysis import Analysis
from archlab.report.palette import Palette
from archlab.report.plots import MOST_MODELS, ROW, Plot, blank, short_names
from archlab.scoring import records

MEASURES = {"points": "accuracy points", "xscore": "xScore"}
KINDS = {"equal_budget": "equal budget", "raw": "raw"}


def plots(analysis: Analysis) -> Iterator[Plot]:
    """A forest plot for each study with options, learning curves for each dataset."""
    for study, effects in analysis.effects.items():
        if effects.rows.empty:
            continue
        rows = effects.rows[effects.rows["dataset"].isna() & (effects.rows["of"] == "effect")]
        decided = rows[rows["decided"]]
        named = ", ".join(f"{row['choice']}={row['option']}" for row in records(decided))
        yield Plot(
            "effects" if len(analysis.effects) == 1 else f"effects-{study}",
            f"Difference of each option to the base{'' if len(analysis.effects) == 1 else f', {study}'}; filled where decided",
            f"Decided: {named or 'none'}.",
            partial(_forest, rows),
        )
    if analysis.curves is not None and "validation_accuracy" in analysis.curves:
        curves = analysis.curves
        for dataset in dict.fromkeys(curves["dataset"]):
            part = curves[curves["dataset"] == dataset]
            yield Plot(
                f"curves-{re.sub(r'[^a-zA-Z0-9]', '-', dataset)}",
                f"{dataset}: validation accuracy by epoch, mean over seeds",
                f"Learning curves of the best {min(part['model'].nunique(), MOST_MODELS)} models.",
                partial(_curves, part, analysis),
            )


def _forest(rows: pd.DataFrame, palette: Palette) -> Figure:
    rows = rows.sort_values("kind", kind="stable")
    options = list(dict.fromkeys(zip(rows["choice"], rows["option"], rows["kind"], strict=True)))
    figure, columns = blank(palette, 0.9 + ROW * len(options), columns=2)
    for axes, (measure, label) in zip(columns, MEASURES.items(), strict=True):
        axes.axvline(0, color=palette.muted, linewidth=1)
        for at, key in enumerate(options):
            found = rows[(rows["measure"] == measure) & (rows[["choice", "option", "kind"]] == list(key)).all(axis=1)]
            for row in records(found):
                colour = palette.variant if row["kind"] == "equal_budget" else palette.reference
                if pd.notna(row["low"]):
                    axes.plot([row["low"], row["high"]], [at, at], color=colour, linewidth=1.6)
                face = colour if row["decided"] else palette.paper
                axes.plot(row["difference"], at, "D", color=colour, markerfacecolor=face, markersize=5.5)
        axes.set_yticks(range(len(options)), [f"{choice}={option}, {KINDS[kind]}" for choice, option, kind in options])
        axes.set_xlabel(label)
        axes.grid(axis="x")
        axes.tick_params(axis="y", length=0)
    columns[0].set_ylim(len(options) - 0.5, -0.5)
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
