"""Named components (activation, normalisation, channel attention, initialisation) inside a block, and counting them."""

from __future__ import annotations

from typing import Any

from torch import nn

from blocks.block import LayerArguments
from blocks.registry import ACTIVATIONS, CHANNEL_ATTENTIONS, INITIALIZATIONS, NORMALIZATIONS, Registry
from blocks.tally import Tally

Component = dict[str, dict] | str | None  # {"se": {"ratio": 0.25}}, or "se", or None for nothing


def make_activation(act: Component) -> nn.Module:
    return _make(ACTIVATIONS, act)


def make_norm(norm: Component, channels: int) -> nn.Module:
    return _make(NORMALIZATIONS, norm, channels=channels)


def make_channel_attention(attention: Component, *, channels: int, in_channels: int) -> nn.Module:
    """`channels`: those it weighs; `in_channels`: those that enter the block it stands in."""
    return _make(CHANNEL_ATTENTIONS, attention, channels=channels, in_channels=in_channels)


def initialize(init: Component, *layers: nn.Module) -> None:
    """Draws the weights of convolutions and linear layers."""
    if init is not None:
        name, arguments = _split(init)
        for layer in layers:
            INITIALIZATIONS[name](layer, **arguments)


def tally_channel_attention(tally: Tally, layer: LayerArguments, size: int, *, channels: int) -> None:
    """Adds the cost of a block's `channel_attention`, which weighs `channels` of a map of `size` pixels on a side."""
    if layer.channel_attention is not None:
        name, arguments = _split(layer.channel_attention)
        given = LayerArguments(in_size=size, channels=channels, in_channels=layer.in_channels, **arguments)
        CHANNEL_ATTENTIONS[name].tally(tally, given)


def _make(registry: Registry, component: Component, **given: Any) -> nn.Module:
    if component is None:
        return nn.Identity()
    name, arguments = _split(component)
    return registry[name](**given, **arguments)


def _split(component: dict[str, dict] | str) -> tuple[str, dict]:
    return (component, {}) if isinstance(component, str) else next(iter(component.items()))
