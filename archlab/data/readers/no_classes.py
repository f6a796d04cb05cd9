"""Folders that hold images and are no classes: parts without classes, folds, all images, and a second copy of all."""

from __future__ import annotations

import re
from pathlib import Path

from archlab.data.readers.labels import parts_named
from archlab.data.readers.nesting import ALL_IMAGES
from archlab.data.readers.places import folders, holds_images, table_told
from archlab.foundation import UserError
from archlab.foundation.words import first_of, listed

_FOLD = re.compile(r"(?:cv|k)?[ _-]?fold[ _-]?\d+")
_NAMED = 3


def check_classes(part: Path, *, held_out: bool) -> None:
    """Raises UserError where folders in `part`, which should be classes, are none by their names; `held_out`: whether it is
    validation or test."""
    classes = folders(part)
    names = [folder.name for folder in classes]
    splits = parts_named(names)
    if "train" in splits and {"validation", "test"} & set(splits):
        flat = listed(f"{name}/" for name, split in zip(names, splits, strict=True) if split)
        told = f"{flat} hold no folders of classes: their images need a table of classes (--csv)"
        raise UserError(f"{told}{table_told(part)}", where=str(part))
    if len(names) > 1 and all(_FOLD.fullmatch(name.lower()) for name in names):
        way_out = "put the images of each class into one folder, or into train/ and test/"
        raise UserError(f"holds folds ({first_of(names, _NAMED)}), which are no classes: {way_out}", where=str(part))
    for folder in classes:
        if folder.name.lower() in ALL_IMAGES and (held_out or len(classes) > 1):
            way_out = "where it holds the folders of classes, name it; else its images need a table of classes (--csv)"
            raise UserError(
                f"is called as all images are, not as a class: {way_out}{table_told(part)}", where=str(folder)
            )
        copied = sorted({below.name for below in _inside(folder)} & set(names))
        if len(copied) > 1:
            told = f"holds folders called as those beside it ({first_of(copied, _NAMED)}), so it is no class"
            raise UserError(f"{told}: name it alone, or move it away", where=str(folder))


def _inside(folder: Path) -> list[Path]:
    """The folders in one that holds no images itself, and is no link."""
    return [] if folder.is_symlink() or holds_images(folder) else folders(folder)
