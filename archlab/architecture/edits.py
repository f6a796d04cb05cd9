"""Edits of an architecture: `set`, `insert`, `replace ... with`, `remove`, `head`.

{set: {kernel: 5, repeat: 2}, where: {block: inverted_residual, stage: -1}}
    `repeat`, `stride`, `name`, `scale`, `free` and `out` belong to the layer, the rest to the block. Without `block` in the
    selector it matches the layers whose block takes every argument named; without `where` the whole architecture. `each: stage`
    or `each: layer` lets a study choose values for each stage or layer on its own.
{insert: {mobilevit: {dim: 96}}, after: {stage: [-2, -1]}}
    One block or a list. A selector of stages alone inserts once, at the end (`after`) or the start (`before`) of each
    stage; any other, once at every matching layer. Blocks without `out` keep the channels.
{replace: {block: conv}, with: {ghost: {kernel: 3}}}
    Every matching layer is replaced. A single block takes over the `out`, `stride`, `repeat`, `name`, `scale` and `free` that
    it does not give; several stand for themselves.
{replace: {from: first, to: last}, with: [...]}
    All layers of the span are replaced together. An end is a position, a layer's name or a selector.
{remove: {name: pool}}
    Every matching layer, or a span `{from: ..., to: ...}`.
{head: {features: 1280}}
    Arguments of the head; those not given stay. A list of layers is another head.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any, Literal

import blocks
from archlab.architecture.heads import parse_head
from archlab.architecture.layers import SET_KEYS, make_layer, parse_layer
from archlab.architecture.plan import MOST_BLOCKS
from archlab.architecture.selectors import ENDS, Selector, parse_position, parse_selector, stages
from archlab.architecture.spec import Architecture, Layer
from archlab.foundation import UserError, check_keys, where, with_lines_of
from archlab.foundation.settings import read_value
from blocks.arguments import arguments

VERBS = {
    "set": ("set", "where", "each"),
    "insert": ("insert", "before", "after"),
    "replace": ("replace", "with"),
    "remove": ("remove",),
    "head": ("head",),
}

Settle = Callable[[Any, str | None], Any]
"""Gives a part of an edit with its open choices settled, for a group of layers such as `stage2` where `each` makes them."""


def apply_edits(architecture: Architecture, edits: list, at: str | None = None) -> Architecture:
    """The architecture after a list of edits, each seeing the result of the last. Raises UserError for a wrong one."""
    for index, edit in enumerate(edits):
        check_edit(edit, where(edits, index) or at)
        architecture = apply_edit(architecture, edit)
    return architecture


def check_edit(edit: Any, at: str | None, others: tuple[str, ...] = ()) -> None:
    """Raises UserError where `edit` has not the shape of one; values are checked when it is applied.

    `others` are verbs of the caller's own, for messages.
    """
    known = ", ".join([*VERBS, *others])
    if not isinstance(edit, dict):
        raise UserError(f"an edit is one of {known} with its arguments, not {edit!r}", where=at)
    at = where(edit) or at
    verbs = [key for key in edit if key in VERBS]
    if len(verbs) != 1:
        if not verbs:
            check_keys(edit, {*others, *(key for keys in VERBS.values() for key in keys)}, "an edit")
        raise UserError(f"an edit is exactly one of {known}", where=at)
    (verb,) = verbs
    check_keys(edit, VERBS[verb], f"the edit {verb!r}")
    if verb == "set" and (not isinstance(edit["set"], dict) or not edit["set"]):
        raise UserError("set takes values by name, `{set: {kernel: 5}}`", where=where(edit, "set") or at)
    if verb == "head" and (not isinstance(edit["head"], dict | list) or not edit["head"]):
        raise UserError(
            "head takes arguments by name, `{head: {features: 1280}}`, or is a list of layers",
            where=where(edit, "head") or at,
        )
    if verb == "insert" and len(edit) != 2:
        raise UserError("insert needs either `before` or `after`", where=at)
    if verb == "replace" and "with" not in edit:
        raise UserError("replace needs `with`", where=at)
    if "each" in edit:
        read_value(Literal["stage", "layer"], edit["each"], "each", where(edit, "each") or at)


def apply_edit(architecture: Architecture, edit: dict, settle: Settle = lambda value, group: value) -> Architecture:
    """The architecture after one edit. Raises UserError where it matches nothing or a layer refuses its new values."""
    at = where(edit)
    if "set" in edit:
        return _set(architecture, edit, settle, at)
    settled = settle(edit, None)
    if "head" in edit:
        return _with_head(architecture, settled["head"], where(edit, "head") or at)
    if "insert" in edit:
        layers = _insert(architecture, settled, at)
    elif "replace" in edit:
        layers = _replace(architecture, settled, at)
    else:
        layers = _remove(architecture, settled, at)
    return architecture.with_layers(tuple(layers))


def _set(architecture: Architecture, edit: dict, settle: Settle, at: str | None) -> Architecture:
    selector = parse_selector(settle(edit.get("where", {}), None), where(edit, "where") or at)
    matching = _settable(architecture, selector, edit["set"])
    layers = list(architecture.layers)
    for group, indices in _groups(architecture, matching, edit.get("each"), at).items():
        values = settle(edit["set"], group)
        for index in indices:
            layers[index] = _changed(layers[index], values, at)
    return architecture.with_layers(tuple(layers))


def _with_head(architecture: Architecture, given: dict | list, at: str | None) -> Architecture:
    head = parse_head(given, architecture.head, architecture.defaults, at)
    return dataclasses.replace(architecture, head=head)


def _settable(architecture: Architecture, selector: Selector, values: dict) -> list[int]:
    """Indices of the layers that `set` means, every name checked."""
    named = [name for name in values if name not in SET_KEYS]
    possible = selector.block or tuple(blocks.BLOCKS)
    for name in named:
        takers = [block for block in possible if name in arguments(blocks.BLOCKS[block])]
        if not takers or (selector.block and len(takers) < len(possible)):
            lacking = [block for block in possible if block not in takers]
            considered = lacking[:1] if selector.block else lacking
            known = {other for block in considered for other in arguments(blocks.BLOCKS[block])}
            raise UserError(
                f"{lacking[0]} has no argument {name!r}" if selector.block else f"no block has an argument {name!r}",
                where=where(values, name),
                name=name,
                known=sorted(known | set(SET_KEYS)),
                listed=bool(selector.block),
            )
    matching = [
        index
        for index in selector.select(architecture)
        if all(name in arguments(blocks.BLOCKS[architecture.layers[index].block]) for name in named)
    ]
    if not matching:
        raise UserError(
            f"no selected layer of {architecture.name} takes {' and '.join(map(repr, named))}", where=where(values)
        )
    return matching


def _groups(
    architecture: Architecture, indices: list[int], each: str | None, at: str | None
) -> dict[str | None, list[int]]:
    if each is None:
        return {None: indices}
    if each == "layer":
        return {f"layer{index + 1}": [index] for index in indices}
    groups: dict[str | None, list[int]] = {}
    stage_of = stages(architecture)
    for index in indices:
        if stage_of[index] is not None:
            groups.setdefault(f"stage{stage_of[index]}", []).append(index)
    if not groups:
        raise UserError("each: stage finds only layers of the feature head, which belong to no stage", where=at)
    return groups


def _changed(layer: Layer, values: dict, at: str | None) -> Layer:
    given = with_lines_of(values, _given(layer) | layer.arguments | values)
    return make_layer(layer.block, given, {}, at or layer.where)


def _given(layer: Layer) -> dict[str, Any]:
    """The keys of a layer that are not its block's arguments."""
    free = list(layer.free)
    return {"stride": layer.stride, "repeat": layer.repeat, "name": layer.name, "scale": layer.scale, "free": free}


def _insert(architecture: Architecture, edit: dict, at: str | None) -> list[Layer]:
    side = "before" if "before" in edit else "after"
    selector = parse_selector(edit[side], where(edit, side) or at)
    indices = selector.select(architecture)
    if selector.only_stages:
        stage_of = stages(architecture)
        per_stage = {stage_of[index]: index for index in (indices if side == "after" else reversed(indices))}
        indices = list(per_stage.values())
    inserted = _layers(edit["insert"], architecture, where(edit, "insert") or at)
    _check_number(len(architecture.layers) + len(indices) * len(inserted), at)
    layers: list[Layer] = []
    for index, layer in enumerate(architecture.layers):
        here = inserted if index in indices else []
        layers += [*here, layer] if side == "before" else [layer, *here]
    return layers


def _replace(architecture: Architecture, edit: dict, at: str | None) -> list[Layer]:
    target, given = edit["replace"], edit["with"]
    line = where(edit, "with") or at
    layers = list(architecture.layers)
    if _is_span(target):
        start, end = _span(architecture, target, at)
        return [*layers[:start], *_layers(given, architecture, line), *layers[end + 1 :]]
    indices = parse_selector(target, where(edit, "replace") or at).select(architecture)
    _check_number(len(layers) + len(indices) * (len(given) - 1 if isinstance(given, list) else 0), at)
    replaced: list[Layer] = []
    for index, layer in enumerate(layers):
        replaced += _replacing(layer, given, architecture, line) if index in indices else [layer]
    return replaced


def _check_number(number: int, at: str | None) -> None:
    """Raises UserError for more layers than are built: edits of every layer multiply them each time."""
    if number > MOST_BLOCKS:
        raise UserError(f"{number:,} layers, and at most {MOST_BLOCKS:,} blocks are built", where=at)


def _replacing(layer: Layer, given: Any, architecture: Architecture, at: str | None) -> list[Layer]:
    """What stands in for one layer: a single block takes over what it does not give."""
    if isinstance(given, str):
        given = {given: {}}
    if isinstance(given, dict) and len(given) == 1:
        ((block, own),) = given.items()
        if own is None or isinstance(own, dict):
            inherited = {"out": layer.arguments["out"]} | _given(layer)
            inherited["free"] = [quantity for quantity in layer.free if quantity != "patch"]
            given = {block: with_lines_of(own or given, inherited | (own or {}))}
    return _layers(given, architecture, at)


def _remove(architecture: Architecture, edit: dict, at: str | None) -> list[Layer]:
    target = edit["remove"]
    if _is_span(target):
        start, end = _span(architecture, target, at)
        indices = list(range(start, end + 1))
    else:
        indices = parse_selector(target, where(edit, "remove") or at).select(architecture)
    layers = [layer for index, layer in enumerate(architecture.layers) if index not in indices]
    if not layers:
        raise UserError(f"nothing is left of {architecture.name}", where=at)
    return layers


def _layers(given: Any, architecture: Architecture, at: str | None) -> list[Layer]:
    listed = given if isinstance(given, list) else [given]
    if not listed:
        raise UserError("at least one block is needed here", where=at)
    return [
        parse_layer(entry, architecture.defaults, where(given, index) if isinstance(given, list) else at)
        for index, entry in enumerate(listed)
    ]


def _is_span(target: Any) -> bool:
    return isinstance(target, dict) and ("from" in target or "to" in target)


def _span(architecture: Architecture, target: dict, at: str | None) -> tuple[int, int]:
    """Indices of the first and the last layer of `{from: ..., to: ...}`."""
    at = where(target) or at
    check_keys(target, ("from", "to"), "a span of layers")
    start = _end(architecture, target.get("from", "first"), 0, where(target, "from") or at)
    end = _end(architecture, target.get("to", "last"), -1, where(target, "to") or at)
    if start > end:
        raise UserError(f"the span ends before it starts: layer {end + 1} stands before layer {start + 1}", where=at)
    return start, end


def _end(architecture: Architecture, value: Any, which: int, at: str | None) -> int:
    if isinstance(value, str) and value not in ENDS:
        known = [layer.name for layer in architecture.layers if layer.name]
        if value not in known:
            known += ENDS
            raise UserError(f"{architecture.name} has no layer called {value!r}", where=at, name=value, known=known)
        value = {"name": value}
    elif not isinstance(value, dict):
        value = {"layer": parse_position(value, "layer", at)}
    selector = parse_selector(value, at)
    return selector.select(architecture)[which]
