"""Ways in which weights start."""

from __future__ import annotations

from torch import nn


def start_normal(layer: nn.Conv2d | nn.Linear, std: float) -> None:
    """Draws the weights from a normal distribution and sets the bias to zero."""
    nn.init.normal_(layer.weight, 0.0, std)
    if layer.bias is not None:
        nn.init.zeros_(layer.bias)
