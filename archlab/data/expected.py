"""A dataset before it is prepared, as far as the catalogue describes it: enough to plan with."""

from __future__ import annotations

import numpy as np

from archlab.data.entries import Entry
from archlab.foundation import UserError

NOT_PREPARED = "not prepared: "  # and the name of the dataset


def is_prepared(digest: str) -> bool:
    """Whether a digest is that of a prepared dataset, and not of one that is only expected."""
    return not digest.startswith(NOT_PREPARED)


class Expected:
    """Stands in for a prepared dataset: its name, sizes and classes, and noise for images.

    `digest` is that of no dataset, so no stored run has it; it has the name, so no two datasets share it.
    """

    mean, std = (0.5, 0.5, 0.5), (0.25, 0.25, 0.25)

    def __init__(self, described: Entry, resolution: int):
        self.entry, self.resolution = described, resolution
        self.name, self.num_classes = described.name, described.classes
        self.digest = NOT_PREPARED + described.name

    def counts(self, split: str) -> list[int]:
        """Images of a split as the catalogue has it, in a list of one. Raises UserError where it says nothing of them."""
        images = self.entry.images
        if "train" in images:
            trained = images["train"]
            test = images.get("test") or round(trained * self.entry.test)
            rest = trained if "test" in images else trained - test
        elif "all" in images:
            test = images.get("test") or round(images["all"] * self.entry.test)
            rest = images["all"] - test
        else:
            raise UserError(f"the catalogue says nothing of how many images {self.name} has", where=self.entry.where)
        validation = images.get("validation")
        if validation is None:
            validation = round(rest * self.entry.validation)
            rest -= validation
        elif "train" not in images:
            rest -= validation
        return [{"train": rest, "validation": validation, "test": test}[split]]

    def images(self, split: str) -> np.ndarray:
        """uint8 (N, R, R, 3): one image of noise, seen N times."""
        shape = (self.resolution, self.resolution, 3)
        noise = np.random.default_rng(0).integers(0, 256, shape, dtype=np.uint8)
        return np.broadcast_to(noise, (*self.counts(split), *shape))

    def shapes(self, split: str) -> None:
        """Not known."""

    def labels(self, split: str) -> np.ndarray:
        """int64 (N,): every class in turn."""
        return np.arange(*self.counts(split)) % self.num_classes
