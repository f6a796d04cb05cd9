"""Quantities and reasons in words, for people."""

from __future__ import annotations

import math
import re
from collections.abc import Collection, Iterable, Sequence
from numbers import Real

from archlab.foundation.errors import UserError

_NUMBER = r"([0-9]+(?:\.[0-9]+)?)"
_TIME = re.compile(rf"(?:{_NUMBER} ?d)? ?(?:{_NUMBER} ?h)? ?(?:{_NUMBER} ?m(?:in)?)? ?(?:{_NUMBER} ?s)?")
_UNITS = (86400, 3600, 60, 1)


def duration(seconds: float) -> str:
    """`8 s`, `3 min 20 s`, `2 h 05 min`, `3 d 4 h`."""
    seconds = round(seconds)
    if seconds < 60:
        return f"{seconds} s"
    if seconds < 3600:
        return f"{seconds // 60} min {seconds % 60:02} s"
    if seconds < 86400:
        return f"{seconds // 3600} h {seconds % 3600 // 60:02} min"
    return f"{seconds // 86400} d {seconds % 86400 // 3600} h"


def seconds_in(written: str | float) -> float:
    """Of `90s`, `30m`, `1h30m`, of what `duration` writes, or of a number of them. Raises UserError for others, and for 0."""
    found: float | None = None
    if isinstance(written, Real):  # one of NumPy's too
        found = float(written)
    elif isinstance(written, str) and (parts := _TIME.fullmatch(written.strip())):
        found = sum(float(part) * unit for part, unit in zip(parts.groups("0"), _UNITS, strict=True))
    if found is None or not 0 < found < math.inf:
        raise UserError(f"a time is `90s`, `30m`, `2h` or `1h30m`, not {written!r}")
    return found


def counted(number: int, one: str, several: str | None = None) -> str:
    """`1 run`, `0 runs`, `2,000 runs`; `several` where it is not `one` with an s."""
    return f"{number:,} {one if number == 1 else several or f'{one}s'}"


def counted_between(counts: Collection[int], noun: str) -> str:
    """`2 seeds` where all counts are 2; `150 to 1,410 steps`."""
    least, most = min(counts), max(counts)
    return counted(most, noun) if least == most else f"{least:,} to {counted(most, noun)}"


def listed(parts: Iterable[str]) -> str:
    """`a`, `a and b`, `a, b and c`."""
    *rest, last = parts
    return f"{', '.join(rest)} and {last}" if rest else last


def first_of(names: Sequence[str], most: int) -> str:
    """`a, b`; `a, b and 3 more` where there are more than so many."""
    more = f" and {len(names) - most:,} more" if len(names) > most else ""
    return ", ".join(names[:most]) + more


def as_sentence(words: str) -> str:
    """With a large first letter and a full stop."""
    return f"{words[0].upper()}{words[1:]}."


def in_kib(number: int | None) -> str:
    """Bytes as `120 KiB`, `16.5 KiB` or, where that rounds to none, `1 byte`; `-` where they are not known."""
    if number is not None and 0 < number < 52:
        return counted(number, "byte")
    return "-" if number is None else f"{number / 1024:,.1f}".removesuffix(".0") + " KiB"
