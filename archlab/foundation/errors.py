"""Errors that the user can mend: one line that says where, what, and the nearest right name."""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from typing import Any

LONGEST = 1200  # characters of a message
LONGEST_NAME = 100  # of one that might be a slip of the pen


class UserError(Exception):
    """An error that the user can mend; the command line prints it as one line and exits with 2.

    Args:
        message: What is wrong, without a full stop.
        where: `FILE` or `FILE:LINE`, where known.
        name, known: A name that was not found, and the names that exist: the nearest is suggested.
        listed: Whether all that exist are told where none is near.
    """

    def __init__(
        self,
        message: str,
        *,
        where: str | None = None,
        name: Any = None,
        known: Iterable[str] = (),
        listed: bool = False,
    ):
        known = tuple(known)
        self.where = where
        self.suggestion = nearest(name, known) if name is not None else None
        said = f"{message}; there are {', '.join(known)}" if listed and known and not self.suggestion else message
        self.message = shortened(said)
        super().__init__(str(self))

    def said_as(self, message: str, where: str | None) -> UserError:
        """This error in the words of whoever called, said of another place; its suggestion stays."""
        return UserError(message, where=where, name=self.suggestion, known=filter(None, [self.suggestion]))

    def __str__(self) -> str:
        text = f"{shortened(self.where)}: {self.message}" if self.where else self.message
        text = " ".join(text.split())
        return f"{text} - did you mean {self.suggestion!r}?" if self.suggestion else text


def shortened(text: str) -> str:
    """The text, without the middle where it is longer than a message can be: it may hold any value of a document."""
    if len(text) <= LONGEST:
        return text
    return f"{text[: LONGEST * 2 // 3]} [...] {text[-LONGEST // 4 :]}"


def is_out_of_memory(error: BaseException) -> bool:
    """Whether the system or a limit refused memory, in whose words ever: Python's, torch's, CUDA's, the loader's."""
    said = ("can't allocate memory", "Cannot allocate memory", "out of memory", "ALLOC_FAILED", "failed to map segment")
    return isinstance(error, MemoryError) or any(words in str(error) for words in said)


SYNONYMS = {
    "swish": "silu",
    "hswish": "hard_swish",
    "h_swish": "hard_swish",
    "hsigmoid": "hard_sigmoid",
    "h_sigmoid": "hard_sigmoid",
    "activation": "act",
    "activation_layer": "act",
    "act_layer": "act",
    "nonlinearity": "act",
    "attention": "channel_attention",
    "squeeze_excitation": "se",
    "squeeze_excite": "se",
    "normalization": "norm",
    "norm_layer": "norm",
    "bn": "batch_norm",
    "ln": "layer_norm",
    "epsilon": "eps",
    "kernel_size": "kernel",
    "expansion": "expand",
    "expand_ratio": "expand",
    "expansion_ratio": "expand",
    "expansion_factor": "expand",
    "expand_factor": "expand",
    "hidden_channels": "hidden",
    "out_channels": "out",
    "channels": "out",
    "filters": "out",
    "n": "repeat",
    "repeats": "repeat",
    "num_blocks": "repeat",
    "depth": "repeat",
    "learning_rate": "lr",
    "batch": "batch_size",
    "image_size": "resolution",
    "drop_path_rate": "drop_path",
    "stochastic_depth": "drop_path",
}
"""What else the field calls some of archlab's names."""


def nearest(name: Any, known: Iterable[str]) -> str | None:
    """The known name that means the same as `name`, else the closest; None where nothing is close."""
    known = tuple(known)
    if len(str(name)) > LONGEST_NAME:
        return None
    if SYNONYMS.get(str(name).casefold()) in known:
        return SYNONYMS[str(name).casefold()]
    by_folded = {candidate.casefold(): candidate for candidate in known}
    found = difflib.get_close_matches(str(name).casefold(), by_folded, n=1, cutoff=0.65)
    return by_folded[found[0]] if found else None


def where(value: Any, key: Any = None) -> str | None:
    """`FILE:LINE` of a mapping or sequence read from YAML, or of one of its keys; else None."""
    locate = getattr(value, "where", None)
    return locate(key) if locate else None
