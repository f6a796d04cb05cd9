"""What all candidates are trained by; how long is the race's matter."""

from __future__ import annotations

import math
from typing import Any

from archlab.pick.photographs import Described
from archlab.pick.request import Request
from archlab.training.reading import load_recipe

LIKE = "quick"
BATCH_SIZES = 64, 32, 16
BATCHES = 10  # of an epoch, where more than the smallest are to be
PIXELS = 16 * 224**2  # of a batch, where more images than the smallest are to be


def recipe_at(described: Described, request: Request, pixels: int) -> dict[str, Any]:
    """As a study has it, for networks that see images of so many pixels on a side.

    Images are shifted by up to an eighth of what is prepared, as by LIKE. Batches are larger than those of LIKE, which is for
    few steps, where there are many images and these are small; the learning rate grows with the root of their size (Krizhevsky
    2014, arXiv 1404.5997, section 5).
    """
    plain, size = load_recipe(LIKE), batch_size(sum(described.prepared.counts("train")), pixels)
    found: dict[str, Any] = {"like": LIKE, "resolution": described.entry.resolution, "pixels": pixels}
    found |= {"batch_size": size, "lr": round(plain.lr * math.sqrt(size / plain.batch_size), 4)}
    found["augment"] = {"shift": max(described.entry.resolution // 8, 1), "flip": request.flip}
    return found | ({"balance": True} if request.balance else {})


def batch_size(images: int, pixels: int) -> int:
    """Of so many images to learn from, of so many pixels on a side."""
    most = min(images // BATCHES, PIXELS // pixels**2)
    return next((size for size in BATCH_SIZES if size <= most), BATCH_SIZES[-1])
