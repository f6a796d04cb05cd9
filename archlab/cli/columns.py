"""Columns that fit a terminal: names wrap, and columns go on below, before a number breaks."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from itertools import zip_longest

from rich.cells import cell_len

from archlab.foundation.wrapping import parts, wrapped

FILE_WIDTH = 10_000  # a file has no edge to fold at
GAP = 2  # characters between columns
FIRST, LEAST = 20, 12  # characters that the first column and another keep where their texts have them
_NUMBER = re.compile(r"[+−-]?\d[\d.,]*(?:e[+-]?\d+)?%?")

Block = list[tuple[int, int]]  # of each column where it is in the table, and its width


def in_blocks(titles: Sequence[str], cells: Sequence[Sequence[str]], width: int) -> list[Block]:
    """The columns in as few blocks as fit into `width`, each beginning with the first column."""
    texts = [[row[column] for row in cells] for column in range(len(titles))]
    natural = [_widest([title, *each]) for title, each in zip(titles, texts, strict=True)]
    if sum(natural) + GAP * (len(natural) - 1) <= width:
        return [list(enumerate(natural))]
    keeps = [FIRST, *[LEAST] * (len(titles) - 1)]
    least = [_least(*column) for column in zip(titles, texts, keeps, strict=True)]
    blocks = [[0]]
    for column in range(1, len(titles)):
        taken = sum(least[at] + GAP for at in blocks[-1])
        if taken + least[column] > width and len(blocks[-1]) > 1:
            blocks.append([0])
        blocks[-1].append(column)
    return [_grown(block, least, natural, width) for block in blocks]


def lines_of(text: str, width: int) -> list[str]:
    """A cell's text in lines no wider than its column."""
    return [text] if _width(text) <= width else wrapped(text, width, _width)


def aligned(titles: Sequence[str], cells: Sequence[Sequence[str]], width: int) -> Iterator[str]:
    """Lines of plain text, all to the left."""
    for at, block in enumerate(in_blocks(titles, cells, width)):
        yield from [""] if at else []
        widths = [wide for _, wide in block]
        for row in (titles, *cells):
            texts = [row[column] for column, _ in block]
            lines: Iterable[Sequence[str]] = [texts]
            if any(_width(text) > wide for text, wide in zip(texts, widths, strict=True)):
                lines = zip_longest(*map(lines_of, texts, widths), fillvalue="")
            for line in lines:
                yield (" " * GAP).join(map(_padded, line, widths)).rstrip()


def _width(text: str) -> int:
    """In cells of a terminal."""
    return len(text) if text.isascii() else cell_len(text)  # which takes five times as long: 100,000 rows feel it


def _padded(text: str, width: int) -> str:
    return text + " " * (width - _width(text))


def _widest(texts: Sequence[str]) -> int:
    return max(map(_width, texts), default=1)


def _least(title: str, texts: Sequence[str], keeps: int) -> int:
    """The width below which a number breaks, or names become a column of letters."""
    numbers = [number for text in texts for number in _NUMBER.findall(text)]
    if numbers and all(_NUMBER.fullmatch(text) for text in texts if text):
        word = _widest([part.rstrip() for part in parts(title)])
        return max(_widest(numbers), min(word, LEAST))
    return max(_widest(numbers), min(_widest([title, *texts]), keeps))


def _grown(block: list[int], least: list[int], natural: list[int], width: int) -> Block:
    """A block's columns; what is left over goes to those that need more, evenly."""
    widths = {column: least[column] for column in block}
    spare = width - sum(widths.values()) - GAP * (len(block) - 1)
    while spare > 0 and (needy := [column for column in block if widths[column] < natural[column]]):
        for column in needy[:spare]:
            widths[column] += 1
        spare -= len(needy[:spare])
    return list(widths.items())
