"""Random networks out of every registered block, and the references' layers with random arguments."""

from __future__ import annotations

import random
from collections.abc import Iterator
from typing import Any

import archlab
import blocks
from archlab.architecture import Architecture, InputSpec, Layer, build_model, make_layer
from archlab.budget import count
from archlab.foundation import UserError
from blocks.arguments import REQUIRED, Argument, arguments
from blocks.registry import Registry

NUMBERS = {"kernel": (1, 3, 5, 7), "groups": (1, 2, 4), "heads": (1, 2, 4), "size": (1, 2, 4)}


def random_network(draw: random.Random) -> Architecture:
    """Up to five random layers out of random references, some of their arguments changed."""
    layers = []
    for _ in range(draw.randint(1, 5)):
        source = archlab.architecture(draw.choice(archlab.references()))
        layers.append(_edited(draw, draw.choice(source.layers)))
    head = draw.choice([archlab.architecture(name).head for name in archlab.references()])
    return Architecture("random", tuple(layers), head, resolution=draw.choice([32, 33, 48]))


def drawn_networks(seeds: range) -> Iterator[tuple[str, Architecture, InputSpec, float]]:
    """What was drawn in words, network, input and width, of those whose blocks accept their arguments, which most do."""
    for seed in seeds:
        draw = random.Random(seed)
        architecture = random_network(draw)
        width, in_channels = draw.choice([1.0, 0.4, 0.77, 1.3]), draw.choice([1, 3])
        spec = InputSpec(7, draw.choice([None, 24, 31]), in_channels=in_channels)
        try:
            count(architecture, spec, width)
            build_model(architecture, spec, width)
        except UserError:
            continue
        yield f"seed {seed}: {spec} {width} {architecture}", architecture, spec, width


def _edited(draw: random.Random, layer: Layer) -> Layer:
    """The layer with random arguments, or as it was where its block refuses them."""
    entry = blocks.BLOCKS[layer.block]
    given: dict[str, Any] = dict(layer.arguments)
    for name, argument in arguments(entry).items():
        if draw.random() < 0.4:
            given[name] = _value(draw, argument, is_count=name in entry.channel_arguments)
    given |= {"out": draw.choice([None, 8, 16, 24, 40]), "stride": draw.choice([1, 1, 2]), "repeat": draw.randint(1, 3)}
    if given["out"] is None:
        del given["out"]
    try:
        return make_layer(layer.block, given, {}, None)
    except UserError:
        return layer


def _value(draw: random.Random, argument: Argument, is_count: bool) -> Any:
    kind, name = argument.kind, argument.name
    if argument.optional and draw.random() < 0.3:
        return None
    if isinstance(kind, Registry):
        entry = draw.choice(list(kind))
        inner = {
            key: _value(draw, value, is_count=False)
            for key, value in arguments(kind[entry]).items()
            if value.default is REQUIRED or draw.random() < 0.3
        }
        return {entry: inner}
    if isinstance(kind, tuple):
        return draw.choice(kind)
    if kind is bool:
        return draw.random() < 0.5
    if kind is int:
        return draw.choice((8, 16, 32, 48) if is_count else NUMBERS.get(name, (1, 2, 3)))
    if kind is float:
        return draw.choice((0.25, 0.5, 1.0, 2.0, 3.0))
    return argument.default
