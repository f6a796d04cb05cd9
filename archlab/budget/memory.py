"""Whether the memory that a user's own blocks and channel attentions say they need is what they need."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any
from weakref import WeakKeyDictionary

import torch

from archlab.architecture import Architecture, InputSpec, Placed, place
from archlab.architecture.own_blocks import Part
from archlab.architecture.plan import refusals_of
from archlab.budget.liveness import peak_elements
from archlab.budget.own_blocks import faults_of, own_of, tally_with
from archlab.budget.own_parts import closed_form_holds
from blocks import BLOCKS, CHANNEL_ATTENTIONS, Tally

_right: WeakKeyDictionary[Callable[..., Any], set[str]] = WeakKeyDictionary()
"""By class of a user's own, the kinds of blocks in which the memory that it says was found right."""


def is_known(placed: Placed) -> bool:
    """Whether a block's closed form of its memory can be relied on."""
    own = own_of(placed)
    return closed_form_holds(own) and all(entry in _right for entry in _tallies(own))


def check_memory(architecture: Architecture, spec: InputSpec) -> None:
    """Holds each block with code of a user's own, as the architecture has it, against the memory that `tally` says it needs.

    Raises UserError where an own block has no `tally`, or one needs another memory, and for a shipped block with a part of a
    user's own that has no closed form. Of blocks that differ in channels and pixels alone, the first is held.
    """
    placed, head = place(architecture, spec)
    for each in (*placed, *head.blocks):
        own, kind = own_of(each), _kind(each)
        if is_known(each) and all(kind in _right[entry] for entry in _tallies(own)):
            continue
        with refusals_of(each.layer), faults_of(own):
            _check(each, own)
        for entry in _tallies(own):
            _right.setdefault(entry, set()).add(kind)


def _kind(placed: Placed) -> str:
    """Equal for blocks that differ in channels and pixels alone, and either all or none keep the channels."""
    given = vars(placed.arguments)
    counts = {"in_size", "in_channels", "out_channels", *placed.block.channel_arguments}
    others = {name: value for name, value in given.items() if name not in counts}
    return json.dumps([placed.layer.block, given["in_channels"] == given["out_channels"], others])


def _tallies(own: list[Part]) -> list[Callable[..., Any]]:
    """The classes of a user's own that tally."""
    return [part.registry[part.name] for part in own if part.registry in (BLOCKS, CHANNEL_ATTENTIONS)]


def _check(placed: Placed, own: list[Part]) -> None:
    if not closed_form_holds(own):
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
            f"{tally_with(own)} holds {tally.maps.peak:,} values of feature maps at once, and the block {needed:,}: it says by "
            "`tally.maps` what is held for later"
        )
