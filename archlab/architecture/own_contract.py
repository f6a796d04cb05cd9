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


def check_output_size(name: str, given: dict[str, Any], stride: int, at: str | None) -> None:
    """Raises UserError where an own block has no output of a whole number of pixels.

    `given`: The arguments of a layer, checked and complete.
    """
    if is_shipped(name):
        return
    try:
        size = blocks.BLOCKS[name].output_size(LayerArguments(in_size=TRIED, stride=stride, **given))
    except ValueError:  # it refuses such an image, and will be asked of those that it gets
        return
    except Exception as error:
        raise UserError(f"{name}: output_size fails: {type(error).__name__}: {error}", where=at) from error
    if type(size) is not int:
        raise UserError(f"{name}: output_size gives a whole number of pixels, not {size!r}", where=at)
