"""How good a model is on a split."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
import torch.nn.functional as F
from torch import nn

from archlab.data.batches import Batches
from archlab.data.view import View
from archlab.training.metrics import own_metrics
from archlab.training.mode import precision_of

PIXELS_AT_ONCE = 2**18  # of an evaluation batch: 256 images at 32 pixels


def evaluation_batch_size(resolution: int) -> int:
    return max(PIXELS_AT_ONCE // resolution**2, 1)


def evaluation_batches(prepared: Any, split: str, device: torch.device, view: View | None = None) -> Batches:
    pixels = (view and view.pixels) or prepared.resolution
    return Batches(prepared, split, batch_size=evaluation_batch_size(pixels), device=device, view=view)


def evaluate(
    model: nn.Module,
    batches: Batches,
    metrics: Sequence[dict[str, dict[str, Any]]] = (),
    precision: str = "mixed",
) -> dict[str, float]:
    """Accuracy, balanced accuracy (the mean recall of the classes that occur) and cross entropy over a whole split.

    And the user's own `metrics`, as a recipe names them.
    """
    device, classes = batches.device, batches.num_classes
    # per class: images, right answers; on the device, so that nothing waits before the end
    seen = torch.zeros(classes, dtype=torch.int64, device=device)
    right = torch.zeros_like(seen)
    loss = torch.zeros((), dtype=torch.float64, device=device)
    outputs: list[torch.Tensor] = []
    was_training = model.training
    model.eval()
    with torch.inference_mode(), precision_of(device, precision):
        for images, labels in batches.in_order():
            logits = model(images).float()
            loss += F.cross_entropy(logits, labels, reduction="sum")
            seen.index_add_(0, labels, torch.ones_like(labels))  # bincount would wait for the device
            right.index_add_(0, labels, (logits.argmax(1) == labels).to(labels.dtype))
            if metrics:
                outputs.append(logits)
    model.train(was_training)
    seen, right = seen.cpu(), right.cpu()
    recalls = (right.double() / seen)[seen > 0]
    return {
        "accuracy": int(right.sum()) / int(seen.sum()),
        "balanced_accuracy": float(recalls.mean()),
        "loss": float(loss) / int(seen.sum()),
        **(own_metrics(metrics, torch.cat(outputs).cpu().numpy(), batches.labels.cpu().numpy()) if metrics else {}),
    }
