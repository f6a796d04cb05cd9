"""What the plots of a report share, by matplotlib."""

from __future__ import annotations

import io
import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import Any
from xml.etree import ElementTree

from matplotlib import rc_context
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from archlab.foundation.escaping import visible
from archlab.report.key import Entry, Key
from archlab.report.lettering import FULL, lettered, line_height, quiet, widest, write
from archlab.report.palette import FILE, Palette

SVG = "http://www.w3.org/2000/svg"
ElementTree.register_namespace("", SVG)
ElementTree.register_namespace("xlink", "http://www.w3.org/1999/xlink")

WIDTH = 4.6  # inches: text is as large as a phone shows it well
NAMES = 0.28 * WIDTH  # of the widest line beside a drawing
LEFT, RIGHT, TOP, BARE, GAP = 0.68, 0.2, 0.1, 0.08, 0.12  # margins of a drawing, and between two
TICKS = 0.25  # from a drawing to the label below its numbers
LABEL_SIZE = 8.5
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


def blank(
    palette: Palette,
    height: float,
    labels: Sequence[str] = ("",),
    *,
    left: float = LEFT,
    top: float = TOP,
    key: Sequence[Entry] = (),
) -> tuple[Figure, list[Axes]]:
    """An empty figure with one axes of `height` inches for each label of what is measured along it, and the key below.

    All places are inches from the start, so that no name can take the room of the drawing.
    """
    width = (WIDTH - left - RIGHT - GAP * (len(labels) - 1)) / len(labels)
    said = lettered(labels, width, LABEL_SIZE)
    below = TICKS + max(map(len, said)) * line_height(LABEL_SIZE) if any(labels) else BARE
    explained = Key.of(key, WIDTH - RIGHT)
    low = below + (explained.height + BARE if key else 0.0)
    shape = (WIDTH, low + height + top)
    figure = Figure(figsize=shape, facecolor="none")
    drawn: list[Axes] = []
    for column, lines in enumerate(said):
        at = left + column * (width + GAP)
        place = (at / shape[0], low / shape[1], width / shape[0], height / shape[1])
        axes = figure.add_axes(place, facecolor="none", sharey=drawn[0] if drawn else None)
        axes.patch.set_gid(f"drawing-{column}")
        axes.set_axisbelow(True)
        axes.tick_params(labelsize=8)
        axes.xaxis.set_major_locator(MaxNLocator(max(2, int(width / 0.6))))
        write(figure, lines, at + width / 2, low - TICKS - len(lines) / 2 * line_height(LABEL_SIZE), ha="center")
        drawn.append(axes)
    explained.write(figure, low - below - BARE)
    return figure, drawn


def rows_of(
    palette: Palette, names: Iterable[Any], labels: Sequence[str], *, least: float = ROW, key: Sequence[Entry] = ()
) -> tuple[Figure, list[Axes]]:
    """As `blank`, with a named row at each of 0, 1, ... from the top down; `least`: inches of a row."""
    lines = lettered(names, NAMES)
    each = row_height(lines, least)
    left = max(0.3, widest(lines) + 0.15)
    figure, drawn = blank(palette, each * max(len(lines), 1), labels, left=left, key=key)
    name_rows(figure, drawn[0], list(names), lines)
    for axes in drawn:
        axes.set_ylim(len(lines) - 0.5, -0.5)
        axes.tick_params(axis="y", left=False, labelleft=False)
        axes.grid(axis="x")
    return figure, drawn


def rows_within(names: Iterable[Any], height: float) -> int:
    """How many rows of these names fit into a height in inches."""
    return max(1, int(height / row_height(lettered(names, NAMES))))


def row_height(lines: Iterable[Sequence[str]], least: float = ROW) -> float:
    """Of each row of a plot, for the name that needs the most lines."""
    return max(least, 0.08 + line_height() * max(map(len, lines), default=1))


def name_rows(figure: Figure, axes: Axes, names: Sequence[Any], lines: Sequence[Sequence[str]]) -> None:
    """Writes the lines of each name before its row, rows of one height from the top down."""
    box = axes.get_position()
    total = figure.get_figheight()
    each = box.height * total / max(len(lines), 1)
    for at, (name, texts) in enumerate(zip(names, lines, strict=True)):
        write(figure, texts, box.x0 * WIDTH - 0.07, box.y1 * total - (at + 0.5) * each, name, ha="right")


def role_colour(role: Any, palette: Palette) -> str:
    return palette.variant if role == "variant" else palette.reference


def role_marker(role: Any) -> str:
    return "D" if role == "variant" else "o"


def short_names(names: Iterable[Any], base: str | None) -> list[str]:
    """Variants of the base without its name: `+attention=se`."""
    texts = [str(name) for name in names]
    return [text.removeprefix(base) if base and text.startswith(f"{base}+") else text for text in texts]


def first_only(models: int, most: int = MOST_ROWS) -> str:
    """What the title says of a plot with a row a model, where there are more than it can have."""
    return f"; the first {most} of {models} models" if models > most else ""


def slug(name: str) -> str:
    """A name within that of a plot: letters, digits, - and _, and another for every name."""
    safe = re.sub(r"[^a-zA-Z0-9_-]", "-", name)
    digest = sha256(name.encode(errors="surrogatepass")).hexdigest()[:8]
    return safe if safe == name and len(safe) <= 40 else f"{safe[:40]}-{digest}"


def written(plot: Plot, kind: str, palette: Palette = FILE) -> bytes:
    """The plot as a file: `svg` (text stays text) or `png` (200 dots per inch on white)."""
    file = io.BytesIO()
    settings: dict[Any, Any] = {**_style(palette), "svg.fonttype": "none", "svg.hashsalt": plot.name}
    with rc_context(settings), quiet():
        figure = plot.draw(palette)
        background = palette.paper if palette is FILE else "none"
        figure.savefig(
            file, format=kind, dpi=200, metadata={"Date": None} if kind == "svg" else None, facecolor=background
        )
    return _titled(visible(file.getvalue().decode())) if kind == "svg" else file.getvalue()


def _titled(source: str) -> bytes:
    """The SVG with the full name of each one that is cut as its title, which browsers show under the pointer."""
    svg = ElementTree.fromstring(source)  # noqa: S314  # drawn by matplotlib
    for element in svg.iter(f"{{{SVG}}}g"):
        if element.get("id", "").startswith(FULL):
            title = ElementTree.Element(f"{{{SVG}}}title")
            title.text = element.attrib.pop("id").removeprefix(FULL)
            element.insert(0, title)
    return ElementTree.tostring(svg, encoding="utf-8", xml_declaration=True)


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
        "text.parse_math": False,  # a $ in a name is a $
    }
