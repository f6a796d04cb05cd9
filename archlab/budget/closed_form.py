"""Counting an architecture without building it."""

from __future__ import annotations

import dataclasses
import json
from contextlib import suppress
from functools import lru_cache

import torch

import blocks
from archlab.architecture import Architecture, InputSpec, Placed, place
from archlab.architecture.plan import PlacedHead, refusals_of
from archlab.architecture.spec import CLASSIFIER
from archlab.budget.cost import Cost
from archlab.budget.measured import UncountableError, measure
from archlab.budget.memory import is_known
from archlab.budget.own_blocks import check_output, check_tally, needs_check, note_right
from archlab.foundation import where
from blocks import LayerArguments, Tally

LARGEST_BUILT = 50_000_000  # parameters of a block


def count(architecture: Architecture, spec: InputSpec, width: float = 1.0) -> Cost:
    """The cost of the network that `build_model` makes of the same arguments, equal to `measure` of it.

    A block without a closed form is built and measured, once for the same arguments.

    Raises:
        UserError: A block refuses its arguments, or has an operator that cannot be counted.
    """
    placed, head = place(architecture, spec, width)
    head = _with_lines(head, architecture)
    trained, deployed = Tally(), Tally(deployed=True)
    for tally in (trained, deployed):
        tally.maps.enter(spec.in_channels * placed[0].arguments.in_size ** 2)
        for each in placed:
            add_block(tally, each)
        add_head(tally, head)
    known = all(is_known(each) for each in (*placed, *head.blocks))
    return Cost(
        params=trained.params,
        params_without_classifier=trained.params - _classifier(head),
        params_deployed=deployed.params,
        macs=trained.macs,
        activations=trained.activations,
        macs_deployed=deployed.macs,
        peak_memory=deployed.maps.peak if known else None,
    )


def _with_lines(head: PlacedHead, architecture: Architecture) -> PlacedHead:
    """The head's blocks with the lines of their own layers, for messages."""
    written, first = architecture.head.get("layers"), len(architecture.layers)
    found = []
    for each in head.blocks:
        line = where(written, each.index - first) or each.layer.where
        found.append(dataclasses.replace(each, layer=dataclasses.replace(each.layer, where=line)))
    return dataclasses.replace(head, blocks=tuple(found))


def add_head(tally: Tally, head: PlacedHead) -> None:
    """Adds the cost of the head to `tally`."""
    if head.arguments is not None:
        blocks.Head.tally(tally, head.arguments)
    for each in head.blocks:
        add_block(tally, each)


def _classifier(head: PlacedHead) -> int:
    """Parameters of the classifier alone."""
    if head.arguments is not None:
        given = head.arguments
        return ((given.features or given.in_channels) + 1) * given.num_classes
    tally = Tally()
    for each in head.blocks:
        if each.layer.block == CLASSIFIER:
            add_block(tally, each)
    return tally.params


def add_block(tally: Tally, placed: Placed) -> None:
    """Adds the cost of one block to `tally`."""
    with refusals_of(placed.layer):
        if needs_check(placed):
            _check_own(placed)
            note_right(placed)
        try:
            placed.block.tally(tally, placed.arguments)
        except NotImplementedError:
            cost = _measured(placed.block, json.dumps(vars(placed.arguments)))  # type: ignore[arg-type]  # hashable
            tally.parameters(cost.params_deployed if tally.deployed else cost.params)
            tally.macs += cost.macs_deployed if tally.deployed else cost.macs
            tally.activations += cost.activations
            tally.maps.enter(placed.arguments.out_channels * placed.out_size**2)


def _check_own(placed: Placed) -> None:
    """Holds the closed forms of a user's own block against the block, where it is not too large to be built for that."""
    trained, deployed = Tally(), Tally(deployed=True)
    try:
        for tally in (trained, deployed):
            placed.block.tally(tally, placed.arguments)
    except NotImplementedError:  # it is measured anyway
        check_output(placed)
        return
    if trained.params > LARGEST_BUILT:
        return
    check_output(placed)
    costs = trained.params, trained.params, deployed.params, trained.macs, trained.activations, deployed.macs
    with suppress(UncountableError):  # which is why it has a tally
        measured = _measured(placed.block, json.dumps(vars(placed.arguments)))  # type: ignore[arg-type]  # hashable
        check_tally(Cost(*costs), measured)


@lru_cache(maxsize=4096)
def _measured(block: type[blocks.Block], arguments: str) -> Cost:
    given = LayerArguments(**json.loads(arguments))
    with torch.random.fork_rng(devices=[]):
        return measure(block(**given.of_constructor(block)), given.in_size, given.in_channels)
