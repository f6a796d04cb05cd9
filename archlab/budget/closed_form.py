"""Counting an architecture without building it."""

from __future__ import annotations

import json
from functools import lru_cache
from typing import Any

import torch

import blocks
from archlab.architecture import SMALLEST_MAP, Architecture, Placed, place
from archlab.budget.cost import Cost
from archlab.budget.measured import measure
from archlab.foundation import UserError
from blocks import Tally


def count(
    architecture: Architecture,
    *,
    num_classes: int,
    width: float = 1.0,
    in_channels: int = 3,
    resolution: int | None = None,
    smallest_map: int | None = SMALLEST_MAP,
) -> Cost:
    """The cost of the network that `build_model` makes of the same arguments, equal to `measure` of it.

    A block without a closed form is built and measured, once for the same arguments, channels and size.

    Args:
        resolution: Pixels on a side; None for the published resolution and strides.

    Raises:
        UserError: A block refuses its arguments, or has an operator that cannot be counted.
    """
    placed, head = place(
        architecture, width=width, in_channels=in_channels, resolution=resolution, smallest_map=smallest_map
    )
    trained, deployed = Tally(), Tally(deployed=True)
    for tally in (trained, deployed):
        for block in placed:
            add_block(tally, block, architecture)
        blocks.Head.tally(tally, num_classes=num_classes, **head)
    classifier = ((head["features"] or head["in_channels"]) + 1) * num_classes
    return Cost(
        params=trained.params,
        params_without_classifier=trained.params - classifier,
        params_deployed=deployed.params,
        macs=trained.macs,
        activations=trained.activations,
        macs_deployed=deployed.macs,
    )


def add_block(tally: Tally, placed: Placed, architecture: Architecture) -> None:
    """Adds the cost of one block of `architecture` to `tally`."""
    given = {
        "in_channels": placed.in_channels,
        "out_channels": placed.out_channels,
        "stride": placed.stride,
        **placed.arguments,
    }
    layer = architecture.layers[placed.layer]
    try:
        try:
            placed.block.tally(tally, placed.size, **given)
        except NotImplementedError:
            _add_measured(tally, placed, given)
    except (ValueError, UserError) as error:
        raise UserError(f"{layer.block}: {getattr(error, 'message', error)}", where=layer.where) from error


def _add_measured(tally: Tally, placed: Placed, given: dict[str, Any]) -> None:
    cost = _measured(placed.block, placed.size, json.dumps(given))  # type: ignore[arg-type]  # classes are hashable
    tally.parameters(cost.params_deployed if tally.deployed else cost.params)
    tally.macs += cost.macs_deployed if tally.deployed else cost.macs
    tally.activations += cost.activations


@lru_cache(maxsize=4096)
def _measured(block: type[blocks.Block], size: int, arguments: str) -> Cost:
    given = json.loads(arguments)
    with torch.random.fork_rng(devices=[]):
        return measure(block(**given), size, given["in_channels"])
