"""Every block of a network with its channels and sizes settled: what assembling and counting both start from.

Width: every channel count is scaled from its published value and rounded on its own to a multiple of 8 (or of what the
block's groups or heads need), never below 90 % of the unrounded value; at width 1 the published values stand.

Resolution: an architecture is published for inputs of a size. Where the last map of a smaller input would have fewer than
`smallest_map` pixels on a side, strides are halved, one at a time, from the input on, until it has as many. Parameters
never change. None keeps the published strides.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import blocks
from archlab.architecture.spec import Architecture, Layer
from archlab.foundation import UserError
from blocks.arguments import takes
from blocks.rounding import round_channels

SMALLEST_MAP = 2


@dataclass(frozen=True, slots=True)
class Placed:
    """One block of a network: its layer's index, its class, all constructor arguments, and pixels on a side that enter."""

    layer: int
    block: type[blocks.Block]
    in_channels: int
    out_channels: int
    stride: int
    arguments: dict[str, Any]
    size: int


def place(
    architecture: Architecture,
    *,
    width: float = 1.0,
    in_channels: int = 3,
    resolution: int | None = None,
    smallest_map: int | None = SMALLEST_MAP,
) -> tuple[list[Placed], dict[str, Any]]:
    """The blocks in order, and the head's arguments with `in_channels`.

    `resolution` None: the published one. Raises UserError where a block has no output or cannot be scaled.
    """
    if not width > 0:
        raise UserError(f"width must be above 0, not {width:g}", where=architecture.where)
    size = resolution or architecture.resolution
    strides = strides_for(architecture, size, smallest_map if resolution else None)
    placed, channels = [], in_channels
    for index, layer in enumerate(architecture.layers):
        block = blocks.BLOCKS[layer.block]
        layer_width = width if layer.scale else 1.0
        arguments = scaled_arguments(block, layer, layer_width)
        out = arguments.pop("out") or channels
        for repetition in range(layer.repeat):
            stride = 1 if repetition else strides[index]
            if takes(block, "published_stride"):
                arguments = arguments | {"published_stride": 1 if repetition else published_stride(layer)}
            placed.append(Placed(index, block, channels, out, stride, arguments, size))
            size = block.output_size(size, stride=stride, **arguments)
            if size < 1:
                raise UserError(
                    f"{layer.block}: nothing is left of the map of {placed[-1].size} pixels", where=layer.where
                )
            channels = out
    head = dict(architecture.head, in_channels=channels)
    if head["features"] and width != 1.0:
        head["features"] = round_channels(head["features"] * width)
    return placed, head


def scaled_arguments(block: type[blocks.Block], layer: Layer, width: float) -> dict[str, Any]:
    """The layer's arguments with its channel counts (`out` among them) scaled."""
    arguments = dict(layer.arguments)
    if width == 1.0:
        return arguments
    for name in ("out", *block.channel_arguments):
        if arguments[name] is not None:
            needed = block.channel_multiple("out_channels" if name == "out" else name, arguments)
            arguments[name] = round_channels(arguments[name] * width, math.lcm(8, needed))
    return arguments


def published_stride(layer: Layer) -> int:
    """The stride of the layer's first block at the published resolution."""
    return blocks.BLOCKS[layer.block].published_stride(layer.stride, layer.arguments)


def strides_for(architecture: Architecture, resolution: int, smallest_map: int | None) -> Sequence[int]:
    """The stride of each layer at `resolution`, by the rule above."""
    strides = [published_stride(layer) for layer in architecture.layers]
    if smallest_map is None or resolution >= architecture.resolution:
        return strides
    for index in range(len(strides)):
        while strides[index] > 1 and last_map(architecture, strides, resolution) < smallest_map:
            strides[index] //= 2
    return strides


def last_map(architecture: Architecture, strides: Sequence[int], size: int) -> int:
    """Pixels on a side of the map that enters the head."""
    for layer, stride in zip(architecture.layers, strides, strict=True):
        block = blocks.BLOCKS[layer.block]
        own = {name: value for name, value in layer.arguments.items() if name != "out"}
        for repetition in range(layer.repeat):
            size = block.output_size(size, stride=1 if repetition else stride, **own)
    return size
