"""What a budget may change in an architecture beside its width, where its layers say `free: depth` and the like.

depth: how often the marked layers repeat, grown block by block in the published proportions
patch: the `size` of the marked patches, one for all of them
resolution: the strides of the marked layers, halved one at a time from the input on, so that the maps inside become larger
features: the hidden layer of the head, where there is one; it needs no mark
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable

from archlab.architecture.spec import Architecture, Layer

DEEPEST = 8  # times the published depth
LARGEST_PATCH = 8  # times the published size
MOST_FEATURES = 2**16
FEATURES_GROW_BY = 1.03

Changed = dict[int, Layer]
"""Layers by index, in the place of those that an architecture has there."""


def freedoms(architecture: Architecture) -> tuple[str, ...]:
    """The quantities that are free in an architecture."""
    marked = {quantity for layer in architecture.layers for quantity in layer.free}
    if architecture.head.get("features"):
        marked.add("features")
    return tuple(quantity for quantity in FORMS if quantity in marked)


def forms(architecture: Architecture, quantity: str) -> list[Architecture]:
    """All that the architecture can be when a quantity of `freedoms` is free, from itself outwards."""
    ladder = FORMS[quantity](architecture)
    here = ladder.index(architecture)
    return [ladder[at] for at in sorted(range(len(ladder)), key=lambda at: abs(at - here))]


def _depths(architecture: Architecture) -> list[Architecture]:
    """Each with one block more than the last: from one in every marked layer to DEEPEST times as many as published."""
    published = {index: layer.repeat for index, layer in _marked(architecture, "depth").items()}
    grown = sorted(
        ((count - 0.5) / most, -index) for index, most in published.items() for count in range(2, DEEPEST * most + 1)
    )
    repeats = dict.fromkeys(published, 1)
    found = [_with_repeats(architecture, repeats)]
    for _, index in grown:
        repeats[-index] += 1
        found.append(_with_repeats(architecture, repeats))
    return found


def _with_repeats(architecture: Architecture, repeats: dict[int, int]) -> Architecture:
    layers = architecture.layers
    return _with(
        architecture, {index: dataclasses.replace(layers[index], repeat=count) for index, count in repeats.items()}
    )


def _patches(architecture: Architecture) -> list[Architecture]:
    marked = _marked(architecture, "patch")
    published = {layer.arguments["size"] for layer in marked.values()}
    sizes = range(1, LARGEST_PATCH * max(published) + 1)
    found = {size: _with(architecture, {i: _with_patch(layer, size) for i, layer in marked.items()}) for size in sizes}
    return list(found.values()) if len(published) == 1 else [architecture, *found.values()]


def _with_patch(layer: Layer, size: int) -> Layer:
    """A stride that is given as large as the patch stays as large."""
    stride = size if layer.stride == layer.arguments["size"] else layer.stride
    return dataclasses.replace(layer, stride=stride, arguments={**layer.arguments, "size": size})


def _resolutions(architecture: Architecture) -> list[Architecture]:
    found, layers = [architecture], _marked(architecture, "resolution")
    for index in layers:
        while layers[index].stride > 1:
            layers[index] = dataclasses.replace(layers[index], stride=layers[index].stride // 2)
            found.append(_with(architecture, layers))
    return found


def _features(architecture: Architecture) -> list[Architecture]:
    published, count = architecture.head["features"], 8.0
    counts = {published}
    while count < MOST_FEATURES:
        counts.add(8 * round(count / 8))
        count *= FEATURES_GROW_BY
    return [
        dataclasses.replace(architecture, head={**architecture.head, "features": features})
        for features in sorted(counts)
    ]


def _marked(architecture: Architecture, quantity: str) -> Changed:
    return {index: layer for index, layer in enumerate(architecture.layers) if quantity in layer.free}


def _with(architecture: Architecture, changed: Changed) -> Architecture:
    return architecture.with_layers(tuple(changed.get(index, layer) for index, layer in enumerate(architecture.layers)))


FORMS: dict[str, Callable[[Architecture], list[Architecture]]] = {
    "depth": _depths,
    "patch": _patches,
    "resolution": _resolutions,
    "features": _features,
}
