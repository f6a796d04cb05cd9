"""From YAML to layers, every name and value checked."""

from __future__ import annotations

from typing import Any, Literal

import blocks
from archlab.architecture.own_blocks import is_shipped
from archlab.architecture.own_contract import check_channels, check_closed_forms
from archlab.architecture.spec import CLASSIFIER, Layer
from archlab.foundation import UserError, where, with_lines_of
from archlab.foundation.settings import Positive, read_value
from blocks.arguments import ArgumentError, arguments, complete

Free = list[Literal["depth", "patch", "resolution"]] | None
LAYER_KEYS = {"stride": Positive, "repeat": Positive, "name": str | None, "scale": bool, "free": Free}
LARGEST = 2**16  # of channels, groups, factors, repetitions inside a block
LONGEST = 100
SET_KEYS = {**LAYER_KEYS, "out": Positive | None}


def parse_layer(entry: Any, defaults: dict[str, Any], at: str | None = None, *, in_head: bool = False) -> Layer:
    """One layer: `{block: {arguments}}`, `{block: }` or just `block`."""
    if isinstance(entry, str):
        entry = {entry: None}
    if not isinstance(entry, dict) or len(entry) != 1:
        raise UserError(f"a layer is one block with its arguments, `- conv: {{out: 32}}`, not {entry!r}", where=at)
    ((block, given),) = entry.items()
    at = where(entry) or at
    if block not in blocks.BLOCKS:
        raise UserError(f"there is no block {block!r}", where=at, name=block, known=blocks.BLOCKS)
    if block == CLASSIFIER and not in_head:
        raise UserError("classifier: it stands in the head, `head: [mean, classifier]`", where=at)
    if given is None:
        given = {}
    if not isinstance(given, dict):
        raise UserError(f"{block} takes arguments by name, not {given!r}", where=at)
    return make_layer(block, given, defaults, at)


def make_layer(block: str, given: dict[str, Any], defaults: dict[str, Any], at: str | None) -> Layer:
    """A layer of a known block from everything given for it, checked and completed with defaults."""
    entry = blocks.BLOCKS[block]
    check_channels(block, at)
    own = with_lines_of(given, {key: value for key, value in given.items() if key not in SET_KEYS})
    for name in own:
        if name not in arguments(entry):
            known = (*arguments(entry), "out", *LAYER_KEYS)
            lacks = f"{block} has no argument {name!r}"
            raise UserError(lacks, where=where(given, name) or at, name=name, known=known, listed=True)
    inherited = {name: value for name, value in defaults.items() if name in arguments(entry)}
    try:
        completed = complete(entry, inherited | own, block)
    except ArgumentError as error:
        line = line_of(error, own, defaults) or at
        raise UserError(str(error), where=line, name=error.name, known=error.known, listed=True) from None
    for name in entry.channel_arguments:
        if completed[name] is not None and completed[name] < 1:
            raise UserError(
                f"{block}: {name} must be at least 1, not {completed[name]}", where=where(given, name) or at
            )
    of_layer = {
        key: read_value(hint, _listed(given[key]) if key == "free" else given[key], key, where(given, key) or at)
        for key, hint in SET_KEYS.items()
        if key in given
    }
    bounded = completed if is_shipped(block) else {name: completed[name] for name in entry.channel_arguments}
    for name, value in {**bounded, **of_layer}.items():
        check_bounded(value, f"{block}: {name}", where(given, name) or at)
    of_layer["free"] = tuple(of_layer.get("free") or ())
    if "patch" in of_layer["free"] and "size" not in completed:
        raise UserError(f"{block} has no patch that could be free", where=where(given, "free") or at)
    completed["out"] = of_layer.pop("out", None)
    check_closed_forms(block, completed, of_layer.get("stride", 1), at)
    return Layer(block=block, arguments=completed, **of_layer, where=at)


def line_of(error: ArgumentError, *given: dict[str, Any]) -> str | None:
    """FILE:LINE of the argument that an error is about, in the first of these mappings that gives it."""
    words = f" {error} ".replace(":", " ")
    return next((where(each, name) for each in given for name in each if f" {name} " in words), None)


def check_bounded(value: Any, what: str, at: str | None) -> None:
    """Raises UserError for a number, or a list, that no network has and that would be expanded."""
    if type(value) in (int, float) and value > LARGEST:
        raise UserError(f"{what} is at most {LARGEST:,}, not {value:,}", where=at)
    if isinstance(value, list) and len(value) > LONGEST:
        raise UserError(f"{what} is a list of at most {LONGEST} numbers, not of {len(value):,}", where=at)
    if isinstance(value, dict | list):
        for each in value.values() if isinstance(value, dict) else value:
            check_bounded(each, what, at)


def _listed(free: Any) -> Any:
    """`free: depth` is short for `free: [depth]`."""
    return [free] if isinstance(free, str) and free != "none" else free
