"""Whether closed forms say what a block with a user's own code does, asked of the first few that are counted."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any
from weakref import WeakKeyDictionary

import torch

from archlab.architecture import Placed
from archlab.architecture.own_blocks import Part, is_shipped
from archlab.budget.cost import Cost
from archlab.budget.own_parts import own_parts
from archlab.foundation import UserError
from archlab.foundation.words import listed
from blocks.registry import BLOCKS

ENOUGH = 3  # of each class: fitting a width counts hundreds
_held: WeakKeyDictionary[Callable[..., Any], set[str]] = WeakKeyDictionary()
"""By class, the arguments of blocks with which the closed forms were found right."""


class ClosedFormError(ValueError):
    """A `tally` counts otherwise than the block is."""


def own_of(placed: Placed) -> list[Part]:
    """The user's own code that decides what a block costs: the block itself, or the parts of a shipped one."""
    if is_shipped(placed.layer.block):
        return own_parts(placed.block, vars(placed.arguments))
    return [Part(BLOCKS, placed.layer.block, {})]


def needs_check(placed: Placed, own: list[Part]) -> bool:
    """Whether this one is to be held against its closed forms."""
    held = [_held.get(part.registry[part.name], set()) for part in own]
    return any(len(each) < ENOUGH and _arguments(placed) not in each for each in held)


def note_right(placed: Placed, own: list[Part]) -> None:
    """That its closed forms were held against it, and are right."""
    for part in own:
        _held.setdefault(part.registry[part.name], set()).add(_arguments(placed))


@contextmanager
def faults_of(own: list[Part]) -> Iterator[None]:
    """Turns whatever a user's own code raises into a UserError; a ValueError, which refuses arguments, stays one."""
    try:
        yield
    except (ValueError, UserError):
        raise
    except Exception as error:
        if not own:
            raise
        raise UserError(f"{type(error).__name__}: {error}") from error


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


def check_tally(own: list[Part], tallied: Cost, measured: Cost) -> None:
    """Raises ClosedFormError where `tally` counts otherwise than the block is."""
    for name in ("params", "params_deployed", "macs", "macs_deployed", "activations"):
        counted, there = getattr(tallied, name), getattr(measured, name)
        if counted != there:
            what = name.replace("_", ", ")
            raise ClosedFormError(f"{tally_with(own)} counts {counted:,} {what}, and the block has {there:,}")


def tally_with(own: list[Part]) -> str:
    """What counted, for messages: the block's own `tally`, or that of a shipped block with these parts."""
    parts = [part.name for part in own if part.registry is not BLOCKS]
    return f"with {listed(parts)}, tally" if parts else "tally"


def _arguments(placed: Placed) -> str:
    return json.dumps(vars(placed.arguments))


def _shape(shape: tuple[int, ...]) -> str:
    return " x ".join(map(str, shape))
