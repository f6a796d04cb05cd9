"""A design as an architecture file, its width built in: at width 1 the file is the very network."""

from __future__ import annotations

import dataclasses
from typing import Any

import yaml

import blocks
from archlab.architecture import Architecture, InputSpec, Layer, place
from archlab.architecture.plan import scaled_layers
from archlab.architecture.spec import plain_layer
from blocks.arguments import REQUIRED, arguments, check
from blocks.registry import Registry


def at_width(architecture: Architecture, width: float, name: str) -> Architecture:
    """The architecture whose channel counts at width 1 are those of `architecture` at `width`."""
    _, placed = place(architecture, InputSpec(num_classes=1), width)
    both = (*architecture.layers, *architecture.head_layers())
    layers = [
        dataclasses.replace(layer, arguments=scaled)
        for layer, scaled in scaled_layers(both, InputSpec.in_channels, width)
    ]
    body, in_head = layers[: len(architecture.layers)], layers[len(architecture.layers) :]
    if placed.arguments is None:
        head: dict[str, Any] = {"layers": [plain_layer(layer) for layer in in_head]}
    else:
        head = {**architecture.head, "features": placed.arguments.features}
    return dataclasses.replace(architecture.with_layers(tuple(body), name), head=head)


def architecture_yaml(
    architecture: Architecture,
    comment: str = "",
    *,
    width: float | None = None,
    own_blocks: dict[str, str] | None = None,
    trained: dict[str, Any] | None = None,
) -> str:
    """A file that `archlab build` and `archlab train` take; what an argument is anyway is left out.

    Args:
        width: The width that it is meant at; see `archlab.architecture.parse.meant_width`.
        own_blocks: Texts of the files of own blocks that it names, by file name.
        trained: What it was trained on, as `archlab.deploy.winner` says; for `archlab.load`.
    """
    document: dict[str, Any] = {"name": architecture.name}
    if architecture.resolution != 224:
        document["resolution"] = architecture.resolution
    if architecture.init:
        document["init"] = _short(blocks.registry.INITIALIZATIONS, architecture.init)
    if width is not None:
        document["width"] = width
    document["layers"] = [{layer.block: _written(layer)} for layer in architecture.layers]
    if in_head := architecture.head_layers():
        document["head"] = [{layer.block: _written(layer)} for layer in in_head]
    elif head := _not_default(blocks.Head, architecture.head):
        document["head"] = head
    lines = [f"# {line}\n" for line in comment.splitlines()]
    text = "".join(lines) + yaml.safe_dump(document, sort_keys=False, default_flow_style=None, width=1000)
    if own_blocks:
        text += yaml.dump({"blocks": own_blocks}, Dumper=_Texts, default_flow_style=False, width=1000)
    if trained:
        text += yaml.dump({"trained": trained}, Dumper=_Quoted, sort_keys=False, default_flow_style=None, width=1000)
    return text


class _Texts(yaml.SafeDumper):
    """Texts of several lines as such."""


class _Quoted(yaml.SafeDumper):
    """All words in quotes: a class may be called `1e-3`, or `no`."""


_Texts.add_representer(
    str, lambda dumper, text: dumper.represent_scalar("tag:yaml.org,2002:str", text, "|" if "\n" in text else None)
)
_Quoted.add_representer(
    str,
    lambda dumper, text: dumper.represent_scalar("tag:yaml.org,2002:str", text, None if text.isidentifier() else '"'),
)


def _written(layer: Layer) -> dict[str, Any]:
    own = {name: value for name, value in layer.arguments.items() if name != "out"}
    written = {"out": layer.arguments["out"], **_not_default(blocks.BLOCKS[layer.block], own)}
    written |= {"stride": layer.stride, "repeat": layer.repeat, "name": layer.name, "scale": layer.scale}
    written["free"] = list(layer.free)
    usual: dict[str, Any] = {"out": None, "stride": 1, "repeat": 1, "name": None, "scale": True, "free": []}
    return {name: value for name, value in written.items() if name not in usual or value != usual[name]}


def _not_default(entry: Any, given: dict[str, Any]) -> dict[str, Any]:
    known = arguments(entry)
    return {
        name: _short(known[name].kind, value)
        for name, value in given.items()
        if known[name].default is REQUIRED or value != check(known[name], known[name].default, name)
    }


def _short(kind: Any, value: Any) -> Any:
    """A component by its name alone, or with the arguments that are not its usual ones."""
    if not isinstance(kind, Registry) or value is None:
        return "none" if value is None else value
    ((name, given),) = value.items()
    own = _not_default(kind[name], given)
    return {name: own} if own else name
