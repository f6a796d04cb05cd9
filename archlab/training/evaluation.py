"""What a model says of the images of a split."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from archlab.data.batches import Batches
from archlab.data.view import View
from archlab.training.mode import precision_of

PIXELS_AT_ONCE = 2**18  # of an evaluation batch: 256 images at 32 pixels


def evaluated_splits(recipe: Any) -> list[str]:
    """What runs of an `archlab.training.recipe.Recipe` are evaluated on."""
    return ["validation"] * (not recipe.with_validation) + ["test"] * recipe.test


def evaluation_batch_size(resolution: int) -> int:
    return max(PIXELS_AT_ONCE // resolution**2, 1)


def evaluation_batches(prepared: Any, split: str, device: torch.device, view: View | None = None) -> Batches:
    pixels = (view and view.pixels) or prepared.resolution
    return Batches(prepared, split, batch_size=evaluation_batch_size(pixels), device=device, view=view)


def evaluate(model: nn.Module, batches: Batches, precision: str = "mixed") -> Tensor:
    """The class scores of a whole split before any softmax, float32 (N, classes), on its device."""
    was_training = model.training
    model.eval()
    with torch.inference_mode(), precision_of(batches.device, precision):
        outputs = [model(images).float() for images, _ in batches.in_order()]
    model.train(was_training)
    return torch.cat(outputs)


def accuracy(scores: Tensor, labels: Tensor) -> float:
    """The share of images whose highest score is that of the right class."""
    return int((scores.argmax(1) == labels).sum()) / len(labels)
