"""Errors that the user can mend: one line that says where, what, and the nearest right name."""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from typing import Any


class UserError(Exception):
    """An error that the user can mend; the command line prints it as one line and exits with 2.

    Args:
        message: What is wrong, without a full stop.
        where: `FILE` or `FILE:LINE`, where known.
        name, known: A name that was not found, and the names that exist: the nearest is suggested.
    """

    def __init__(self, message: str, *, where: str | None = None, name: Any = None, known: Iterable[str] = ()):
        self.message = message
        self.where = where
        self.suggestion = nearest(name, known) if name is not None else None
        super().__init__(str(self))

    def __str__(self) -> str:
        text = f"{self.where}: {self.message}" if self.where else self.message
        text = " ".join(text.split())
        return f"{text} - did you mean {self.suggestion!r}?" if self.suggestion else text


def is_out_of_memory(error: BaseException) -> bool:
    """Whether the system or a limit refused memory, in whose words ever: Python's, torch's, CUDA's, the loader's."""
    said = ("can't allocate memory", "Cannot allocate memory", "out of memory", "failed to map segment")
    return isinstance(error, MemoryError) or any(words in str(error) for words in said)


def nearest(name: Any, known: Iterable[str]) -> str | None:
    """The known name closest to `name`, or None where nothing is close."""
    by_folded = {candidate.casefold(): candidate for candidate in known}
    found = difflib.get_close_matches(str(name).casefold(), by_folded, n=1, cutoff=0.6)
    return by_folded[found[0]] if found else None


def where(value: Any, key: Any = None) -> str | None:
    """`FILE:LINE` of a mapping or sequence read from YAML, or of one of its keys; else None."""
    locate = getattr(value, "where", None)
    return locate(key) if locate else None
