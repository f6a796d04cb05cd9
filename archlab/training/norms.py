"""BatchNorm's scales at the start and its running statistics at the end."""

from __future__ import annotations

import torch
from torch import nn

from archlab.data.batches import Batches
from archlab.training.mode import precision_of


def zero_residuals(model: nn.Module) -> None:
    """Sets the scale of the last normalisation of every residual branch to 0, so that the network starts shallow."""
    for norm in model.residual_norms():  # type: ignore[operator]
        if getattr(norm, "weight", None) is not None:
            nn.init.zeros_(norm.weight)


def recalibrate(model: nn.Module, batches: Batches, count: int) -> None:
    """Takes the running statistics anew, as plain means over the first `count` training batches, not augmented."""
    norms = [module for module in model.modules() if isinstance(module, nn.BatchNorm2d)]
    momenta = [norm.momentum for norm in norms]
    for norm in norms:
        norm.reset_running_stats()
        norm.momentum = None  # a plain mean
    model.train()
    with torch.no_grad(), precision_of(batches.device):
        for _, (images, _) in zip(range(count), batches.in_order(), strict=False):
            model(images)
    for norm, momentum in zip(norms, momenta, strict=True):
        norm.momentum = momentum
