"""The images and the model that both sides of a measurement get."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np

from archlab.data import Prepared, entry, open_prepared, prepare
from archlab.foundation import UserError


def require_timm() -> None:
    """Raises UserError where timm is not installed."""
    if find_spec("timm") is None:
        raise UserError("this measurement compares with timm: pip install 'archlab[test]'")


class Cut:
    """A prepared dataset with `train` training images, repeated where there are fewer, and one image to evaluate on."""

    def __init__(self, prepared: Prepared, train: int):
        self._prepared, self._train = prepared, train

    def __getattr__(self, name: str) -> Any:
        return getattr(self._prepared, name)

    def images(self, split: str) -> np.ndarray:
        images = self._prepared.images(split)
        return images.take(range(self._train), axis=0, mode="wrap") if split == "train" else images[:1]

    def labels(self, split: str) -> np.ndarray:
        labels = self._prepared.labels(split)
        return labels.take(range(self._train), mode="wrap") if split == "train" else labels[:1]


def cut(home: str | Path, dataset: str, resolution: int, train: int) -> Cut:
    """Training images of a sample dataset at any resolution."""
    home = Path(home)
    if entry(dataset, home).sample:
        return Cut(prepare(dataset, home, resolution=resolution), train)
    return Cut(open_prepared(dataset, home, resolution), train)


def write_folders(images: Cut, folder: Path) -> None:
    """The training images as JPEG files, a folder a class."""
    from PIL import Image

    for number, (image, label) in enumerate(zip(images.images("train"), images.labels("train"), strict=True)):
        path = folder / f"{label:03}" / f"{number:05}.jpg"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(image).save(path, quality=90)
