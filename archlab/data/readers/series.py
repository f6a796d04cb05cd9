"""Series: images of one thing, such as the frames of a film or the visits of a patient, as folders and names tell them."""

from __future__ import annotations

import os
import re
from collections import Counter
from collections.abc import Sequence

import numpy as np

from archlab.data.readers.file_names import plain_stem
from archlab.data.readers.nesting import ALL_IMAGES
from archlab.data.splits import torn_groups

_NUMBERED = re.compile(r"(.*?)[ ._-]*\(?\d+\)?", re.DOTALL)
_DAY = re.compile(r"(?:.*\D)?(?:19|20)\d\d[-_]?[01]\d[-_]?[0-3]\d(?:-WA)?", re.DOTALL)
"""What photographs are called before their time; before their number, by WhatsApp."""
_MANY = 5  # series of a class on average: fewer may tell where images are from, not what they are of


def series_of(files: Sequence[str], below: Sequence[str]) -> np.ndarray:
    """Equal numbers, int64 (N,), for images of one series: those in one folder within those of the classes, but for one called
    images, else those whose names differ by their last number alone, film3_0001.jpg and film3_0002.jpg. Any other is one of its
    own, with its copies.

    Args:
        files: The paths of the images.
        below: Their ends, below the folders of the classes. A series may have images of several classes.
    """
    numbers: dict[str, int] = {}
    named = (_named(end) or plain_stem(file) for file, end in zip(files, below, strict=True))
    return np.array([numbers.setdefault(name, len(numbers)) for name in named], np.int64)


def told_of_kept(groups: np.ndarray, splits: np.ndarray) -> str:
    """What is said of series, equal in `groups`, that are kept together as far as the source's own `splits` allow."""
    series = len(np.unique(groups))
    if series == len(groups):
        return "no two images are of one series, as far as folders and names tell"
    told = f"{len(groups):,} images of {series:,} series"
    if torn := torn_groups(groups[splits == part] for part in np.unique(splits)):
        return f"{told}, {torn:,} of them with images in different parts of the source"
    return f"{told}: each stays on one side"


def told_of_series(files: Sequence[str], below: Sequence[str], labels: np.ndarray) -> str | None:
    """What is said of images that seem to be of series: at least half of them, in many series of each class. Copies of one
    image are no series, nor are photographs of one day, nor images of several classes that are called alike."""
    within = list(zip(series_of(files, below).tolist(), labels.tolist(), strict=True))
    stems = list(map(plain_stem, files))
    images = Counter(of for of, _ in set(zip(within, stems, strict=True)))
    several = [images[of] > 1 and not _DAY.fullmatch(_named(end) or "") for of, end in zip(within, below, strict=True)]
    found = {of for of, is_one in zip(within, several, strict=True) if is_one}
    if 2 * sum(several) < len(files) or len(found) < _MANY * len(np.unique(labels)):
        return None
    first = several.index(True)
    second = next(at for at, of in enumerate(within) if of == within[first] and stems[at] != stems[first])
    told = f"{sum(several):,} images seem to be of {len({group for group, _ in found}):,} series"
    return (
        f"{told}, {files[first]} and {files[second]} of one: if these are of one thing, a film or a patient, --series keeps "
        "them together, else images that are drawn to test with, or to choose by, are easier than new ones"
    )


def _named(end: str) -> str | None:
    """What the series of an image is called; None where nothing tells."""
    folder, _, name = end.partition(os.sep)
    if folder.lower() in ALL_IMAGES and name:
        return _named(name)
    if name:
        return folder
    numbered = _NUMBERED.fullmatch(plain_stem(end))
    return numbered[1] if numbered and re.search(r"\w", numbered[1]) else None
