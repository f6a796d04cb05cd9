"""Long names in lines: broken where they are made up of parts, else anywhere, and cut in the middle where lines are few."""

from __future__ import annotations

import re
from collections.abc import Callable

# Behind what joins words, before what begins an option or a mark; never within a number such as -0.5, 1,234 or 1e+5.
_PARTS = re.compile(r"(?<=[\s=_/;:])|(?<=[-,])(?!\d)|(?<!\de)(?=[+@])")
_LONGEST = 400  # characters of which no plot or terminal shows more


def parts(text: str) -> list[str]:
    """What a text is made up of, together the text: it is broken between them where there is room for each."""
    return [part for part in _PARTS.split(text) if part]


def wrapped(text: str, width: float, measure: Callable[[str], float] = len) -> list[str]:
    """The lines of a text, each at most `width` wide by `measure` unless a single character is wider."""
    lines, line = [], ""
    for part in parts(text):
        if measure(part.rstrip()) <= width < measure((line + part).rstrip()):
            lines.append(line.rstrip())
            line = ""
        line = line + part if line else part.lstrip()
        while measure(line.rstrip()) > width and len(line) > 1:
            at = next((at for at in range(2, len(line)) if measure(line[:at]) > width), len(line)) - 1
            lines.append(line[:at])
            line = line[at:]
    return [*lines, line.rstrip()] if line.strip() or not lines else lines


def fitted(text: str, width: float, most: int, measure: Callable[[str], float] = len) -> list[str]:
    """As `wrapped`, in at most `most` lines; what does not fit gives way to an ellipsis in its middle."""
    lines = wrapped(text, width, measure) if len(text) <= _LONGEST else []
    if lines and len(lines) <= most:
        return lines
    few, many = 0, min(len(text), _LONGEST)  # characters kept
    while many - few > 1:
        kept = (few + many) // 2
        if len(wrapped(_cut(text, kept), width, measure)) <= most:
            few = kept
        else:
            many = kept
    return wrapped(_cut(text, few), width, measure)[:most]


def _cut(text: str, kept: int) -> str:
    return f"{text[: (kept + 1) // 2]}…{text[len(text) - kept // 2 :]}"
