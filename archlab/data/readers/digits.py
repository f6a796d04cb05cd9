"""Handwritten digits out of scikit-learn: 1,797 images of 8x8 pixels.

They come in the order of their writers, so the parts are consecutive: a writer stands on two sides only at a seam.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from archlab.data.listing import ImageArray, Listing


def read(root: Path | None = None) -> Listing:
    from sklearn.datasets import load_digits

    digits = load_digits()
    pixels = np.round(digits.images * (255 / 16)).astype(np.uint8)
    splits = np.repeat(["train", "validation", "test"], [1080, 120, 597])
    return Listing(tuple("0123456789"), ImageArray(pixels), digits.target.astype(np.int64), splits)
