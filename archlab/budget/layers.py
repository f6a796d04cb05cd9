"""Counting an architecture layer by layer."""

from __future__ import annotations

from dataclasses import dataclass

import blocks
from archlab.architecture import SMALLEST_MAP, Architecture, place
from archlab.budget.closed_form import add_block
from blocks import Tally


@dataclass(frozen=True)
class LayerCost:
    """A layer, all its repetitions together, for one image; sizes are pixels on a side. `layer` is None for the head."""

    layer: int | None
    in_channels: int
    out_channels: int
    stride: int
    in_size: int
    out_size: int
    params: int
    macs: int
    activations: int


def count_layers(
    architecture: Architecture,
    *,
    num_classes: int,
    width: float = 1.0,
    in_channels: int = 3,
    resolution: int | None = None,
    smallest_map: int | None = SMALLEST_MAP,
) -> list[LayerCost]:
    """Every layer in order, then the head. Arguments and errors are those of `count`, and so is the sum."""
    placed, head = place(
        architecture, width=width, in_channels=in_channels, resolution=resolution, smallest_map=smallest_map
    )
    found = []
    for index in range(len(architecture.layers)):
        own = [block for block in placed if block.layer == index]
        first, last, tally = own[0], own[-1], Tally()
        for block in own:
            add_block(tally, block, architecture)
        size = last.block.output_size(last.size, stride=last.stride, **last.arguments)
        found.append(
            LayerCost(index, first.in_channels, last.out_channels, first.stride, first.size, size, *_totals(tally))
        )
    tally = Tally()
    blocks.Head.tally(tally, num_classes=num_classes, **head)
    return [*found, LayerCost(None, head["in_channels"], num_classes, 1, size, 1, *_totals(tally))]


def _totals(tally: Tally) -> tuple[int, int, int]:
    return tally.params, tally.macs, tally.activations
