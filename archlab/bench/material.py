"""The images that all sides of a measurement get."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from archlab.data import Prepared, entry, open_prepared, prepare


class Cut:
    """A prepared dataset with `train` training images, repeated where there are fewer, and one image to evaluate on."""

    def __init__(self, prepared: Prepared, train: int):
        self._prepared, self._train = prepared, train

    def __getattr__(self, name: str) -> Any:
        return getattr(self._prepared, name)

    def images(self, split: str) -> np.ndarray:
        images = self._prepared.images(split)
        return images.take(range(self._train), axis=0, mode="wrap") if split == "train" else images[:1]

    def shapes(self, split: str) -> np.ndarray | None:
        shapes = self._prepared.shapes(split)
        if shapes is None or split != "train":
            return None if shapes is None else shapes[:1]
        return shapes.take(range(self._train), axis=0, mode="wrap")

    def labels(self, split: str) -> np.ndarray:
        labels = self._prepared.labels(split)
        return labels.take(range(self._train), mode="wrap") if split == "train" else labels[:1]


def cut(home: str | Path, dataset: str, resolution: int, train: int) -> Cut:
    """Training images of a sample dataset at any resolution."""
    home = Path(home)
    if entry(dataset, home).sample:
        return Cut(prepare(dataset, home, resolution=resolution), train)
    return Cut(open_prepared(dataset, home, resolution), train)
