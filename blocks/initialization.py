"""Ways in which the weights of convolutions and linear layers start, by the names that architectures use."""

from __future__ import annotations

import math

from torch import nn

from blocks.registry import INITIALIZATIONS

Layer = nn.Conv2d | nn.Linear


@INITIALIZATIONS.register("torch")
def as_torch_does(layer: Layer) -> None:
    """Uniform, within 1 / sqrt(fan in) on both sides, biases too: layers are built that way."""


@INITIALIZATIONS.register("he")
def he(layer: Layer) -> None:
    """Normal with variance 2 / fan out (He et al. 2015, arXiv 1502.01852), the fan counted within a group; biases zero."""
    groups = getattr(layer, "groups", 1)
    fan_out = layer.weight[:, :1].numel() / groups
    normal(layer, std=math.sqrt(2.0 / fan_out))


@INITIALIZATIONS.register("he_over_groups")
def he_over_groups(layer: Layer) -> None:
    """As `he`, but the fan counted over all groups, as torch's `kaiming_normal_` does, and so torchvision's networks."""
    normal(layer, std=math.sqrt(2.0 / layer.weight[:, :1].numel()))


@INITIALIZATIONS.register("normal")
def normal(layer: Layer, *, std: float = 0.01, zero_bias: bool = True) -> None:
    """Normal; biases zero, or as torch's."""
    nn.init.normal_(layer.weight, 0.0, std)
    if zero_bias:
        _zero_bias(layer)


@INITIALIZATIONS.register("uniform_fan_out")
def uniform_fan_out(layer: Layer) -> None:
    """Uniform, within 1 / sqrt(outputs) on both sides (EfficientNet's classifier); biases zero."""
    limit = 1.0 / math.sqrt(layer.weight.shape[0])
    nn.init.uniform_(layer.weight, -limit, limit)
    _zero_bias(layer)


def _zero_bias(layer: Layer) -> None:
    if layer.bias is not None:
        nn.init.zeros_(layer.bias)
