"""Whether closed forms of blocks hold with the users' own parts in them, such as activations."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Any

import torch

from archlab.architecture.own_blocks import parts_of
from blocks.registry import CHANNEL_ATTENTIONS, INITIALIZATIONS, NORMALIZATIONS, Registry

TRIED = 960  # channels, which most numbers of groups divide


def closed_form_holds(entry: Callable, given: Mapping[str, Any]) -> bool:
    """Whether a shipped class with these arguments costs what its `tally` says, all parts being such as it counts with.

    An activation has no parameters, a normalisation two for each channel, and a channel attention a `tally` of its own.
    """
    return all(
        part.is_shipped or _is_usual(part.registry, part.registry[part.name], json.dumps(part.arguments))
        for part in parts_of(entry, given)
    )


@lru_cache(maxsize=256)
def _is_usual(registry: Registry, entry: Callable, arguments: str) -> bool:
    if registry is CHANNEL_ATTENTIONS:
        return hasattr(entry, "tally")
    if registry is INITIALIZATIONS:
        return True
    channels = {"channels": TRIED} if registry is NORMALIZATIONS else {}
    try:
        with torch.random.fork_rng(devices=[]):
            parameters = list(entry(**channels, **json.loads(arguments)).parameters())
    except Exception:  # the block that it is for is built instead, and says so
        return False
    return sum(parameter.numel() for parameter in parameters) == 2 * channels.get("channels", 0)
