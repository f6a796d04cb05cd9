"""Names of points within a plot, beside them where they hide nothing; numbers, and a key, where they are long or many."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import product

import numpy as np
from matplotlib.axes import Axes
from matplotlib.cbook import pts_to_poststep
from matplotlib.figure import Figure

from archlab.report.lettering import inches, line_height, write
from archlab.report.palette import Palette

LONGEST = 1.4  # inches of a name beside its point
MOST = 12
SIZE = 8
DIRECTIONS = [(1, 1), (-1, 1), (1, -1), (-1, -1), (1, 0), (-1, 0), (0, 1), (0, -1)]


def are_short(names: Sequence[str]) -> bool:
    """Whether points are named by these, and not by numbers."""
    return len(names) <= MOST and all(inches(name, SIZE) <= LONGEST for name in names)


def name_points(
    figure: Figure, axes: Axes, points: Mapping[str, tuple[float, float]], colours: Mapping[str, str], palette: Palette
) -> None:
    """Each name inside, where it hides nothing, as near to its point as can be; a line leads to one further off."""
    figure.draw_without_rendering()  # settles the scales, so that points have places
    axes.autoscale(False)  # lines to names are no data
    edge = np.array(axes.get_window_extent().transformed(figure.dpi_scale_trans.inverted()).extents)
    taken = _drawn(figure, axes)
    for name, point in points.items():
        x, y = axes.transData.transform(point) / figure.dpi
        boxes = _places(x, y, inches(name, SIZE), line_height(SIZE))
        outside = np.prod(boxes[:, 2:] - boxes[:, :2], axis=1) - _overlap(boxes, edge[None])[:, 0]
        at = int((_overlap(boxes, taken).sum(1) + 10 * outside).argmin())
        best = boxes[at]
        taken = np.vstack([taken, best])
        if at >= len(DIRECTIONS):
            near = axes.transData.inverted().transform(figure.dpi * np.clip([x, y], best[:2], best[2:]))
            axes.plot(*zip(point, near, strict=True), color=palette.muted, linewidth=0.5)
        write(
            figure,
            [name],
            (best[0] + best[2]) / 2,
            (best[1] + best[3]) / 2,
            ha="center",
            fontsize=SIZE,
            color=colours[name],
        )


def _places(x: float, y: float, width: float, height: float) -> np.ndarray:
    """Boxes around a point, in inches, the nearest first: in all directions at each distance."""
    found = []
    for far, (right, up) in product((0.0, 0.1, 0.2, 0.3, 0.45, 0.6, 0.8, 1.0), DIRECTIONS):
        left = x - width / 2 + right * (width / 2 + 0.05 + far)
        low = y - height / 2 + up * (height / 2 + (0.02 if right else 0.05) + far)
        found.append((left, low, left + width, low + height))
    return np.array(found)


def _drawn(figure: Figure, axes: Axes) -> np.ndarray:
    """Small boxes along all that is drawn."""
    found = []
    for line in axes.lines:
        x, y = (np.asarray(each, dtype=float) for each in line.get_data())
        if line.get_drawstyle() == "steps-post":
            x, y = pts_to_poststep(x, y)
        corners = axes.transData.transform(np.column_stack([x, y])) / figure.dpi
        lengths = np.concatenate([[0.0], np.cumsum(np.hypot(*np.diff(corners, axis=0).T))])
        if np.isfinite(lengths[-1]) and np.isfinite(corners).all():
            along = np.linspace(0, lengths[-1], int(lengths[-1] / 0.06) + 1)
            places = np.column_stack([np.interp(along, lengths, part) for part in corners.T])
            found.append(np.hstack([places - 0.04, places + 0.04]))
    return np.vstack([np.empty((0, 4)), *found])


def _overlap(boxes: np.ndarray, others: np.ndarray) -> np.ndarray:
    """Areas, (boxes, others), of boxes as left, bottom, right, top."""
    ends = np.minimum(boxes[:, None, 2:], others[:, 2:]) - np.maximum(boxes[:, None, :2], others[:, :2])
    area: np.ndarray = ends.clip(min=0).prod(2)
    return area
