"""Folders that hold images and are no classes: parts without classes, folds, all images, and a second copy of all."""

from __future__ import annotations

import filecmp
import os
import re
from collections.abc import Sequence
from itertools import groupby
from pathlib import Path

from archlab.data.readers.labels import parts_named
from archlab.data.readers.nesting import ALL_IMAGES
from archlab.data.readers.places import folders, images_below, table_told
from archlab.foundation import UserError
from archlab.foundation.words import first_of, listed

_FOLD = re.compile(r"(?:cv|k)?[ _-]?fold[ _-]?\d+")
_NAMED = 3


def check_classes(parts: dict[str, Path]) -> list[str]:
    """What is said of folders in the parts, which should be classes, that may be none by their names.

    Raises UserError where they are none: parts with one folder beside them at most, folds alone, and a folder called `images`
    where no class to learn is called so, or where another folder has no images.
    """
    inside = {split: folders(part) for split, part in parts.items()}
    learned = {folder.name for split in ("", "train") for folder in inside.get(split, ())}
    doubtful = []
    for split, classes in inside.items():
        part, names = parts[split], [folder.name for folder in classes]
        called = parts_named(names)
        if "train" in called and {"validation", "test"} & set(called) and called.count("") < 2:
            flat = listed(f"{name}/" for name, of_part in zip(names, called, strict=True) if of_part)
            told = f"{flat} hold no folders of classes: their images need a table of classes (--csv)"
            raise UserError(f"{told}{table_told(part)}", where=str(part))
        if len(names) > 1 and all(_FOLD.fullmatch(name.lower()) for name in names):
            way_out = "put the images of each class into one folder, or into train/ and test/"
            raise UserError(
                f"holds folds ({first_of(names, _NAMED)}), which are no classes: {way_out}", where=str(part)
            )
        for folder in (each for each in classes if each.name.lower() in ALL_IMAGES):
            others = [each for each in classes if each != folder]
            way_out = "name it where it holds the folders of classes; else its images need a table of classes (--csv)"
            way_out += table_told(part)
            if folder.name not in learned or not all(images_below(each, linked=True)[0] for each in others):
                raise UserError(f"is called as all images are, not as a class: {way_out}", where=str(folder))
            if others and split in ("", "train"):
                doubtful.append(f"{folder} is called as all images are: if it is no class, {way_out}")
    return doubtful


def check_second_copy(folder: Path, files: Sequence[str]) -> None:
    """Raises UserError where all `files` of a class are in the folders beside it too: what was unpacked twice."""
    known = set(files)
    for name, of_class in groupby(files, key=lambda file: file.partition(os.sep)[0]):
        below = [file.partition(os.sep)[2] for file in of_class]
        if known.issuperset(below) and filecmp.cmp(folder / name / below[0], folder / below[0], shallow=False):
            copied = first_of(sorted({file.partition(os.sep)[0] for file in below}), _NAMED)
            told = f"holds a second copy of what is beside it ({copied}), so it is no class"
            raise UserError(f"{told}: name it alone, or move it away", where=str(folder / name))
