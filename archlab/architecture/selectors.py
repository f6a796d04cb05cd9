"""Selecting layers of an architecture by `block`, `stage`, `name` and `layer`, which intersect.

Each takes one value or a list, any of which may match. A stage is a maximal run of layers with outputs of one size at the
published resolution, counted from 1; negative numbers count from the end. Pointwise convolutions at the end of the layers are
the feature head and belong to no stage. Layers are counted likewise, as lines: one with `repeat` counts once. `first` and
`last` stand for 1 and -1.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import accumulate
from typing import Any

import blocks
from archlab.architecture.plan import map_sizes, published_strides
from archlab.architecture.spec import Architecture, Layer
from archlab.foundation import UserError, check_keys, where
from archlab.foundation.settings import read_value

KEYS = ("block", "stage", "name", "layer")
ENDS = {"first": 1, "last": -1}


@dataclass(frozen=True)
class Selector:
    """Which layers are meant; None selects all."""

    block: tuple[str, ...] | None = None
    stage: tuple[int, ...] | None = None
    name: tuple[str, ...] | None = None
    layer: tuple[int, ...] | None = None
    where: str | None = None

    @property
    def only_stages(self) -> bool:
        return self.stage is not None and self.block is self.name is self.layer is None

    def select(self, architecture: Architecture) -> list[int]:
        """Indices of the matching layers, in order. Raises UserError where there is none."""
        layers, stage_of = architecture.layers, stages(architecture)
        wanted_stages = self._positions("stage", max((stage or 0 for stage in stage_of), default=0), architecture)
        wanted_layers = self._positions("layer", len(layers), architecture)
        self._check_present("block", {layer.block for layer in layers}, architecture)
        self._check_present("name", {layer.name for layer in layers if layer.name}, architecture)
        matching = [
            index
            for index, layer in enumerate(layers)
            if (self.block is None or layer.block in self.block)
            and (self.name is None or layer.name in self.name)
            and (wanted_stages is None or stage_of[index] in wanted_stages)
            and (wanted_layers is None or index + 1 in wanted_layers)
        ]
        if not matching:
            raise UserError(f"{self} matches no layer of {architecture.name}", where=self.where)
        return matching

    def _positions(self, key: str, number: int, architecture: Architecture) -> set[int] | None:
        given = getattr(self, key)
        for position in given or ():
            if abs(position) > number:
                raise UserError(
                    f"{architecture.name} has no {key} {position}: it has {number} {key}s", where=self.where
                )
        return None if given is None else {position if position > 0 else number + 1 + position for position in given}

    def _check_present(self, key: str, present: set[str], architecture: Architecture) -> None:
        given = getattr(self, key)
        if given is not None and not present.intersection(given):
            noun = "layer called" if key == "name" else "block"
            raise UserError(
                f"{architecture.name} has no {noun} {' or '.join(map(repr, given))}",
                where=self.where,
                name=given[0],
                known=sorted(present),
            )

    def __str__(self) -> str:
        given = ((key, getattr(self, key)) for key in KEYS)
        return "{" + ", ".join(f"{key}: {_written(values)}" for key, values in given if values is not None) + "}"


def parse_selector(value: Any, at: str | None) -> Selector:
    """The selector of a mapping like `{block: conv, stage: [-2, -1]}`; an empty one selects every layer."""
    if not isinstance(value, dict):
        raise UserError(f"layers are selected like `{{block: conv, stage: -1}}`, not by {value!r}", where=at)
    at = where(value) or at
    check_keys(value, KEYS, "a selector")
    given: dict[str, Any] = {}
    for key, values in value.items():
        line = where(value, key) or at
        listed = list(values) if isinstance(values, list) else [values]
        if not listed:
            raise UserError(f"{key}: [] selects nothing", where=line)
        if key in ("stage", "layer"):
            given[key] = tuple(parse_position(entry, key, line) for entry in listed)
        else:
            given[key] = tuple(read_value(str, entry, key, line) for entry in listed)
    for block in given.get("block", ()):
        if block not in blocks.BLOCKS:
            line = where(value, "block") or at
            raise UserError(f"there is no block {block!r}", where=line, name=block, known=blocks.BLOCKS)
    return Selector(**given, where=at)


def parse_position(value: Any, key: str, at: str | None) -> int:
    """A number counted from 1, or from the end where negative; `first` and `last` are words for 1 and -1."""
    position = ENDS.get(value, value) if isinstance(value, str) else value
    if type(position) is not int or position == 0:
        raise UserError(
            f"{key} takes positions such as 1, -1, first or last, not {value!r}",
            where=at,
            name=value if isinstance(value, str) else None,
            known=ENDS,
        )
    return position


def stages(architecture: Architecture) -> list[int | None]:
    """The stage of each layer, counted from 1; None for the layers of the feature head."""
    layers = architecture.layers
    body = len(layers) - feature_head(layers)
    sizes = output_sizes(architecture)
    changes = [index > 0 and sizes[index] != sizes[index - 1] for index in range(body)]
    return [1 + number for number in accumulate(changes)] + [None] * (len(layers) - body)


def feature_head(layers: tuple[Layer, ...]) -> int:
    """How many layers at the end are pointwise convolutions."""
    number = 0
    for layer in reversed(layers):
        if layer.block != "conv" or layer.arguments["kernel"] != 1:
            break
        number += 1
    return number


def output_sizes(architecture: Architecture) -> list[int]:
    """Pixels on a side of each layer's output at the published resolution."""
    return map_sizes(architecture, published_strides(architecture), architecture.resolution)


def _written(values: tuple) -> str:
    return str(values[0]) if len(values) == 1 else "[" + ", ".join(map(str, values)) + "]"
