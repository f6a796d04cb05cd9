"""Values that are left open, `{choose: [...]}` and `{range: [low, high]}`: only edits of a study's choices may hold them."""

from __future__ import annotations

from typing import Any

from archlab.foundation import UserError, where


def is_open(value: Any) -> bool:
    """Whether a value is left open."""
    return isinstance(value, dict) and ("choose" in value or "range" in value)


def check_settled(value: Any, at: str | None) -> None:
    """Raises UserError for what an architecture leaves open."""
    if is_open(value):
        word = "choose" if "choose" in value else "range"
        raise UserError(
            f"`{word}` leaves a value open, and only an edit of a study's choice can", where=where(value, word) or at
        )
    if isinstance(value, dict):
        for key, entry in value.items():
            check_settled(entry, where(value, key) or at)
    elif isinstance(value, list):
        for index, entry in enumerate(value):
            check_settled(entry, where(value, index) or at)
