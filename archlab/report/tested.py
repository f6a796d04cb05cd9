"""What is known of the datasets that a table names: what they count as, and what their test images are."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from archlab.foundation import UserError

if TYPE_CHECKING:
    from archlab.data import ClassCounts


def kin_of(datasets: Iterable[str], home: Path) -> dict[str, tuple[str, ...]]:
    from archlab.data import kin

    found = {}
    for name in dict.fromkeys(datasets):
        with suppress(UserError):  # a table may name any
            found[name] = kin(name, home)
    return found


def test_images_of(datasets: Iterable[str], home: Path) -> dict[str, int]:
    from archlab.data import images_to_test

    known = {name: images_to_test(name, home) for name in dict.fromkeys(datasets)}
    return {name: count for name, count in known.items() if count}


def classes_of(datasets: Iterable[str], home: Path, found: dict[str, Any] | None = None) -> dict[str, ClassCounts]:
    """As they were when the study ran, where it says so; else as the datasets are prepared now."""
    from archlab.data import ClassCounts, test_classes

    kept: dict[str, ClassCounts] = {}
    with suppress(KeyError, TypeError, ValueError, AttributeError):  # a damaged file, which others tell
        kept = {name: ClassCounts.from_document(each) for name, each in (found or {}).get("test_images", {}).items()}
    known = {name: kept.get(name) or test_classes(name, home) for name in dict.fromkeys(datasets)}
    return {name: counts for name, counts in known.items() if counts}
