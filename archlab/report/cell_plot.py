"""A table as a heat map, readable whatever its rows and columns are called."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.colors import Colormap
from matplotlib.figure import Figure

from archlab.foundation.wrapping import wrapped
from archlab.report.key import Entry
from archlab.report.lettering import inches, lettered, line_height, widest, write
from archlab.report.palette import Palette
from archlab.report.plots import BARE, NAMES, RIGHT, ROW, WIDTH, blank, name_rows, row_height

UPRIGHT = 1.1  # inches of the longest name that is written from below upwards
SMALLEST = 4.0  # points of numbers; smaller ones are left out
COLUMN_SIZE = 8


def cell_plot(
    palette: Palette,
    table: pd.DataFrame,
    colours: pd.DataFrame,
    colormap: Colormap,
    text: str,
    *,
    least: float = ROW,
    across: str = "",
) -> Figure:
    """Cells coloured by `colours` (0 to 1) with the numbers of `table` in them; `across` says what the columns are.

    Column names stand above their columns where they fit, in lines or upright; else numbers do, which the rows of the same
    names begin with, and a key below explains where there are none.
    """
    columns, names = [str(name) for name in table.columns], [str(name) for name in table.index]
    numbers: dict[str, str] = {}
    heads, upright = _heads(columns, (WIDTH - RIGHT - NAMES) / len(columns))
    if not heads:
        numbers = {name: str(at + 1) for at, name in enumerate(columns)}
        heads = [[numbers[name]] for name in columns]
    lines = lettered((f"{numbers[name]}  {name}" if name in numbers else name for name in names), NAMES)
    key = [Entry(name, number=number) for name, number in numbers.items() if name not in names]
    each = row_height(lines, least)
    above = BARE + (widest(heads, COLUMN_SIZE) if upright else max(map(len, heads)) * line_height(COLUMN_SIZE))
    top = above + (2 * BARE + line_height() if across else BARE)
    figure, (axes,) = blank(palette, each * len(names), left=max(0.3, widest(lines) + 0.15), top=top, key=key)
    _colour(axes, table, colours, colormap, text, palette)
    _name_columns(figure, axes, columns, heads, upright)
    box, total = axes.get_position(), figure.get_figheight()
    if across:
        write(figure, [across], (box.x0 + box.x1) / 2 * WIDTH, total - BARE - line_height() / 2, ha="center")
    name_rows(figure, axes, names, lines)
    return figure


def _heads(columns: Sequence[str], width: float) -> tuple[list[list[str]], bool]:
    """The lines of column names, and whether they stand upright; none where they do not fit."""
    flat = [wrapped(name, width - 0.05, lambda part: inches(part, COLUMN_SIZE)) for name in columns]
    fits = widest(flat, COLUMN_SIZE) <= width - 0.05 and max(map(len, flat)) <= 3
    if fits and all(not _is_torn(name, lines) for name, lines in zip(columns, flat, strict=True)):
        return flat, False
    if max(inches(name, COLUMN_SIZE) for name in columns) <= UPRIGHT and width >= line_height(COLUMN_SIZE):
        return [[name] for name in columns], True
    return [], False


def _is_torn(name: str, lines: list[str]) -> bool:
    """Whether a line ends within a word."""
    return any(
        line[-1:].isalnum() and f"{line}{other[:1]}" in name and other[:1].isalnum() for line, other in pairwise(lines)
    )


def _name_columns(figure: Figure, axes: Axes, columns: list[str], heads: list[list[str]], upright: bool) -> None:
    box = axes.get_position()
    width, bottom = box.width * WIDTH / len(columns), box.y1 * figure.get_figheight() + BARE / 2
    wide = max(inches(line, COLUMN_SIZE) for lines in heads for line in lines)
    apart = 1 if upright else max(1, int(np.ceil((wide + 0.03) / width)))  # of numbers over columns narrower than they
    for at, (name, lines) in enumerate(zip(columns, heads, strict=True)):
        x = box.x0 * WIDTH + (at + 0.5) * width
        if upright:
            style = {"rotation": 90, "rotation_mode": "anchor", "ha": "left", "fontsize": COLUMN_SIZE}
            write(figure, lines, x, bottom, name, **style)
        elif at % apart == 0:
            y = bottom + len(lines) / 2 * line_height(COLUMN_SIZE)
            write(figure, lines, x, y, ha="center", fontsize=COLUMN_SIZE)


def _colour(
    axes: Axes, table: pd.DataFrame, colours: pd.DataFrame, colormap: Colormap, text: str, palette: Palette
) -> None:
    shades, values = colours.to_numpy(dtype=float), table.to_numpy(dtype=float)
    said = [["–" if np.isnan(value) else format(value, text) for value in row] for row in values]
    room = 0.9 * axes.get_position().width * WIDTH / shades.shape[1]
    size = min(8.0, room / max(widest(said, 1.0), 1e-9))
    axes.pcolormesh(np.ma.masked_invalid(shades), cmap=colormap, vmin=0, vmax=1, edgecolors=palette.paper, linewidth=1)
    for row, column in np.ndindex(*shades.shape if size >= SMALLEST else (0, 0)):
        red, green, blue, _ = colormap(shades[row, column])
        dark = 0.299 * red + 0.587 * green + 0.114 * blue < 0.5
        colour = palette.muted if np.isnan(values[row, column]) else "#ffffff" if dark else "#111111"
        axes.text(column + 0.5, row + 0.5, said[row][column], ha="center", va="center", fontsize=size, color=colour)
    axes.set(xticks=[], yticks=[])
    axes.invert_yaxis()
    for spine in axes.spines.values():
        spine.set_visible(False)
