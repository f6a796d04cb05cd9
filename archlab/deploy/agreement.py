"""Whether an exported file computes what the network computes, image for image."""

from __future__ import annotations

import copy
import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from archlab.deploy.deployed import Deployed
from archlab.deploy.loading import LoadedNetwork
from archlab.training.evaluation import evaluation_batch_size

MOST = 1000  # images
NAMED = 20  # exceptions


@dataclass(frozen=True)
class Agreement:
    """Of a file and its network in torch.

    Attributes:
        images: How many; `made_up`: whether they are noise, since the run's dataset is not here.
        same_class: Of so many the class is the same.
        largest_difference: Of a probability; 1 where the file gives no number.
        within_rounding: Whether no probability is farther from the network in double precision than four times what torch in
            single precision is, and what a relative error of 2e-6 of the largest class score makes.
        exceptions: What those images are called that get another class.
        right: Of each image, bool (N,), whether the file gives it its label; None where there are no labels.
    """

    images: int
    made_up: bool
    same_class: int
    largest_difference: float
    within_rounding: bool
    exceptions: tuple[str, ...]
    right: np.ndarray | None

    @property
    def share(self) -> float:
        return self.same_class / self.images

    @property
    def accuracy(self) -> float | None:
        """Of the file."""
        return None if self.right is None else float(self.right.mean())

    def document(self) -> dict[str, Any]:
        names = ("images", "made_up", "same_class", "largest_difference", "within_rounding")
        return {**{name: getattr(self, name) for name in names}, "exceptions": list(self.exceptions)}


@dataclass(frozen=True)
class Images:
    """uint8 (N, R, R, 3), their names, and their labels, int64 (N,), where they are known."""

    pixels: np.ndarray
    names: list[str]
    labels: np.ndarray | None


def images_of(network: LoadedNetwork, split: str = "test", most: int | None = MOST) -> Images:
    """Of the run's dataset, spread over the split, no more than `most`; noise where the dataset is not here. All without
    `most`: these stay on the disk, from where they are read as they are needed."""
    prepared = network.test_data()
    if prepared is None or not len(prepared.labels(split)):
        side = network.preprocessing.resolution
        pixels = np.random.default_rng(0).integers(0, 256, (64, side, side, 3), dtype=np.uint8)
        return Images(pixels, [f"noise {number}" for number in range(len(pixels))], None)
    labels, names = prepared.labels(split), prepared.names(split)
    if most is None:
        return Images(prepared.images(split), names, labels)
    chosen = np.unique(np.linspace(0, len(labels) - 1, min(most, len(labels))).round().astype(int))
    return Images(prepared.images(split)[chosen], [names[row] for row in chosen], labels[chosen])


def agreement(network: LoadedNetwork, found: np.ndarray, images: Images) -> Agreement:
    """Holds the probabilities that a file gives, float32 (N, classes), against those of the network, which is on the CPU."""
    precise = Deployed(copy.deepcopy(network), network.preprocessing).eval().double()
    expected, excess = np.empty_like(found), -math.inf
    for rows in batches(images.pixels, network.preprocessing.pixels):
        pixels = torch.from_numpy(np.ascontiguousarray(images.pixels[rows]))
        expected[rows] = network.probabilities(pixels).numpy()
        with torch.inference_mode():
            scores = network(network.preprocessing.normalized(pixels))
            try:
                exact = precise.scores(pixels)
            except RuntimeError:  # of an own block that makes single precision of what it is given
                exact = scores.double()
        error = (scores.double() - exact).abs().max().item()
        # an error of e in every class score moves a probability by at most e / 2
        bound = (4 * error + 2e-6 * exact.abs().max().item()) / 2
        excess = np.maximum(excess, np.abs(found[rows] - exact.softmax(1).numpy()).max() - bound)  # NaN stays
    classes = classes_of(found)
    same = classes == expected.argmax(1)
    return Agreement(
        images=len(found),
        made_up=images.labels is None,
        same_class=int(same.sum()),
        largest_difference=float(np.nan_to_num(np.abs(found - expected), nan=1.0, posinf=1.0).max()),
        within_rounding=bool(excess <= 0),
        exceptions=tuple(images.names[row] for row in np.flatnonzero(~same)[:NAMED]),
        right=None if images.labels is None else classes == images.labels,
    )


def classes_of(probabilities: np.ndarray) -> np.ndarray:
    """int64 (N,): the likeliest class of each row; -1 where a row has anything but numbers."""
    return np.where(np.isfinite(probabilities).all(1), probabilities.argmax(1), -1)


def batches(pixels: np.ndarray, seen: int | None = None) -> Iterator[slice]:
    """As many images at once as the memory takes, where the network sees `seen` pixels on a side; None: as stored."""
    size = evaluation_batch_size(seen or pixels.shape[1])
    return (slice(start, start + size) for start in range(0, len(pixels), size))
