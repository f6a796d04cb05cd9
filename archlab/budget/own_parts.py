"""Whether closed forms of blocks hold with the users' own parts in them, such as activations."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from functools import lru_cache
from typing import Any

import torch

from archlab.architecture.own_blocks import Part, parts_of
from archlab.budget.measured import measure
from blocks.registry import BLOCKS, CHANNEL_ATTENTIONS, INITIALIZATIONS, NORMALIZATIONS, Registry

TRIED = 960  # channels, which most numbers of groups divide
PIXELS = 8  # on a side


def own_parts(entry: Callable, given: Mapping[str, Any]) -> list[Part]:
    """The users' own parts among the arguments of a registered class."""
    return [part for part in parts_of(entry, given) if not part.is_shipped]


def closed_form_holds(own: Iterable[Part]) -> bool:
    """Whether a class with this code of a user's own is counted by `tally`, all parts being such as it counts with.

    An activation has no parameters, a normalisation two for each channel, neither any products, and a channel attention a
    `tally` of its own.
    """
    return all(_is_usual(part.registry, part.registry[part.name], json.dumps(part.arguments)) for part in own)


@lru_cache(maxsize=256)
def _is_usual(registry: Registry, entry: Callable, arguments: str) -> bool:
    if registry in (BLOCKS, CHANNEL_ATTENTIONS):
        return hasattr(entry, "tally")
    if registry is INITIALIZATIONS:
        return True
    channels = {"channels": TRIED} if registry is NORMALIZATIONS else {}
    try:
        with torch.random.fork_rng(devices=[]):
            cost = measure(entry(**channels, **json.loads(arguments)), PIXELS, TRIED)
    except Exception:  # the block that it is for is built instead, and says so
        return False
    return (cost.params, cost.macs) == (2 * channels.get("channels", 0), 0)
