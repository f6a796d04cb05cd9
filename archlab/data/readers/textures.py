"""Patches of three photographs of brick, grass and gravel, from scikit-image.

Each photograph is cut into three bands, one for each part, and no patch reaches over a band's edge. Patches of the
training band overlap each other.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image

from archlab.data.listing import ImageArray, Listing
from archlab.data.readers.packages import package_folder

_CLASSES = ("brick", "grass", "gravel")
_BANDS = {"train": (0, 320, 450), "validation": (320, 384, 50), "test": (384, 512, 150)}  # rows from, to; patches
_PATCH = 32


def read(root: Path | None = None) -> Listing:
    data = package_folder("skimage") / "data"
    random = np.random.RandomState(0)
    pixels, labels, splits = [], [], []
    for label, name in enumerate(_CLASSES):
        photograph = np.asarray(Image.open(data / f"{name}.png").convert("L"))
        for split, (first, last, count) in _BANDS.items():
            for _ in range(count):
                top = random.randint(first, last - _PATCH + 1)
                left = random.randint(0, photograph.shape[1] - _PATCH + 1)
                pixels.append(photograph[top : top + _PATCH, left : left + _PATCH])
                labels.append(label)
                splits.append(split)
    return Listing(_CLASSES, ImageArray(np.stack(pixels)), np.array(labels), np.array(splits))
