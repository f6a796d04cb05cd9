"""What a user's own block says of itself beside its constructor, tried before anything is placed by it."""

from __future__ import annotations

from typing import Any

import blocks
from archlab.architecture.own_blocks import is_shipped
from archlab.foundation import UserError
from blocks import LayerArguments
from blocks.arguments import arguments

TRIED = 32  # pixels on a side


def check_channels(name: str, at: str | None) -> None:
    """Raises UserError where an own block counts as channels or groups what is no number of its constructor."""
    if is_shipped(name):
        return
    known = arguments(blocks.BLOCKS[name])
    for attribute in ("channel_arguments", "group_arguments"):
        named = getattr(blocks.BLOCKS[name], attribute)
        if not isinstance(named, tuple) or any(each not in known or known[each].kind is not int for each in named):
            message = f"{name}: {attribute} is a tuple of names of the constructor's whole numbers, not {named!r}"
            raise UserError(message, where=at)


def check_closed_forms(name: str, given: dict[str, Any], stride: int, at: str | None) -> None:
    """Raises UserError where an own block says no whole number of its output's pixels, its stride or a channel multiple.

    `given`: The arguments of a layer, checked and complete.
    """
    if is_shipped(name):
        return
    asked: list[tuple[Any, ...]] = [
        ("output_size", LayerArguments(in_size=TRIED, stride=stride, **given)),
        ("published_stride", LayerArguments(stride=stride, **given)),
    ]
    for scaled in ("out", *blocks.BLOCKS[name].channel_arguments):
        if given[scaled] is not None:
            asked.append(("channel_multiple", "out_channels" if scaled == "out" else scaled, LayerArguments(**given)))
    for method, *told in asked:
        of_map = method == "output_size"
        try:
            number = getattr(blocks.BLOCKS[name], method)(*told)
        except Exception as error:
            if of_map and isinstance(error, ValueError):  # of such an image; it will be asked of those that it gets
                continue
            raise UserError(f"{name}: {method} fails: {type(error).__name__}: {error}", where=at) from error
        if type(number) is not int or not (of_map or number > 0):
            wanted = "of pixels" if of_map else "above 0"
            raise UserError(f"{name}: {method} gives a whole number {wanted}, not {number!r}", where=at)
