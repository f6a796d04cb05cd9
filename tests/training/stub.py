"""A made-up dataset with the face of a prepared one, a network that trains in milliseconds, and what trainings give."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import torch

from archlab.architecture import architecture
from archlab.training import loop

TINY = architecture(
    {
        "name": "tiny",
        "resolution": 16,
        "layers": [
            {"conv": {"out": 8, "stride": 2}},
            {"inverted_residual": {"out": 8, "expand": 2}},
            {"inverted_residual": {"out": 16, "expand": 2, "stride": 2}},
        ],
        "head": {"dropout": 0.1},
    }
)


class Made:
    """Noise with a bright quarter, which one being the class; every image different."""

    def __init__(self, train: int = 104, validation: int = 24, test: int = 40, side: int = 16, flip: bool = False):
        rng = np.random.default_rng(0)
        self.arrays = {}
        for split, count in {"train": train, "validation": validation, "test": test}.items():
            labels = rng.permutation(np.arange(count) % 4)
            images = rng.integers(0, 160, (count, side, side, 3), dtype=np.uint8)
            for image, label in zip(images, labels, strict=True):
                row, column = (side // 2) * (label // 2), (side // 2) * (label % 2)
                image[row : row + side // 2, column : column + side // 2] += 90
            self.arrays[split] = images, labels
        pixels = self.arrays["train"][0].reshape(-1, 3) / 255
        self.mean, self.std = tuple(pixels.mean(0)), tuple(pixels.std(0))
        self.name, self.digest, self.num_classes, self.resolution = "made", "made", 4, side
        self.entry = SimpleNamespace(flip=flip)

    def images(self, split: str) -> np.ndarray:
        return self.arrays[split][0]

    def shapes(self, split: str) -> None:
        """Squares."""

    def labels(self, split: str) -> np.ndarray:
        return self.arrays[split][1]


def same_scores(one, other) -> bool:
    splits = [trained.class_scores for trained in (one, other)]
    return splits[0].keys() == splits[1].keys() and all(
        np.array_equal(splits[0][split].scores, splits[1][split].scores) for split in splits[0]
    )


def same(one, other) -> bool:
    """Whether two trainings gave the same numbers, to the bit."""
    histories = [[{**entry, "seconds": 0} for entry in trained.history] for trained in (one, other)]
    return (
        same_scores(one, other)
        and histories[0] == histories[1]
        and one.weights.keys() == other.weights.keys()
        and all(torch.equal(one.weights[name], other.weights[name]) for name in one.weights)
    )


class Interruption(Exception):
    pass


def interrupt_after(epoch):
    def stop(entry):
        if entry["epoch"] == epoch:
            raise Interruption

    return stop


def seen(monkeypatch) -> list[torch.Size]:
    """The shapes of the batches that the network trains on and is tested on from here on."""
    shapes = []
    build = loop.build_model

    def watched(*arguments, **named):
        model = build(*arguments, **named)
        model.register_forward_pre_hook(lambda module, given: shapes.append(given[0].shape))
        return model

    monkeypatch.setattr(loop, "build_model", watched)
    return shapes
