"""Counting an architecture layer by layer."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import groupby

from archlab.architecture import Architecture, InputSpec, place
from archlab.budget.closed_form import add_block, add_head
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


def count_layers(architecture: Architecture, spec: InputSpec, width: float = 1.0) -> list[LayerCost]:
    """Every layer in order, then the head. Arguments and errors are those of `count`, and so is the sum."""
    placed, head = place(architecture, spec, width)
    found = []
    for index, layer in groupby(placed, lambda each: each.index):
        own, tally = list(layer), Tally()
        for each in own:
            add_block(tally, each)
        first, last = own[0].arguments, own[-1].arguments
        shape = (first.in_channels, last.out_channels, first.stride, first.in_size, own[-1].out_size)
        found.append(LayerCost(index, *shape, *_totals(tally)))
    tally = Tally()
    add_head(tally, head)
    channels = (placed[-1].arguments.out_channels, spec.num_classes)
    return [*found, LayerCost(None, *channels, 1, placed[-1].out_size, 1, *_totals(tally))]


def _totals(tally: Tally) -> tuple[int, int, int]:
    return tally.params, tally.macs, tally.activations
