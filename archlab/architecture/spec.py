"""Architectures as data: what a layer and an architecture are."""

from __future__ import annotations

import dataclasses
import hashlib
import json
from dataclasses import dataclass, field
from typing import Any

from blocks.arguments import default_arguments
from blocks.registry import BLOCKS

CLASSIFIER = "classifier"  # the block that has as many channels as there are classes, in a head of layers


@dataclass(frozen=True)
class Layer:
    """One line of an architecture: a block with arguments, `repeat` times, the first with `stride`.

    `arguments` are the block's own, checked, complete and with `out` for its output channels (None: as many as enter).
    Every repetition after the first has stride 1. `scale: false` keeps the channel counts whatever the width. `free` says what
    else a budget may change in it; see `archlab.architecture.free`.
    """

    block: str
    arguments: dict[str, Any]
    stride: int = 1
    repeat: int = 1
    name: str | None = None
    scale: bool = True
    free: tuple[str, ...] = ()
    where: str | None = field(default=None, compare=False)


@dataclass(frozen=True)
class Architecture:
    """A network as data: layers, then a head, published for inputs of `resolution` pixels.

    `head`: all arguments of `blocks.Head`, or {"layers": [layers as plain values]}; see `archlab.architecture.heads`.
    `init`: how all convolutions and linear layers before the head start, in the place of what their blocks say.
    """

    name: str
    layers: tuple[Layer, ...]
    head: dict[str, Any]
    resolution: int = 224
    paper: str | None = None
    defaults: dict[str, Any] = field(default_factory=dict)
    init: dict[str, Any] | None = None
    where: str | None = field(default=None, compare=False)

    def canonical(self) -> dict[str, Any]:
        """What decides the network, as plain JSON values: equal for architectures that are one network."""
        layers = [plain_layer(layer) for layer in self.layers]
        init = {"init": self.init} if self.init else {}
        return {"layers": layers, "head": self.head, "resolution": self.resolution, **init}

    def digest(self) -> str:
        """SHA-256 of the canonical form."""
        text = json.dumps(self.canonical(), sort_keys=True, separators=(",", ":"))
        return hashlib.sha256(text.encode()).hexdigest()

    def head_layers(self) -> tuple[Layer, ...]:
        """The layers of the head, where it is made of such."""
        return tuple(Layer(**layer, where=self.where) for layer in self.head.get("layers", ()))

    def with_layers(self, layers: tuple[Layer, ...], name: str | None = None) -> Architecture:
        return dataclasses.replace(self, layers=layers, name=name or self.name)


def plain_layer(layer: Layer) -> dict[str, Any]:
    """What decides a layer, as plain JSON values."""
    return {key: getattr(layer, key) for key in ("block", "arguments", "stride", "repeat", "scale")}


def from_canonical(canonical: dict[str, Any], name: str) -> Architecture:
    """The architecture of a canonical form, as runs store it; arguments that blocks had not yet have their defaults."""
    layers = tuple(Layer(**_filled(layer)) for layer in canonical["layers"])
    head = canonical["head"]
    if "layers" in head:
        head = {"layers": [_filled(layer) for layer in head["layers"]]}
    return Architecture(name, layers, head, canonical["resolution"], init=canonical.get("init"))


def _filled(layer: dict[str, Any]) -> dict[str, Any]:
    """A stored layer with the arguments that its block has got since."""
    block, given = layer["block"], layer["arguments"]
    return {**layer, "arguments": default_arguments(BLOCKS[block]) | given} if block in BLOCKS else layer
