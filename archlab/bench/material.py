"""The images that all sides of a measurement get."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from archlab.data import Prepared, entry, open_prepared, prepare
from archlab.forecast.measuring import Few


class Cut(Few):
    """A prepared dataset with `train` training images, repeated where there are fewer, and one image to evaluate on."""

    def __init__(self, prepared: Prepared, train: int):
        super().__init__(prepared, train, others=1)

    def _cut(self, values: Any, split: str) -> Any:
        most = self._most[split]
        return values.take(range(most), axis=0, mode="wrap") if split == "train" else values[:most]


def cut(home: str | Path, dataset: str, resolution: int, train: int) -> Cut:
    """Training images of a sample dataset at any resolution."""
    home = Path(home)
    if entry(dataset, home).sample:
        return Cut(prepare(dataset, home, resolution=resolution), train)
    return Cut(open_prepared(dataset, home, resolution), train)
