"""Names of points within a plot: beside them where all fit without hiding one another, else numbers, and a key."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import cos, pi, sin

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from archlab.report.lettering import inches, line_height
from archlab.report.palette import Palette

LONGEST = 1.1  # inches of a name beside its point
SIZE = 8
Box = tuple[float, float, float, float]


def are_short(names: Sequence[str]) -> bool:
    """Whether points are named by these, and not by numbers."""
    return len(names) <= 12 and all(inches(name, SIZE) <= LONGEST for name in names)


def name_points(
    figure: Figure, axes: Axes, points: Mapping[str, tuple[float, float]], colours: Mapping[str, str], palette: Palette
) -> None:
    """Each name where it hides nothing and stays inside, as near to its point as can be; a line leads to one further off."""
    figure.draw_without_rendering()  # settles the scales, so that points have places
    edge = axes.get_window_extent().transformed(figure.dpi_scale_trans.inverted())
    inside = (edge.x0, edge.y0, edge.x1, edge.y1)
    places = {name: tuple(axes.transData.transform(point) / figure.dpi) for name, point in points.items()}
    taken: list[Box] = [(x - 0.04, y - 0.04, x + 0.04, y + 0.04) for x, y in places.values()]
    for name, (x, y) in places.items():
        width, height = inches(name, SIZE), line_height(SIZE)
        boxes = [
            (
                left := x + (0.07 + ring) * cos(turn) + width / 2 * (cos(turn) - 1),
                low := y + (0.11 + ring) * sin(turn) - height / 2,
                left + width,
                low + height,
            )
            for ring in (0.0, 0.12, 0.24, 0.36, 0.5, 0.7, 0.9)
            for turn in (pi / 4 * step for step in (1, 3, 7, 5, 0, 4, 2, 6))
        ]
        best = min(boxes, key=lambda box: sum(_overlap(box, other) for other in taken) + 10 * _outside(box, inside))
        taken.append(best)
        middle = (best[0] + width / 2, best[1] + height / 2)
        if boxes.index(best) >= 8:
            ends = [min(max(x, best[0]), best[2]), min(max(y, best[1]), best[3])]
            axes.annotate(
                "",
                points[name],
                (ends[0], ends[1]),
                textcoords=figure.dpi_scale_trans,
                arrowprops={"arrowstyle": "-", "color": palette.muted, "linewidth": 0.6},
            )
        figure.text(
            *middle,
            name,
            transform=figure.dpi_scale_trans,
            ha="center",
            va="center",
            fontsize=SIZE,
            color=colours[name],
        )


def _overlap(one: Box, other: Box) -> float:
    wide, high = min(one[2], other[2]) - max(one[0], other[0]), min(one[3], other[3]) - max(one[1], other[1])
    return max(wide, 0.0) * max(high, 0.0)


def _outside(box: Box, whole: Box) -> float:
    return (box[2] - box[0]) * (box[3] - box[1]) - _overlap(box, whole)
