"""Whether what is registered can be used by architectures, told before anything is made of it."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable
from typing import get_type_hints

from blocks.arguments import GIVEN, arguments
from blocks.block import Block

_KINDS = (
    "int, blocks.Natural, float, blocks.Probability, blocks.Kernels, bool, str, Literal[...], blocks.Activation, "
    "blocks.Normalization, blocks.ChannelAttention or blocks.Initialization, each alone or `| None`"
)
_NAME = re.compile(r"[A-Za-z_]\w*")
_ASSEMBLED = ("in_channels", "out_channels", "stride")


def check_contract(name: str, entry: Callable) -> None:
    """Raises TypeError, saying what `blocks.Block` wants, for a block that no architecture could use."""
    if not isinstance(name, str) or not _NAME.fullmatch(name):
        raise TypeError(f"a block's name is a word, not {name!r}")
    called = getattr(entry, "__name__", repr(entry))
    if not inspect.isclass(entry) or not issubclass(entry, Block):
        raise TypeError(f"{called} must be a subclass of blocks.Block")
    parameters = list(inspect.signature(entry.__init__).parameters.values())[1:]
    for parameter in parameters:
        if parameter.kind is not inspect.Parameter.KEYWORD_ONLY:
            raise TypeError(
                f"{called}: the constructor takes every argument by its own name, "
                f"`def __init__(self, *, in_channels: int, ...)`, and {str(parameter).partition(':')[0]} is none such"
            )
    lacking = [each for each in _ASSEMBLED if each not in {parameter.name for parameter in parameters}]
    if lacking:
        raise TypeError(f"{called}: the constructor must take {', '.join(_ASSEMBLED)}, and lacks {', '.join(lacking)}")
    _check_annotations(called, entry)


def check_part(name: str, entry: Callable) -> None:
    """Raises TypeError for a part of blocks, such as an activation, that no architecture could use."""
    if not isinstance(name, str) or not name:
        raise TypeError(f"the name of a part of blocks is text, not {name!r}")
    _check_annotations(getattr(entry, "__name__", repr(entry)), entry)


def _check_annotations(called: str, entry: Callable) -> None:
    """Raises TypeError where an argument by name has no annotation, or none that says what may be given."""
    constructor = entry.__init__ if inspect.isclass(entry) else entry
    try:
        hints = get_type_hints(constructor, include_extras=True)
    except Exception as error:
        raise TypeError(f"{called}: an annotation of the constructor cannot be read: {error}") from error
    for parameter in inspect.signature(constructor).parameters.values():
        by_name = parameter.kind is inspect.Parameter.KEYWORD_ONLY
        if by_name and parameter.name not in hints and parameter.name not in GIVEN:
            raise TypeError(f"{called}: {parameter.name} has no annotation: {_KINDS}")
    try:
        arguments(entry)
    except TypeError as error:
        raise TypeError(f"{called}: {error}: {_KINDS}") from None
