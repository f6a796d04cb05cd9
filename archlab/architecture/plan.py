"""Every block of a network with its channels and sizes settled: what assembling and counting both start from.

Width: every channel count is scaled from its published value and rounded on its own to a multiple of 8 (or of what the
block's groups or heads need), never below 90 % of the unrounded value; at width 1 the published values stand. Groups are as
many as published or, where these do not divide what enters, the most below that do; depthwise convolutions stay depthwise.

Resolution: an architecture is published for inputs of a size. Where the last map of a smaller input would have fewer than
`smallest_map` pixels on a side, or than the published last map where that is smaller, strides are halved, one at a time, from
the input on, until it has as many. Parameters never change.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import blocks
from archlab.architecture.input_spec import InputSpec
from archlab.architecture.own_blocks import is_shipped
from archlab.architecture.spec import CLASSIFIER, Architecture, Layer
from archlab.foundation import UserError
from blocks import LayerArguments
from blocks.rounding import round_channels

MOST_BLOCKS = 10_000


@dataclass(frozen=True, slots=True)
class Placed:
    """One block of a network: the layer that it comes of, with its index, and all its arguments."""

    index: int
    layer: Layer
    arguments: LayerArguments

    @property
    def block(self) -> type[blocks.Block]:
        return blocks.BLOCKS[self.layer.block]

    @property
    def out_size(self) -> int:
        """Pixels on a side of its output."""
        return _output_size(self.layer, self.arguments)

    def build(self) -> blocks.Block:
        return self.block(**self.arguments.of_constructor(self.block))


@dataclass(frozen=True, slots=True)
class PlacedHead:
    """The head with its channels settled: all arguments of `blocks.Head`, or blocks in the place of one."""

    arguments: LayerArguments | None
    blocks: tuple[Placed, ...] = ()


def place(architecture: Architecture, spec: InputSpec, width: float = 1.0) -> tuple[list[Placed], PlacedHead]:
    """The blocks in order, and the head. Raises UserError where a block has no output."""
    if not width > 0:
        raise UserError(f"width must be above 0, not {width:g}", where=architecture.where)
    layers, head_layers = architecture.layers, architecture.head_layers()
    repeats = sum(layer.repeat for layer in (*layers, *head_layers))
    if repeats > MOST_BLOCKS:
        raise UserError(f"{repeats:,} blocks, and at most {MOST_BLOCKS:,} are built", where=architecture.where)
    in_head = _strides(head_layers)
    published, strides = _strides(layers) + in_head, strides_for(architecture, spec) + in_head
    size, channels = spec.resolution or architecture.resolution, spec.in_channels
    placed = []
    for index, (layer, own) in enumerate(scaled_layers((*layers, *head_layers), channels, width)):
        out = own.pop("out") or channels
        if layer.block == CLASSIFIER:
            out = spec.num_classes
        for repetition in range(layer.repeat):
            arguments = LayerArguments(
                in_size=size,
                in_channels=channels,
                out_channels=out,
                stride=1 if repetition else strides[index],
                published_stride=1 if repetition else published[index],
                **own,
            )
            placed.append(Placed(index, layer, arguments))
            size, channels = placed[-1].out_size, out
            if size < 1:
                raise UserError(
                    f"{layer.block}: nothing is left of the map of {arguments.in_size} pixels", where=layer.where
                )
    if head_layers:
        body = [each for each in placed if each.index < len(layers)]
        return body, PlacedHead(None, tuple(placed[len(body) :]))
    head = LayerArguments(in_channels=channels, num_classes=spec.num_classes, **architecture.head)
    if head.features and width != 1.0:
        head.features = round_channels(head.features * width)
    return placed, PlacedHead(head)


def scaled_layers(layers: Iterable[Layer], in_channels: int, width: float) -> Iterator[tuple[Layer, dict[str, Any]]]:
    """Every layer with its arguments at a width (`out` among them); `in_channels` enter the first."""
    published = channels = in_channels
    for layer in layers:
        block, own_width = blocks.BLOCKS[layer.block], width if layer.scale else 1.0
        own = scaled_arguments(block, layer.arguments, own_width, published=published, channels=channels)
        published, channels = layer.arguments["out"] or published, own["out"] or channels
        yield layer, own


def scaled_arguments(
    block: type[blocks.Block], arguments: dict[str, Any], width: float, *, published: int, channels: int
) -> dict[str, Any]:
    """A layer's arguments with its channel counts (`out` among them) scaled.

    `published` channels enter it at width 1, and `channels` at this one.
    """
    scaled = dict(arguments)
    if channels != published:
        for name in block.group_arguments:
            if scaled[name] is not None:
                scaled[name] = _following(scaled[name], published, channels)
    if width != 1.0:
        for name in ("out", *block.channel_arguments):
            if scaled[name] is not None:
                needed = block.channel_multiple("out_channels" if name == "out" else name, LayerArguments(**scaled))
                scaled[name] = round_channels(scaled[name] * width, math.lcm(8, needed))
    return scaled


def _following(groups: int, published: int, channels: int) -> int:
    """The groups of `channels` that stand for so many of the `published` ones."""
    if groups == published:
        return channels
    return max(divisor for divisor in range(1, min(groups, channels) + 1) if channels % divisor == 0)


def published_strides(architecture: Architecture) -> list[int]:
    """The stride of each layer's first block at the published resolution."""
    return _strides(architecture.layers)


def _strides(layers: Iterable[Layer]) -> list[int]:
    return [
        blocks.BLOCKS[layer.block].published_stride(LayerArguments(stride=layer.stride, **layer.arguments))
        for layer in layers
    ]


def strides_for(architecture: Architecture, spec: InputSpec) -> list[int]:
    """The stride of each layer's first block, by the rule above."""
    strides = published_strides(architecture)
    if spec.smallest_map is None or spec.resolution is None or spec.resolution >= architecture.resolution:
        return strides
    smallest = min(spec.smallest_map, map_sizes(architecture, strides, architecture.resolution)[-1])
    for index in range(len(strides)):
        while strides[index] > 1 and map_sizes(architecture, strides, spec.resolution)[-1] < smallest:
            strides[index] //= 2
    return strides


def smallest_with_published_strides(architecture: Architecture, spec: InputSpec) -> int:
    """The least pixels on a side of an input, up to the published ones, that leave the strides as they are published."""
    published, least = published_strides(architecture), architecture.resolution
    while least > 1 and strides_for(architecture, dataclasses.replace(spec, resolution=least - 1)) == published:
        least -= 1
    return least


def map_sizes(architecture: Architecture, strides: Sequence[int], size: int) -> list[int]:
    """Pixels on a side of each layer's output, for an input of `size`."""
    sizes = []
    for layer, stride in zip(architecture.layers, strides, strict=True):
        for repetition in range(layer.repeat):
            arguments = LayerArguments(in_size=size, stride=1 if repetition else stride, **layer.arguments)
            size = _output_size(layer, arguments)
        sizes.append(size)
    return sizes


def _output_size(layer: Layer, arguments: LayerArguments) -> int:
    with refusals_of(layer):
        return blocks.BLOCKS[layer.block].output_size(arguments)


@contextmanager
def refusals_of(layer: Layer) -> Iterator[None]:
    """Turns what the layer's block raises into a UserError: for arguments that it refuses, and whatever a user's own raises."""
    try:
        yield
    except (ValueError, UserError) as error:
        raise UserError(f"{layer.block}: {getattr(error, 'message', error)}", where=layer.where) from error
    except Exception as error:
        if is_shipped(layer.block):
            raise
        raise UserError(f"{layer.block}: {type(error).__name__}: {error}", where=layer.where) from error
