"""A loss in which every class counts alike, however many images it has.

Each image weighs by the inverse frequency of its class in training, as in King, Zeng, "Logistic Regression in Rare Events
Data", Political Analysis 9, 2001. The mean weight of an image is 1: the scale of the loss and of learning rates stays.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor


def class_weights(labels: Tensor, classes: int) -> Tensor:
    """float32 (classes,): of training labels, int64 (N,). Classes without an image have 0."""
    counts = torch.bincount(labels, minlength=classes).double()
    return torch.where(counts > 0, len(labels) / ((counts > 0).sum() * counts.clamp(min=1)), 0).float()


def balanced_cross_entropy(outputs: Tensor, labels: Tensor, weights: Tensor, label_smoothing: float = 0.0) -> Tensor:
    """The mean over images of the cross entropy times their weight.

    Not over the weights of a batch, as `F.cross_entropy` has it: a batch with nothing but frequent classes weighs less. An
    image that is mixed of several weighs each class in it by itself; smoothing spreads what an image weighs.

    Args:
        outputs: float (N, classes).
        labels: int64 (N,), or float32 (N, classes) once mixed.
        weights: As `class_weights` gives them.
    """
    if labels.is_floating_point():
        weighted = labels * weights
        spread = label_smoothing / outputs.shape[1] * weighted.sum(1, keepdim=True)
        return F.cross_entropy(outputs, (1 - label_smoothing) * weighted + spread)
    losses = F.cross_entropy(outputs, labels, label_smoothing=label_smoothing, reduction="none")
    return (losses * weights[labels]).mean()
