"""A folder of folders: one a class, below train/, validation/ and test/ where there are such."""

from __future__ import annotations

import os
import unicodedata
from pathlib import Path

import numpy as np

from archlab.data.listing import IMAGE_SUFFIXES, ImageFiles, Listing
from archlab.data.readers.labels import SPLIT_NAMES
from archlab.data.readers.places import locate
from archlab.foundation import UserError

_HIDDEN = (".", "__")


def read(
    root: Path | None, *, path: Path | None = None, test: str | None = None, class_names: dict[str, str] | None = None
) -> Listing:
    """Options: `path`, the folder, where the source is no archive; `test`, the folder of the test part, where it has
    another name; `class_names`, what to call the classes whose folders have codes for names.
    """
    folder = locate(root, "train", test) if test else root or path or Path()
    if not folder.is_dir():
        raise UserError("there is no such folder", where=str(folder))
    files: list[str] = []
    classes: list[str] = []
    splits: list[str] = []
    ignored = 0
    for split, part in _parts(folder, test).items():
        for class_folder in _folders(part):
            found, others = _images(class_folder)
            ignored += others
            if not found:
                raise UserError(
                    "holds no images: an empty class cannot be learnt, remove the folder", where=str(class_folder)
                )
            files += [file.removeprefix(f"{folder}{os.sep}") for file in found]
            classes += [unicodedata.normalize("NFC", class_folder.name)] * len(found)
            splits += [split] * len(found)
    if not files:
        raise UserError(
            "expected a folder of images for each class, or train/ and test/ of such folders", where=str(folder)
        )
    names, labels = np.unique(classes, return_inverse=True)
    called = [(class_names or {}).get(name, name) for name in map(str, names)]
    notes = (f"{ignored} files are not images and were left out",) if ignored else ()
    return Listing(tuple(called), ImageFiles(folder, files), labels.astype(np.int64), np.array(splits), notes=notes)


def _parts(folder: Path, test: str | None) -> dict[str, Path]:
    """The folders of the parts by split; "" for the folder itself where it has none.

    A folder called train or test that holds images, not folders, is a class.
    """
    parts: dict[str, Path] = {}
    for below in _folders(folder):
        split = SPLIT_NAMES.get(below.name.lower())
        if test is not None and (below.name == test or split == "test"):
            split = "test" if below.name == test else None
        if split and _folders(below):
            if split in parts:
                raise UserError(f"{parts[split].name}/ and {below.name}/ both hold the {split} part", where=str(folder))
            parts[split] = below
    if parts and "train" not in parts:
        raise UserError(
            f"has {' and '.join(part.name for part in parts.values())} but no train folder", where=str(folder)
        )
    return parts or {"": folder}


def _folders(folder: Path) -> list[Path]:
    return sorted(below for below in folder.iterdir() if below.is_dir() and not below.name.startswith(_HIDDEN))


def _images(folder: Path) -> tuple[list[str], int]:
    """Paths of images at any depth, and the number of other files."""
    images: list[str] = []
    others = 0
    for place, below, files in os.walk(folder):
        below[:] = [name for name in below if not name.startswith(_HIDDEN)]
        for name in files:
            if name.lower().endswith(IMAGE_SUFFIXES) and not name.startswith("."):
                images.append(os.path.join(place, name))  # noqa: PTH118 (there are many)
            else:
                others += not name.startswith(".")
    return sorted(images), others
