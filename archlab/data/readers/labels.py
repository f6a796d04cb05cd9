"""What tables of images have in common: labels that become classes, and words for the parts."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from archlab.data.listing import Images, Listing
from archlab.foundation import UserError

SPLIT_NAMES = {
    "train": "train",
    "training": "train",
    "val": "validation",
    "valid": "validation",
    "validation": "validation",
    "dev": "validation",
    "test": "test",
    "testing": "test",
}


class Row(NamedTuple):
    """An image of a table; `split` and `group` are empty where there is no such column."""

    file: str
    label: str
    split: str = ""
    group: str = ""


def label_classes(labels: Sequence[str]) -> tuple[tuple[str, ...], np.ndarray]:
    """Class names in order (by value where all are whole numbers), and int64 indices into them."""
    names = set(labels)
    whole = all(name.lstrip("-").isdecimal() for name in names)
    ordered = sorted(names, key=int) if whole else sorted(names)
    index = {name: i for i, name in enumerate(ordered)}
    return tuple(ordered), np.array([index[label] for label in labels], np.int64)


def part_named(word: str, at: str) -> str:
    """The split that a word stands for; raises UserError where it stands for none."""
    split = SPLIT_NAMES.get(word.strip().lower())
    if split is None:
        raise UserError(
            f"{word!r} names no part: expected train, validation or test", where=at, name=word, known=SPLIT_NAMES
        )
    return split


def column(name: str, known: Sequence[str], path: Path) -> str:
    """`name`, which must be one of the columns `known`."""
    if name not in known:
        raise UserError(f"has no column {name!r}, only {', '.join(known)}", where=str(path), name=name, known=known)
    return name


def table_listing(images: Images, rows: Sequence[Row], path: Path) -> Listing:
    """The listing of a table's rows."""
    if not rows:
        raise UserError("has no rows", where=str(path))
    names, indices = label_classes([row.label for row in rows])
    groups = np.array([row.group for row in rows]) if any(row.group for row in rows) else None
    return Listing(names, images, indices, np.array([row.split for row in rows]), groups)
