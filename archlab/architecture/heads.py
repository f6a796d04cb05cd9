"""The head of an architecture: arguments of `blocks.Head`, or a list of layers with a `classifier` among them.

{features: 1280, dropout: 0.2}
    The mean over the last map, a hidden layer, dropout, the classifier.
[mean, {conv: {out: 1280, kernel: 1}}, {dropout: {rate: 0.2}}, {classifier: {bias: false}}]
    Layers after the last map, in any order; what is left of the map behind them is averaged. The classifier has as many
    channels as there are classes, and takes nothing from `defaults`.
"""

from __future__ import annotations

from typing import Any

import blocks
from archlab.architecture.layers import check_bounded, line_of, parse_layer
from archlab.architecture.spec import CLASSIFIER, plain_layer
from archlab.foundation import Sequence, UserError, where
from blocks.arguments import ArgumentError, complete


def parse_head(given: Any, inherited: dict[str, Any], defaults: dict[str, Any], at: str | None) -> dict[str, Any]:
    """The head as an architecture keeps it, every name and value checked.

    Args:
        given: As written.
        inherited: Arguments of the head that count where `given` does not give them.
        defaults: The architecture's, for a list of layers and for messages.
    """
    at = where(given) or at
    if isinstance(given, list):
        return {"layers": _layers(given, defaults, at)}
    if not isinstance(given, dict):
        raise UserError(f"head takes arguments by name, or is a list of layers, not {given!r}", where=at)
    if "layers" in inherited:
        raise UserError("the head is a list of layers, of which arguments change nothing: give another list", where=at)
    for name, value in given.items():
        check_bounded(value, f"head: {name}", where(given, name) or at)
    try:
        return complete(blocks.Head, inherited | given, "head")
    except ArgumentError as error:
        line = line_of(error, given, defaults) or at
        raise UserError(str(error), where=line, name=error.name, known=error.known) from None


def _layers(given: list, defaults: dict[str, Any], at: str | None) -> list[dict[str, Any]]:
    layers = []
    for index, entry in enumerate(given):
        own = {} if entry == CLASSIFIER or (isinstance(entry, dict) and CLASSIFIER in entry) else defaults
        layers.append(parse_layer(entry, own, where(given, index) or at, in_head=True))
    classifiers = [index for index, layer in enumerate(layers) if layer.block == CLASSIFIER]
    count = sum(layers[index].repeat for index in classifiers)
    if count != 1:
        raise UserError(f"a head of layers has one {CLASSIFIER}, and this one {count}", where=at)
    for layer in layers[classifiers[0] :]:
        if layer.arguments["out"] is not None:
            raise UserError(
                f"{layer.block}: from the classifier on, there are as many channels as classes, so no `out`",
                where=layer.where,
            )
    found = Sequence(getattr(given, "source", ""), getattr(given, "line", 0))
    found.lines = getattr(given, "lines", [])
    found.extend(plain_layer(layer) for layer in layers)
    return found
