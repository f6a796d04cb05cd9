"""How much accuracy a file loses, with its interval over images."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

Z = 1.959964  # of 95 %


@dataclass(frozen=True)
class Drop:
    """Accuracies of a float and an int8 network on the same images, and the drop from one to the other: low, high, 95 %."""

    float_accuracy: float
    int8_accuracy: float
    low: float
    high: float
    images: int

    @property
    def value(self) -> float:
        return self.float_accuracy - self.int8_accuracy


def paired_drop(right_before: np.ndarray, right_after: np.ndarray) -> Drop:
    """Of answers, right or wrong, to the same images (N,).

    The interval is that of Agresti and Min (2005, Statistics in Medicine 24, 729): the Wald interval of a difference of
    paired proportions after half an image is added to each of the four cells.
    """
    before, after = np.asarray(right_before, bool), np.asarray(right_after, bool)
    count = len(before)
    lost = float(np.sum(before & ~after)) + 0.5
    gained = float(np.sum(~before & after)) + 0.5
    total = count + 2
    centre = (lost - gained) / total
    half = Z * math.sqrt(lost + gained - (lost - gained) ** 2 / total) / total
    return Drop(float(before.mean()), float(after.mean()), centre - half, centre + half, count)
