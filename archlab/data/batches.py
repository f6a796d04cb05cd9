"""Batches of a prepared dataset, made in this process out of uint8 images that stay where they are."""

from __future__ import annotations

import dataclasses
import warnings
from collections.abc import Iterator
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from archlab.data import transforms
from archlab.data.augment import Augment, draw_batches, draw_images, generator, numbers_by_image
from archlab.foundation.own_code import OwnCode, own_code

Batch = tuple[Tensor, Tensor]
"""Normalised float32 images (N, 3, R, R) in channels_last, and labels: int64 (N,), or float32 (N, classes) once mixed."""


class Batches:
    """The images of one split of a prepared dataset, as training or evaluation wants them.

    On a CUDA device the images lie there as uint8 where they fit in half of what is free; elsewhere they are read through
    the memory map, so that processes share them and nothing is copied.
    """

    def __init__(
        self,
        prepared: Any,
        split: str,
        *,
        batch_size: int,
        augment: Augment | None = None,
        seed: int = 0,
        device: str | torch.device = "cpu",
    ):
        self.batch_size, self.seed, self.device = batch_size, seed, torch.device(device)
        augment = augment or Augment()
        self.augment = dataclasses.replace(augment, flip=augment.flip and prepared.entry.flip)
        self._own = _own_augmentations(augment)
        self.num_classes: int = prepared.num_classes
        self.images = _tensor(prepared.images(split))
        self.labels = _tensor(prepared.labels(split)).to(self.device)
        if self.device.type == "cuda" and self.images.nbytes < torch.cuda.mem_get_info(self.device)[0] / 2:
            self.images = self.images.to(self.device)
        width = self.images.shape[2]
        self._mean = (torch.tensor(prepared.mean) * 255).repeat(width).to(self.device)
        self._scale = (1 / (torch.tensor(prepared.std).clamp(min=1e-3) * 255)).repeat(width).to(self.device)

    def __len__(self) -> int:
        """Batches of an epoch. What is left after the last whole batch waits for the next epoch's order."""
        return max(len(self.labels) // self.batch_size, 1)

    def epoch(self, number: int) -> Iterator[Batch]:
        """Augmented batches in random order, both functions of the seed and the epoch's number."""
        count, resolution = self.images.shape[:2]
        order = generator("order", self.seed, number).permutation(count)
        drawn = draw_images(self.augment, count, resolution, self.seed, number)
        mix = draw_batches(self.augment, len(self), self.seed, number)
        for batch in range(len(self)):
            rows = order[batch * self.batch_size : (batch + 1) * self.batch_size]
            images = self._augmented(self._take(rows), {name: values[rows] for name, values in drawn.items()})
            for name, function, arguments in self._own:
                numbers = numbers_by_image(name, self.seed, number, rows)
                images = transforms.changed_by_own(images, function, numbers, arguments)
            images = transforms.normalized(images, self._mean, self._scale)
            if "erasing" in drawn:
                images = transforms.erased(images, drawn["erasing"][rows])
            labels = self.labels[torch.from_numpy(rows).to(self.device, non_blocking=True)]
            yield self._mixed(images, labels, {name: values[batch] for name, values in mix.items()})

    def in_order(self) -> Iterator[Batch]:
        """All images as they are, in their stored order; the last batch may be smaller."""
        for start in range(0, len(self.labels), self.batch_size):
            rows = np.arange(start, min(start + self.batch_size, len(self.labels)))
            images = transforms.normalized(self._take(rows), self._mean, self._scale)
            yield images, self.labels[start : start + self.batch_size]

    def _take(self, rows: np.ndarray) -> Tensor:
        taken = self.images.index_select(0, torch.from_numpy(rows).to(self.images.device, non_blocking=True))
        return taken.to(self.device, non_blocking=True)

    def _augmented(self, images: Tensor, drawn: dict[str, np.ndarray]) -> Tensor:
        if "shift" in drawn:
            images = transforms.shifted(images, drawn["shift"], self.augment.shift)
        if "crop" in drawn:
            images = transforms.resized_crops(images, drawn["crop"])
        if "flip" in drawn:
            images = transforms.flipped(images, drawn["flip"])
        if self.augment.randaugment:
            images = transforms.rand_augmented(images, drawn["randaugment"], self.augment.randaugment.magnitude)
        if "jitter" in drawn:
            images = transforms.jittered(images, drawn["jitter"], drawn["jitter_order"])
        return images

    def _mixed(self, images: Tensor, labels: Tensor, mix: dict[str, Any]) -> Batch:
        if not mix:
            return images, labels
        kept = float(mix["kept"])
        if mix["cutmix"]:
            images, kept = transforms.cut_mixed(images, kept, mix["centre"])
        else:
            images = transforms.mixed_up(images, kept)
        targets = F.one_hot(labels, self.num_classes).float()
        return images, torch.lerp(targets.roll(1, 0), targets, kept)


def _own_augmentations(augment: Augment) -> list[tuple[str, OwnCode, dict[str, Any]]]:
    """The user's functions and their arguments; and names for their numbers, which others beside them do not change."""
    calls = [call for own in augment.own for call in own.items()]
    names = [reference.rpartition(":")[2] for reference, _ in calls]
    return [
        (f"{name} {names[:place].count(name)}", own_code(reference), arguments)
        for place, (name, (reference, arguments)) in enumerate(zip(names, calls, strict=True))
    ]


def _tensor(array: np.ndarray) -> Tensor:
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="The given NumPy array is not writable")  # nor is it written to
        return torch.from_numpy(np.asarray(array))
