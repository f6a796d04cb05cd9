"""What tables of images have in common: labels that become classes, and words for the parts."""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Sequence
from decimal import Decimal
from pathlib import Path
from typing import NamedTuple

import numpy as np

from archlab.data.listing import ImageFiles, Images, Listing
from archlab.data.readers.file_names import originals
from archlab.foundation import UserError
from archlab.foundation.words import counted

_WORDS = {
    "train": "train",
    "training": "train",
    "val": "validation",
    "valid": "validation",
    "validation": "validation",
    "dev": "validation",
    "test": "test",
    "testing": "test",
    "eval": "test",  # as Hugging Face takes them
    "evaluation": "test",
}
_HELD = ("set", "data", "dataset", "images")
SPLIT_NAMES = _WORDS | {  # also training_set, train-images, "test data"
    f"{word}{between}{held}": split
    for word, split in _WORDS.items()
    for between in ("_", "-", " ", "")
    for held in _HELD
}
PART_WORDS = SPLIT_NAMES | {"unassigned": ""}  # in a cell: Google's word for what may be drawn
_OPTIONS = {"image": "image", "file_name": "image", "filename": "image", "label": "label"}  # of columns called as usual
_NUMBER = re.compile(r"-?\d+(?:[.,]\d+)? ?%?")


class Row(NamedTuple):
    """An image of a table; `split` and `group` are empty where there is no such column."""

    file: str
    label: str
    split: str = ""
    group: str = ""


def label_classes(labels: Sequence[str]) -> tuple[tuple[str, ...], np.ndarray]:
    """Class names in order (by value where all are numbers, such as `10`, `2.5`, `2,5` and `93 %`), and int64 indices into
    them."""
    names = set(labels)
    numbers = all(map(_NUMBER.fullmatch, names))
    ordered = sorted(names, key=lambda name: (_value(name), name)) if numbers else sorted(names)
    index = {name: i for i, name in enumerate(ordered)}
    return tuple(ordered), np.array([index[label] for label in labels], np.int64)


def _value(number: str) -> Decimal:
    return Decimal(number.rstrip(" %").replace(",", "."))


def parts_named(names: Sequence[str]) -> list[str]:
    """The split that each folder is called as, empty for none; before the word may stand what all names begin with, if
    training and another part are among them (seg_train, seg_test). eval is the test part beside training alone, and only where
    none is called test."""
    lowered = [name.lower() for name in names]
    plain = [SPLIT_NAMES.get(name, "") for name in lowered]
    shortest = min(lowered, key=len, default="")
    starts = [shortest[:at] for at, letter in enumerate(shortest, start=1) if letter in "_- "]
    shared = next((start for start in reversed(starts) if all(name.startswith(start) for name in lowered)), "")
    behind = [SPLIT_NAMES.get(name.removeprefix(shared), "") for name in lowered]
    found = behind if "train" in behind and {"validation", "test"} & set(behind) else plain
    tested = {name for name, split in zip(lowered, found, strict=True) if split == "test"}
    evaluated = {name for name in tested if "eval" in name}
    if "train" in found and evaluated == tested:
        return found
    return ["" if name in evaluated else split for name, split in zip(lowered, found, strict=True)]


def part_named(word: str, at: str) -> str:
    """The split that a word stands for, empty for one that may be drawn; raises UserError where it stands for none."""
    split = PART_WORDS.get(word.strip().lower())
    if split is None:
        raise UserError(
            f"{word!r} names no part: expected train, validation or test", where=at, name=word, known=SPLIT_NAMES
        )
    return split


def column(name: str, known: Sequence[str], path: Path) -> str:
    """`name`, which must be one of the columns `known`, and only one."""
    if name not in known:
        hint = f": --{_OPTIONS[name]}-column names another" if name in _OPTIONS else ""
        told = f"has no column {name!r}, only {', '.join(known)}{hint}"
        raise UserError(told, where=str(path), name=name, known=known)
    if (count := known.count(name)) > 1:
        raise UserError(f"has {count} columns called {name!r}", where=str(path))
    return name


def in_one_spelling(words: Sequence[str]) -> list[str]:
    """The words with an accent written in one way, as folders are read: a letter and its accent are one character."""
    return [unicodedata.normalize("NFC", word) for word in words]


def table_listing(images: Images, rows: Sequence[Row], path: Path) -> Listing:
    """The listing of a table's rows, with a note of the images that stand in several. Where no column has groups, files that
    are called as copies of one image are of one, and a note says so.

    Raises UserError where there are no rows.
    """
    if not rows:
        raise UserError("has no rows", where=str(path))
    names, indices = label_classes(in_one_spelling([row.label for row in rows]))
    splits = np.array([row.split for row in rows])
    groups, copies = originals(images.names) if isinstance(images, ImageFiles) else (None, [])
    if any(row.group for row in rows):
        groups, copies = np.array(in_one_spelling([row.group for row in rows])), []
    return Listing(names, images, indices, splits, groups, (*named_again(images.names), *copies))


def named_again(names: Sequence[str]) -> tuple[str, ...]:
    """A note of the images that stand in several rows, where there are such."""
    several = [name for name, times in Counter(names).items() if times > 1]
    return (f"{counted(len(several), 'image')} in more than one row, {min(several)} for one",) if several else ()
