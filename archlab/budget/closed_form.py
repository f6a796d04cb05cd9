"""Counting an architecture without building it."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable
from contextlib import suppress
from functools import lru_cache

import torch
from torch import nn

import blocks
from archlab.architecture import Architecture, InputSpec, Layer, Placed, place
from archlab.architecture.own_blocks import Part, parts_of
from archlab.architecture.plan import PlacedHead, refusals_of
from archlab.architecture.spec import CLASSIFIER
from archlab.budget.cost import Cost
from archlab.budget.measured import UncountableError, measure
from archlab.budget.memory import is_known
from archlab.budget.own_blocks import check_output, check_tally, faults_of, needs_check, note_right, own_of
from archlab.budget.own_parts import closed_form_holds, own_parts
from archlab.foundation import where
from blocks import LayerArguments, Tally

LARGEST_BUILT = 50_000_000  # parameters of a block


def count(architecture: Architecture, spec: InputSpec, width: float = 1.0) -> Cost:
    """The cost of the network that `build_model` makes of the same arguments, equal to `measure` of it.

    A block without a closed form, or with parts of a user's own that it does not hold for, is built and measured, once for the
    same arguments.

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
    known = _head_is_known(head) and all(is_known(each) for each in (*placed, *head.blocks))
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
        if _head_is_known(head):
            blocks.Head.tally(tally, head.arguments)
        else:
            with refusals_of(Layer("head", {})):
                _add_measured(tally, blocks.Head, LayerArguments(**vars(head.arguments), in_size=1))
    for each in head.blocks:
        add_block(tally, each)


def _head_is_known(head: PlacedHead) -> bool:
    return head.arguments is None or closed_form_holds(own_parts(blocks.Head, vars(head.arguments)))


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
    own = own_of(placed)
    with refusals_of(placed.layer), faults_of(own):
        if needs_check(placed, own):
            _check_own(placed, own)
            note_right(placed, own)
        if not _is_tallied(tally, placed, own):
            _add_measured(tally, placed.block, placed.arguments)
            tally.maps.enter(placed.arguments.out_channels * placed.out_size**2)


def check_own_code(architecture: Architecture, spec: InputSpec, width: float) -> None:
    """Holds every block with code of a user's own against its closed forms, where `count` asks the first few alone.

    Raises UserError for the first that is otherwise.
    """
    placed, head = place(architecture, spec, width)
    for each in (*placed, *_with_lines(head, architecture).blocks):
        if own := own_of(each):
            with refusals_of(each.layer), faults_of(own):
                _check_own(each, own)


def _is_tallied(tally: Tally, placed: Placed, own: list[Part]) -> bool:
    """Adds the cost of a block by its closed form; False where it has none."""
    if closed_form_holds(own):
        with suppress(NotImplementedError):
            placed.block.tally(tally, placed.arguments)
            return True
    return False


def _add_measured(tally: Tally, entry: type[nn.Module], given: LayerArguments) -> None:
    """Adds the cost of what has no closed form, but for its memory."""
    cost = _cost_of(entry, given)
    tally.parameters(cost.params_deployed if tally.deployed else cost.params)
    tally.macs += cost.macs_deployed if tally.deployed else cost.macs
    tally.activations += cost.activations


def _check_own(placed: Placed, own: list[Part]) -> None:
    """Holds the closed forms of a block with a user's own code against it, where it is not too large to be built for that."""
    trained, deployed = Tally(), Tally(deployed=True)
    if not (_is_tallied(trained, placed, own) and _is_tallied(deployed, placed, own)):  # it is measured anyway
        check_output(placed)
        return
    if trained.params > LARGEST_BUILT:
        return
    check_output(placed)
    costs = trained.params, trained.params, deployed.params, trained.macs, trained.activations, deployed.macs
    with suppress(UncountableError):  # which is why it has a tally
        check_tally(own, Cost(*costs), _cost_of(placed.block, placed.arguments))


def _cost_of(entry: type[nn.Module], given: LayerArguments) -> Cost:
    parts = tuple(part.registry[part.name] for part in parts_of(entry, vars(given)))
    return _measured(entry, json.dumps(vars(given)), parts)  # type: ignore[arg-type]  # hashable


@lru_cache(maxsize=4096)
def _measured(entry: type[nn.Module], arguments: str, parts: tuple[Callable, ...]) -> Cost:
    """`parts`: What the names of parts among the arguments stand for now."""
    given = LayerArguments(**json.loads(arguments))
    with torch.random.fork_rng(devices=[]):
        return measure(entry(**given.of_constructor(entry)), given.in_size, given.in_channels)
