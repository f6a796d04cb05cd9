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
from archlab.data.augment import Augment, draw_batches, draw_images, generator, numbers_by_image, smoothed_side
from archlab.data.batch_count import batches_of
from archlab.data.view import View, stored_boxes
from archlab.foundation.own_code import OwnCode, own_code

Batch = tuple[Tensor, Tensor]
"""Normalised float32 images (N, 3, R, R) in channels_last, and labels: int64 (N,), or float32 (N, classes) once mixed."""


class Batches:
    """The images of one split of a prepared dataset, or of several together, as training or evaluation wants them.

    On a CUDA device the images lie there as uint8 where they fit in half of what is free; elsewhere they are read through
    the memory map, so that processes share them and nothing is copied. They become what the view wants batch by batch, on
    the device.
    """

    def __init__(
        self,
        prepared: Any,
        *splits: str,
        batch_size: int,
        augment: Augment | None = None,
        seed: int = 0,
        device: str | torch.device = "cpu",
        view: View | None = None,
        keep_incomplete: bool = False,
    ):
        self.batch_size, self.seed, self.device = batch_size, seed, torch.device(device)
        self.view, self.keep_incomplete = view or View(), keep_incomplete
        augment = augment or Augment()
        self.augment = dataclasses.replace(augment, flip=augment.flip and prepared.entry.flip)
        self._own = _own_augmentations(augment)
        self.num_classes: int = prepared.num_classes
        self.parts = [_tensor(prepared.images(split)) for split in splits]
        self.labels = torch.cat([_tensor(prepared.labels(split)) for split in splits]).to(self.device)
        self.stored: int = self.parts[0].shape[2]
        self.pixels = self.view.pixels or self.stored
        shapes = [prepared.shapes(split) for split in splits]
        self._shapes = None if shapes[0] is None else np.concatenate(shapes)
        self._smoothed = self.stored
        if augment.crop and self._shapes is None:
            self._smoothed = smoothed_side(augment.crop, self.stored, self.pixels)
        if self.device.type == "cuda":
            self._keep_on_device()
        normalisation = self.view.normalisation or prepared
        self._mean = (torch.tensor(normalisation.mean) * 255).repeat(self.pixels).to(self.device)
        std = torch.tensor(normalisation.std).clamp(min=1e-3)
        self._scale = (1 / (std * 255)).repeat(self.pixels).to(self.device)

    def _keep_on_device(self) -> None:
        if sum(part.nbytes for part in self.parts) < torch.cuda.mem_get_info(self.device)[0] / 2:
            self.parts = [part.to(self.device) for part in self.parts]

    def __len__(self) -> int:
        """Batches of an epoch."""
        return batches_of(len(self.labels), self.batch_size, self.keep_incomplete)

    def epoch(self, number: int) -> Iterator[Batch]:
        """Augmented batches in random order, both functions of the seed and the epoch's number."""
        count = len(self.labels)
        order = generator("order", self.seed, number).permutation(count)
        drawn = draw_images(
            self.augment, count, self.stored, self.seed, number, shapes=self._shapes, pixels=self.pixels
        )
        if "crop" in drawn and self._shapes is not None:
            drawn["crop"] = stored_boxes(drawn["crop"], self._shapes, self.stored)
        mix = draw_batches(self.augment, len(self), self.seed, number)
        for batch in range(len(self)):
            rows = order[batch * self.batch_size : (batch + 1) * self.batch_size]
            of_rows = {name: values[rows] for name, values in drawn.items()}
            images = self._take(rows)
            for step in self.augment.steps:
                images = self._augmented(step, images, rows, of_rows, number)
            images = transforms.normalized(images, self._mean, self._scale)
            if "erasing" in drawn:
                images = transforms.erased(images, drawn["erasing"][rows])
            labels = self.labels[torch.from_numpy(rows).to(self.device, non_blocking=True)]
            yield self._mixed(images, labels, {name: values[batch] for name, values in mix.items()})

    def in_order(self) -> Iterator[Batch]:
        """All images as a test sees them, in their stored order; the last batch may be smaller."""
        for start in range(0, len(self.labels), self.batch_size):
            rows = np.arange(start, min(start + self.batch_size, len(self.labels)))
            images = transforms.normalized(self._middle(self._take(rows), rows, test=True), self._mean, self._scale)
            yield images, self.labels[start : start + self.batch_size]

    def _take(self, rows: np.ndarray) -> Tensor:
        """Stored images, on the device; those of all splits are counted through."""
        taken, start = list[Tensor](), 0
        for part in self.parts:
            inside = rows[(rows >= start) & (rows < start + len(part))] - start
            taken.append(part.index_select(0, torch.from_numpy(inside).to(part.device, non_blocking=True)))
            start += len(part)
        if len(taken) == 1:
            return taken[0].to(self.device, non_blocking=True)
        place = np.searchsorted(np.cumsum([len(part) for part in self.parts]), rows, side="right").argsort(
            kind="stable"
        )
        together = torch.cat(taken)[torch.from_numpy(place.argsort()).to(taken[0].device, non_blocking=True)]
        return together.to(self.device, non_blocking=True)

    def _middle(self, images: Tensor, rows: np.ndarray, *, test: bool) -> Tensor:
        return self.view.middle(images, None if self._shapes is None else self._shapes[rows], test=test)

    def _augmented(
        self, step: str, images: Tensor, rows: np.ndarray, drawn: dict[str, np.ndarray], epoch: int
    ) -> Tensor:
        """The images `rows` after one step. The view's size comes with the crop, or in its place."""
        if step == "crop":
            if "crop" in drawn:
                if self._smoothed == self.stored:
                    return transforms.resized_crops(images, drawn["crop"], self.pixels)
                boxes = drawn["crop"] * (self._smoothed / self.stored)
                return transforms.resized_crops(transforms.resized(images, self._smoothed), boxes, self.pixels)
            return self._middle(images, rows, test=False)
        if step == "own":
            for name, function, arguments in self._own:
                numbers = numbers_by_image(name, self.seed, epoch, rows)
                images = transforms.changed_by_own(images, function, numbers, arguments)
        elif step not in drawn:
            return images
        elif step == "shift":
            return transforms.shifted(images, drawn["shift"], self.augment.shift)
        elif step == "flip":
            return transforms.flipped(images, drawn["flip"])
        elif step == "randaugment" and self.augment.randaugment:
            return transforms.rand_augmented(images, drawn["randaugment"], self.augment.randaugment.magnitude)
        elif step == "jitter":
            return transforms.jittered(images, drawn["jitter"], drawn["jitter_order"])
        return images

    def _mixed(self, images: Tensor, labels: Tensor, mix: dict[str, Any]) -> Batch:
        if not mix:
            return images, labels
        kept = float(mix["kept"])
        if mix["cutmix"]:
            images, area = transforms.cut_mixed(images, kept, mix["centre"])
            kept = area if self.augment.cutmix_labels == "area" else kept
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
