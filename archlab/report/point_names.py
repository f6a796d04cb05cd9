"""Names of points within a plot, beside them where they hide nothing; numbers, and a key, where they are long or many."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import product
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.cbook import pts_to_poststep
from matplotlib.figure import Figure

from archlab.report.lettering import inches, line_height
from archlab.report.palette import Palette

LONGEST = 1.4  # inches of a name beside its point
MOST = 12
SIZE = 8
Box = tuple[float, float, float, float]


def are_short(names: Sequence[str]) -> bool:
    """Whether points are named by these, and not by numbers."""
    return len(names) <= MOST and all(inches(name, SIZE) <= LONGEST for name in names)


def name_points(
    figure: Figure, axes: Axes, points: Mapping[str, tuple[float, float]], colours: Mapping[str, str], palette: Palette
) -> None:
    """Each name inside, where it hides nothing, as near to its point as can be; a line leads to one further off."""
    figure.draw_without_rendering()  # settles the scales, so that points have places
    edge = axes.get_window_extent().transformed(figure.dpi_scale_trans.inverted())
    inside = (edge.x0, edge.y0, edge.x1, edge.y1)
    taken = list(_drawn(figure, axes))
    for name, point in points.items():
        x, y = axes.transData.transform(point) / figure.dpi
        boxes = _places(x, y, inches(name, SIZE), line_height(SIZE))
        best = min(boxes, key=lambda box: sum(_overlap(box, other) for other in taken) + 10 * _outside(box, inside))
        taken.append(best)
        if boxes.index(best) >= 8:
            near = axes.transData.inverted().transform(
                [figure.dpi * min(max(x, best[0]), best[2]), figure.dpi * min(max(y, best[1]), best[3])]
            )
            axes.plot(*zip(point, near, strict=True), color=palette.muted, linewidth=0.5)
        middle = ((best[0] + best[2]) / 2, (best[1] + best[3]) / 2)
        style: dict[str, Any] = {"ha": "center", "va": "center", "fontsize": SIZE, "color": colours[name]}
        figure.text(*middle, name, transform=figure.dpi_scale_trans, **style)


def _places(x: float, y: float, width: float, height: float) -> list[Box]:
    """Around a point in inches, the nearest first: eight directions at each distance."""
    directions = [(1, 1), (-1, 1), (1, -1), (-1, -1), (1, 0), (-1, 0), (0, 1), (0, -1)]
    found = []
    for far, (right, up) in product((0.0, 0.1, 0.2, 0.3, 0.45, 0.6, 0.8, 1.0), directions):
        left = x - width / 2 + right * (width / 2 + 0.05 + far)
        low = y - height / 2 + up * (height / 2 + (0.02 if right else 0.05) + far)
        found.append((left, low, left + width, low + height))
    return found


def _drawn(figure: Figure, axes: Axes) -> Iterator[Box]:
    """Small boxes along all that is drawn."""
    for line in axes.lines:
        x, y = (np.asarray(each, dtype=float) for each in line.get_data())
        if line.get_drawstyle() == "steps-post":
            x, y = pts_to_poststep(x, y)
        corners = axes.transData.transform(np.column_stack([x, y])) / figure.dpi
        lengths = np.concatenate([[0.0], np.cumsum(np.hypot(*np.diff(corners, axis=0).T))])
        if not np.isfinite(lengths[-1]):
            continue
        for at in np.linspace(0, lengths[-1], int(lengths[-1] / 0.06) + 1):
            across, up = (float(np.interp(at, lengths, part)) for part in corners.T)
            yield across - 0.04, up - 0.04, across + 0.04, up + 0.04


def _overlap(one: Box, other: Box) -> float:
    wide, high = min(one[2], other[2]) - max(one[0], other[0]), min(one[3], other[3]) - max(one[1], other[1])
    return max(wide, 0.0) * max(high, 0.0)


def _outside(box: Box, whole: Box) -> float:
    return (box[2] - box[0]) * (box[3] - box[1]) - _overlap(box, whole)
