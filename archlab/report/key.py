"""The key below a plot: what its markers and numbers stand for. Never over the drawing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from archlab.report.lettering import inches, lettered, line_height, write

SIZE = 8
MARK = 0.42  # inches before a name
MOST_LINES = 3
MOST_COLUMNS = 3


@dataclass(frozen=True)
class Entry:
    """A line of the key: a marker (arguments of `plot`), or a number that stands for the name."""

    name: str
    marker: Mapping[str, Any] = field(default_factory=dict)
    number: str = ""


@dataclass(frozen=True)
class Key:
    """Entries in as many columns as the longest name leaves: rows of entries, the lines of their names, and their left ends."""

    rows: list[list[tuple[Entry, list[str], float]]]

    @classmethod
    def of(cls, entries: Sequence[Entry], width: float) -> Key:
        """Within a width in inches."""
        if not entries:
            return cls([])
        longest = MARK + 0.12 + max(inches(each.name, SIZE) for each in entries)
        columns = max(1, min(MOST_COLUMNS, len(entries), int(width / longest)))
        lines = lettered((each.name for each in entries), width / columns - MARK, SIZE, MOST_LINES)
        deep = -(-len(entries) // columns)
        placed = [(each, lines[at], at // deep * width / columns) for at, each in enumerate(entries)]
        return cls([placed[row::deep] for row in range(deep)])

    @property
    def height(self) -> float:
        """In inches."""
        return sum(map(_height, self.rows))

    def write(self, figure: Figure, top: float) -> None:
        """From the height `top` (inches) down."""
        for row in self.rows:
            for entry, lines, left in row:
                first = top - line_height(SIZE) / 2
                middle = first - (len(lines) - 1) / 2 * line_height(SIZE)
                write(figure, lines, left + MARK, middle, entry.name, ha="left", fontsize=SIZE)
                if entry.number:
                    place = {"ha": "right", "fontsize": SIZE, "fontweight": "bold"}
                    write(figure, [entry.number], left + MARK - 0.08, first, **place)
                else:
                    _mark(figure, entry.marker, left + 0.06, left + MARK - 0.08, first)
            top -= _height(row)


def _height(row: list[tuple[Entry, list[str], float]]) -> float:
    return max(len(lines) for _, lines, _ in row) * line_height(SIZE) + 0.04


def _mark(figure: Figure, marker: Mapping[str, Any], left: float, right: float, height: float) -> None:
    inches_of = figure.dpi_scale_trans
    figure.add_artist(Line2D([left, right], [height] * 2, transform=inches_of, **{**marker, "marker": ""}))
    middle = [(left + right) / 2]
    figure.add_artist(Line2D(middle, [height], transform=inches_of, **{**marker, "linestyle": ""}))
