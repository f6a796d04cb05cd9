"""Whether the closed forms of a user's own block say what the block does, asked of the first few that are counted."""

from __future__ import annotations

import json
from weakref import WeakKeyDictionary

import torch

from archlab.architecture import Placed
from archlab.architecture.own_blocks import is_shipped
from archlab.budget.cost import Cost

ENOUGH = 3  # of each class: fitting a width counts hundreds
_held: WeakKeyDictionary[type, set[str]] = WeakKeyDictionary()
"""By class, the arguments with which the closed forms were found right."""


class ClosedFormError(ValueError):
    """A block's `tally` counts otherwise than the block is."""


def needs_check(placed: Placed) -> bool:
    """Whether this one is to be held against its closed forms."""
    if is_shipped(placed.layer.block):
        return False
    held = _held.get(placed.block, set())
    return len(held) < ENOUGH and _arguments(placed) not in held


def note_right(placed: Placed) -> None:
    """That its closed forms were held against it, and are right."""
    _held.setdefault(placed.block, set()).add(_arguments(placed))


def check_output(placed: Placed) -> None:
    """Raises ValueError where what comes out is not of the announced shape."""
    given = placed.arguments
    with torch.random.fork_rng(devices=[]), torch.no_grad():
        module = placed.build().eval()
        found = tuple(module(torch.zeros(1, given.in_channels, given.in_size, given.in_size)).shape)
    size = placed.block.output_size(given)
    expected = (1, given.out_channels, size, size)
    if found != expected:
        raise ValueError(f"a map of {_shape(expected)} must come out, as output_size says, and {_shape(found)} does")


def check_tally(tallied: Cost, measured: Cost) -> None:
    """Raises ClosedFormError where `tally` counts otherwise than the block is."""
    for name in ("params", "params_deployed", "macs", "macs_deployed", "activations"):
        counted, there = getattr(tallied, name), getattr(measured, name)
        if counted != there:
            raise ClosedFormError(f"tally counts {counted:,} {name.replace('_', ', ')}, and the block has {there:,}")


def _arguments(placed: Placed) -> str:
    return json.dumps(vars(placed.arguments))


def _shape(shape: tuple[int, ...]) -> str:
    return " x ".join(map(str, shape))
