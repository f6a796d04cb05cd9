"""Names in plots: measured, in lines that fit, each line where it belongs. Every name in a plot is written by this."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from functools import cache
from typing import Any
from warnings import catch_warnings, filterwarnings

from matplotlib.figure import Figure
from matplotlib.font_manager import FontProperties, findfont, get_font
from matplotlib.textpath import text_to_path

from archlab.foundation.escaping import in_one_line
from archlab.foundation.wrapping import fitted

SIZE = 8.5  # points
MOST_LINES = 4
FULL = "full name: "  # begins the identifier of a text that is cut; becomes its title


def inches(text: str, size: float = SIZE) -> float:
    """How wide a text is."""
    return sum(map(_advance, text)) * size / 72


def line_height(size: float = SIZE) -> float:
    """In inches."""
    return 1.2 * size / 72


def lettered(names: Iterable[Any], width: float, size: float = SIZE, most: int = MOST_LINES) -> list[list[str]]:
    """The lines of each name, at most `width` inches wide; names that look alike once cut are numbered."""
    texts = [in_one_line(str(name)) for name in names]
    lines = [fitted(text, width, most, lambda part: inches(part, size)) for text in texts]
    cut = {at: tuple(each) for at, each in enumerate(lines) if "".join(each) != texts[at]}
    for at, each in cut.items():
        if any(each == other and texts[at] != texts[place] for place, other in cut.items()):
            lines[at] = fitted(f"{at + 1}: {texts[at]}", width, most, lambda part: inches(part, size))
    return lines


def widest(lines: Iterable[Sequence[str]], size: float = SIZE) -> float:
    """Of all lines, in inches."""
    return max((inches(line, size) for each in lines for line in each), default=0.0)


def write(figure: Figure, lines: Sequence[str], x: float, y: float, name: Any = "", **style: Any) -> None:
    """Lines about the height `y` (inches), each a text of its own, so that it stays aligned in whatever font is there."""
    size = style.setdefault("fontsize", SIZE)
    whole = in_one_line(str(name))
    is_cut = name and "".join("".join(lines).split()) != "".join(whole.split())
    for at, line in enumerate(lines):
        height = y + ((len(lines) - 1) / 2 - at) * line_height(size)
        text = figure.text(x, height, line, transform=figure.dpi_scale_trans, **{"va": "center_baseline", **style})
        if is_cut:
            text.set_gid(f"{FULL}{whole}")


@cache
def _advance(character: str) -> float:
    """In ems; at least a whole one for what is wide, or what another font has to draw."""
    font = FontProperties(family=["sans-serif"], size=100)
    with quiet():
        own: float = text_to_path.get_text_width_height_descent(character, font, False)[0] / 100
    foreign = not get_font(findfont(font)).get_char_index(ord(character)) and not unicodedata.combining(character)
    return max(own, 1.0) if foreign or unicodedata.east_asian_width(character) in "WF" else own


@contextmanager
def quiet() -> Iterator[None]:
    """Without matplotlib's warnings of characters that its fonts lack: where pages and files are read, others have them."""
    with catch_warnings():
        filterwarnings("ignore", message="Glyph .* missing from")
        yield
