"""What a network says of each image of a split: a score for every class, kept in half precision, and the right class."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class ClassScores:
    """Of a split, in the order of its images.

    Attributes:
        scores: float16 (N, classes): the network's outputs before any softmax, less the largest of the image. So the class
            that the network says has 0 and every other less, whatever half precision rounds.
        labels: int32 (N,), the index of the right class.
    """

    scores: np.ndarray
    labels: np.ndarray

    def __post_init__(self) -> None:
        """Raises ValueError where these are no class scores."""
        shape, kind = self.scores.shape, (self.scores.dtype, self.labels.dtype)
        if len(shape) != 2 or self.labels.shape != shape[:1] or kind != (np.float16, np.int32):
            raise ValueError(f"class scores {shape} of {kind[0]} and labels {self.labels.shape} of {kind[1]}")
        if len(self.labels) and not 0 <= self.labels.min() <= self.labels.max() < shape[1]:
            raise ValueError(f"labels from {self.labels.min()} to {self.labels.max()} of {shape[1]} classes")

    @classmethod
    def of(cls, outputs: np.ndarray, labels: np.ndarray) -> ClassScores:
        """Of outputs, float (N, classes), and labels, int (N,)."""
        largest = np.finfo(np.float16)
        said = outputs.argmax(1)
        below = (outputs - outputs.max(1, keepdims=True)).clip(min=float(largest.min))
        halved = np.minimum(below, -float(largest.smallest_subnormal)).astype(np.float16)
        halved[np.arange(len(said)), said] = 0
        return cls(halved, labels.astype(np.int32))

    @property
    def classes(self) -> np.ndarray:
        """int64 (N,): what the network says."""
        return self.scores.argmax(1)

    def probabilities(self) -> np.ndarray:
        """float64 (N, classes): the softmax of the scores."""
        exponential = np.exp(self.scores.astype(np.float64))
        return exponential / exponential.sum(1, keepdims=True)
