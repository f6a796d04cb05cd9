"""What the names of images tell: which are masks of others, which are augmented copies, and maybe of which class they are."""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from contextlib import suppress

import numpy as np

from archlab.data.formats import open_image
from archlab.foundation.words import counted, first_of

_MASK = re.compile(r"(.+?)[ _-](?:mask|segmentation|seg|gt)(?:[ _-]?\d+)?", re.IGNORECASE | re.DOTALL)
_EXPORT = re.compile(r"\.rf\.[0-9a-z]{16,}\Z", re.IGNORECASE)  # Roboflow's; several of an image where it augments
_COPY = re.compile(r"(?:[ _-]aug(?:mented)?[ _-]?\d*|-edited)\Z", re.IGNORECASE)
_KIND = re.compile(r"_(?:jpe?g|png|webp|bmp)\Z", re.IGNORECASE)  # before Roboflow's
_WORD = re.compile(r"[^\W\d_]+(?:[ _-][^\W\d_]+)*(?=[ ._-])")  # cat of cat.0, great_pyrenees of great_pyrenees_12
_NAMED = 5  # classes
_SHADES = 32  # at most, of a mask


def masks(files: Sequence[str]) -> list[str]:
    """Those that are called as a mask of another in the same folder, `scan_mask.png` beside `scan.jpg`, where the first of them
    has few shades, and its image many: a photograph of a face with a mask is none."""
    images = {_stem(file): file for file in files}
    named = ((file, _MASK.fullmatch(_stem(file))) for file in files)
    called = {file: images[mask[1]] for file, mask in named if mask and mask[1] in images}
    first, image = next(iter(called.items()), ("", ""))
    return list(called) if first and _is_drawn(first) and not _is_drawn(image) else []


def _is_drawn(file: str) -> bool:
    with suppress(Exception), open_image(file) as image:  # preparing will say what cannot be read
        return image.convert("L").getcolors(_SHADES) is not None
    return False


def originals(files: Sequence[str]) -> tuple[np.ndarray | None, list[str]]:
    """Equal numbers, int64 (N,), for an image and those called as its copies; None where nothing is called so. And what is
    said of copies."""
    stems = list(map(_stem, files))
    there = set(stems)
    alone = [_COPY.sub("", stem) for stem in stems]
    copied = [_EXPORT.sub("", name if name in there else stem) for stem, name in zip(stems, alone, strict=True)]
    numbers: dict[str, int] = {}
    groups = np.array([numbers.setdefault(name, len(numbers)) for name in copied], np.int64)
    notes = []
    if is_copied := copied != stems and len(numbers) < len(there):
        of_one = np.bincount(groups)[groups]
        known = zip(files, stems, copied, of_one, strict=True)
        first = next(file for file, stem, name, images in known if stem != name and images > 1)
        several = counted(len(there) - len(numbers), "image")
        notes.append(f"{several} called as copies of others ({first} for one): all of one image stay on one side")
    if orphans := [file for file, name in zip(files, alone, strict=True) if name not in there]:
        told = f"{counted(len(orphans), 'image')} called as copies of what is not there ({min(orphans)} for one)"
        notes.append(f"{told}: if one image has several, the test may know them from training")
    return groups if is_copied else None, notes


def plain_stem(file: str) -> str:
    """The name of an image without suffix, and without what copies of it are called by."""
    stem = _COPY.sub("", _stem(file))
    exported = _EXPORT.sub("", stem)
    return stem if exported == stem else _COPY.sub("", _KIND.sub("", exported))


def classes_told(files: Sequence[str]) -> str:
    """What is said of images that all begin with one of a few words; empty where they do not."""
    words = {word[0] if (word := _WORD.match(os.path.basename(file))) else "" for file in files}  # noqa: PTH119
    if "" in words or not 2 <= len(words) <= len(files) / 3:
        return ""
    told = first_of(sorted(words), _NAMED)
    return f"; if names begin with the class ({told}), move the images of each into a folder of that name"


def _stem(file: str) -> str:
    return os.path.splitext(file)[0]  # noqa: PTH122
