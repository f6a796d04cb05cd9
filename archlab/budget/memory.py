"""Whether the memory that a user's own blocks say they need is what they need."""

from __future__ import annotations

from weakref import WeakSet

import torch

from archlab.architecture import Architecture, InputSpec, Placed, place
from archlab.architecture.own_blocks import is_shipped
from archlab.architecture.plan import refusals_of
from archlab.budget.liveness import peak_elements
from archlab.budget.own_parts import closed_form_holds
from blocks import Tally

_right: WeakSet[type] = WeakSet()


def is_known(placed: Placed) -> bool:
    """Whether a block's closed form of its memory can be relied on."""
    if is_shipped(placed.layer.block):
        return closed_form_holds(placed.block, vars(placed.arguments))
    return placed.block in _right


def check_memory(architecture: Architecture, spec: InputSpec) -> None:
    """Holds each of a user's own blocks, as the architecture has it, against the memory that its `tally` says it needs.

    Raises UserError where one has no `tally`, or needs another memory, and for a shipped block with a part of a user's own that
    has no closed form; an own block counts once it was found right.
    """
    placed, head = place(architecture, spec)
    for each in (*placed, *head.blocks):
        if not is_known(each):
            with refusals_of(each.layer):
                _check(each)
            _right.add(each.block)


def _check(placed: Placed) -> None:
    if is_shipped(placed.layer.block):
        raise ValueError("it has a part of your own without a closed form, so nobody knows what memory it needs")
    given, tally = placed.arguments, Tally(deployed=True)
    tally.maps.enter(given.in_channels * given.in_size**2)
    try:
        placed.block.tally(tally, given)
    except NotImplementedError:
        raise ValueError("it has no tally, so nobody knows what memory it needs") from None
    with torch.random.fork_rng(devices=[]):
        module = placed.build().eval()
    fused = getattr(module, "fuse", lambda: module)().eval()
    needed = peak_elements(fused, torch.zeros(1, given.in_channels, given.in_size, given.in_size))
    if tally.maps.peak != needed:
        raise ValueError(
            f"tally holds {tally.maps.peak:,} values of feature maps at once, and the block {needed:,}: it says by "
            "`tally.maps` what is held for later"
        )
