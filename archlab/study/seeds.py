"""The seeds of a study, and how many a model can have where it goes on until it is decided."""

from __future__ import annotations

from typing import Any

from archlab.foundation import UserError, check_keys, where
from archlab.foundation.settings import LARGEST

MOST_SEEDS = 10_000
FROM, TO = 2, 30  # seeds of a study that goes on until it is decided, where it does not say others


def read_seeds(given: Any, at: str | None) -> tuple[tuple[int, ...], int | None]:
    """The seeds of a number of them, of a list, or of `{from: 2, to: 30}`; and how many at most, where that is said.

    Raises UserError.
    """
    if isinstance(given, dict):
        return _from_to(given, at)
    listed = given if isinstance(given, list) else [given]
    if not listed or any(type(seed) is not int or seed < (given is not listed) for seed in listed):
        said = "seeds is how many, at least 1, a list of whole numbers, or {from: 2, to: 30}"
        raise UserError(f"{said}, not {given!r}", where=at)
    if max(listed) > (LARGEST if given is listed else MOST_SEEDS):
        raise UserError(f"seeds are at most {MOST_SEEDS:,}, or a list of numbers of at most {LARGEST:,}", where=at)
    if len(set(listed)) < len(listed):
        raise UserError("a seed stands in the list twice", where=at)
    return tuple(given) if given is listed else tuple(range(given)), None


def _from_to(given: dict, at: str | None) -> tuple[tuple[int, ...], int]:
    check_keys(given, ("from", "to"), "seeds", at)
    first, most = given.get("from", FROM), given.get("to", TO)
    for name, value, least in (("from", first, FROM), ("to", most, first)):
        if type(value) is not int or not least <= value <= MOST_SEEDS:
            line = where(given, name) or at
            words = f"seeds: {name} must be a whole number from {least} to {MOST_SEEDS:,}, not {value!r}"
            raise UserError(words, where=line)
    return tuple(range(first)), most
