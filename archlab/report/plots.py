"""What the plots of a report share, by matplotlib."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from matplotlib import rc_context
from matplotlib.axes import Axes
from matplotlib.colors import Colormap
from matplotlib.figure import Figure

from archlab.foundation.escaping import visible
from archlab.report.palette import FILE, Palette

WIDTH = 4.6  # inches: text is as large as a phone shows it well
MOST_MODELS = 20  # in plots that grow with the square of the models, or need a legend
MOST_ROWS = 60  # of plots with a row a model: the best ones
ROW = 0.3


@dataclass(frozen=True)
class Plot:
    """A figure that is drawn when needed, in a palette.

    Args:
        name: Of its file. title: What it shows. alt: The same for those who do not see it, with what it says.
    """

    name: str
    title: str
    alt: str
    draw: Callable[[Palette], Figure]


def blank(palette: Palette, height: float, columns: int = 1) -> tuple[Figure, list[Axes]]:
    """An empty figure with `columns` axes."""
    figure = Figure(figsize=(WIDTH, height), layout="constrained", facecolor="none")
    axes = figure.subplots(1, columns, squeeze=False, sharey=columns > 1)[0]
    for each in axes:
        each.set_facecolor("none")
        each.set_axisbelow(True)
    return figure, list(axes)


def role_colour(role: Any, palette: Palette) -> str:
    return palette.variant if role == "variant" else palette.reference


def role_marker(role: Any) -> str:
    return "D" if role == "variant" else "o"


def name_rows(axes: Axes, names: Iterable[Any], label: str) -> None:
    """Names the rows 0, 1, ... from the top down, and what is measured along them."""
    texts = [str(name) for name in names]
    axes.set_yticks(range(len(texts)), texts)
    axes.set_ylim(len(texts) - 0.5, -0.5)
    axes.set_xlabel(label)
    axes.grid(axis="x")
    axes.tick_params(axis="y", length=0)


def heat_map(
    axes: Axes, table: pd.DataFrame, colours: pd.DataFrame, colormap: Colormap, text: str, palette: Palette
) -> None:
    """Cells coloured by `colours` (0 to 1) with the numbers of `table` in them; readable on any theme."""
    size = min(8.0, 100 / table.shape[1])
    shades, values = colours.to_numpy(dtype=float), table.to_numpy(dtype=float)
    axes.pcolormesh(np.ma.masked_invalid(shades), cmap=colormap, vmin=0, vmax=1, edgecolors=palette.paper, linewidth=1)
    for row, column in np.ndindex(*shades.shape):
        value = values[row, column]
        red, green, blue, _ = colormap(shades[row, column])
        dark = 0.299 * red + 0.587 * green + 0.114 * blue < 0.5
        written = "–" if np.isnan(value) else format(value, text)
        colour = palette.muted if np.isnan(value) else "#ffffff" if dark else "#111111"
        axes.text(column + 0.5, row + 0.5, written, ha="center", va="center", fontsize=size, color=colour)
    axes.set_xticks(np.arange(shades.shape[1]) + 0.5, [str(name) for name in table.columns])
    axes.set_yticks(np.arange(shades.shape[0]) + 0.5, [str(name) for name in table.index])
    axes.tick_params(length=0)
    axes.xaxis.tick_top()
    axes.invert_yaxis()
    for spine in axes.spines.values():
        spine.set_visible(False)


def short_names(names: Iterable[Any], base: str | None) -> list[str]:
    """Variants of the base without its name: `+attention=se`."""
    texts = [str(name) for name in names]
    return [text.removeprefix(base) if base and text.startswith(f"{base}+") else text for text in texts]


def slanted(axes: Axes) -> None:
    """Turns the names along the top so that long ones do not run into each other."""
    for label in axes.get_xticklabels():
        label.set(rotation=35, ha="left", rotation_mode="anchor")


def label_points(
    figure: Figure, axes: Axes, points: dict[str, tuple[float, float]], colours: dict[str, str], size: float = 8
) -> None:
    """Names each point beside it, where the name hides the fewest others and stays inside."""
    figure.draw_without_rendering()  # settles the layout, so that points have places
    edge = axes.get_window_extent().transformed(figure.dpi_scale_trans.inverted())
    outside = [(edge.x0 - 9, -9.0, edge.x0, 99.0), (edge.x1, -9.0, edge.x1 + 9, 99.0)]
    inches = {name: axes.transData.transform(point) / figure.dpi for name, point in points.items()}
    taken = [*outside, *((x - 0.04, y - 0.04, x + 0.04, y + 0.04) for x, y in inches.values())]
    for name, (x, y) in inches.items():
        width, height = 0.0081 * size * len(name), 0.016 * size
        boxes = {}
        for right, up in ((1, 1), (-1, 1), (1, -1), (-1, -1)):
            left, low = x + 0.05 if right > 0 else x - 0.05 - width, y + 0.03 if up > 0 else y - 0.03 - height
            boxes[right, up] = (left, low, left + width, low + height)
        right, up = min(boxes, key=lambda place: sum(_overlap(boxes[place], other) for other in taken))
        taken.append(boxes[right, up])
        axes.annotate(
            name,
            points[name],
            (3.5 * right, 2.5 * up),
            textcoords="offset points",
            fontsize=size,
            color=colours[name],
            ha="left" if right > 0 else "right",
            va="bottom" if up > 0 else "top",
        ).set_in_layout(False)


def _overlap(one: tuple[float, ...], other: tuple[float, ...]) -> float:
    wide, high = min(one[2], other[2]) - max(one[0], other[0]), min(one[3], other[3]) - max(one[1], other[1])
    return max(wide, 0.0) * max(high, 0.0)


def written(plot: Plot, kind: str, palette: Palette = FILE) -> bytes:
    """The plot as a file: `svg` (text stays text) or `png` (200 dots per inch on white)."""
    file = io.BytesIO()
    settings: dict[Any, Any] = {**_style(palette), "svg.fonttype": "none", "svg.hashsalt": plot.name}
    with rc_context(settings):
        figure = plot.draw(palette)
        background = palette.paper if palette is FILE else "none"
        figure.savefig(
            file, format=kind, dpi=200, metadata={"Date": None} if kind == "svg" else None, facecolor=background
        )
    return visible(file.getvalue().decode()).encode() if kind == "svg" else file.getvalue()


def _style(palette: Palette) -> dict[str, Any]:
    return {
        "font.size": 9.5,
        "font.family": "sans-serif",
        "axes.edgecolor": palette.line,
        "axes.labelcolor": palette.ink,
        "axes.spines.top": False,
        "axes.spines.right": False,
        "xtick.color": palette.muted,
        "ytick.color": palette.muted,
        "xtick.labelcolor": palette.ink,
        "ytick.labelcolor": palette.ink,
        "text.color": palette.ink,
        "grid.color": palette.line,
        "grid.linewidth": 0.6,
        "legend.frameon": False,
        "text.parse_math": False,  # a $ in a name is a $
    }
