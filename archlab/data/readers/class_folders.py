"""Datasets that their owners publish with lists, as people have them: a folder for each class, with or without parts."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from archlab.data.readers.folder import parts_of
from archlab.data.readers.labels import SPLIT_NAMES
from archlab.data.readers.places import folders, holds_images, levels
from archlab.foundation import UserError


def find_classes(root: Path | None, missing: str) -> Path:
    """The first folder at or below `root` that holds folders of classes, in parts or directly.

    Raises UserError, which says what is `missing`, where there is none.
    """
    for folder in levels(root):
        if _in_parts(folder) or _of_classes(folder):
            return folder
    raise UserError(missing, where=str(root))


def training_and_test(folder: Path) -> dict[str, Path]:
    """As `parts_of`; where one part beside training is there, it is the test part, whatever it is called."""
    parts = {split: _unwrapped(part) for split, part in parts_of(folder).items()}
    if "validation" in parts and "test" not in parts:
        parts["test"] = parts.pop("validation")
    return parts


def _in_parts(folder: Path) -> bool:
    found = {SPLIT_NAMES[part.name.lower()] for part in _named_parts(folder) if folders(part)}
    return "train" in found and len(found) > 1


def _of_classes(folder: Path) -> bool:
    parts = set(_named_parts(folder))
    return sum(holds_images(below) for below in folders(folder) if below not in parts) > 1


def _named_parts(folder: Path) -> Iterator[Path]:
    return (below for below in folders(folder) if below.name.lower() in SPLIT_NAMES)


def _unwrapped(folder: Path) -> Path:
    """`folder`, or what it holds where that is one folder of folders (train.zip unpacks to train/train/)."""
    inside = folders(folder)
    while len(inside) == 1 and not holds_images(inside[0]) and folders(inside[0]):
        folder, inside = inside[0], folders(inside[0])
    return folder
