"""From YAML (or a Python mapping of the same shape) to architectures, every name and value checked."""

from __future__ import annotations

from importlib import resources
from pathlib import Path
from typing import Any

import blocks
from archlab.architecture.own_blocks import load_own_blocks
from archlab.architecture.spec import Architecture, Layer
from archlab.foundation import UserError, check_keys, read_yaml, where
from blocks.arguments import ArgumentError, arguments, complete

KEYS = ("name", "paper", "resolution", "defaults", "layers", "head", "blocks")
LAYER_KEYS = ("stride", "repeat", "name", "scale")
REFERENCES = resources.files("archlab.architecture") / "references"


def references() -> list[str]:
    """Names of the eleven published architectures."""
    return sorted(entry.name.removesuffix(".yaml") for entry in REFERENCES.iterdir() if entry.name.endswith(".yaml"))


def architecture(
    source: str | Path | dict, *, at: str | None = None, folder: Path | None = None, inside: tuple[Path, ...] = ()
) -> Architecture:
    """The architecture of a reference's name, a YAML file's path, or a mapping of the same keys.

    Args:
        at: FILE:LINE that named it, for messages.
        folder: Where relative paths start; the working directory by default.
        inside: The files that name this one as their base, directly or through others.
    """
    if isinstance(source, dict):
        return parse_architecture(source, at=at, folder=folder, inside=inside)
    name = str(source)
    if name in references():
        return parse_architecture(read_yaml(Path(str(REFERENCES / f"{name}.yaml"))))
    path = (folder or Path()) / name
    if path.suffix in (".yaml", ".yml") or path.is_file():
        if at and not path.exists():
            raise UserError(f"there is no file {str(path)!r}", where=at)
        if path.resolve() in inside:
            raise UserError(f"{path.name} is its own base", where=at)
        return parse_architecture(read_yaml(path), folder=path.parent, inside=(*inside, path.resolve()))
    raise UserError(
        f"there is no architecture {name!r}: neither a reference nor a YAML file",
        where=at,
        name=name,
        known=references(),
    )


def parse_architecture(
    document: dict, *, at: str | None = None, folder: Path | None = None, inside: tuple[Path, ...] = ()
) -> Architecture:
    """The architecture of a document; see `architecture`."""
    if "base" in document:
        from archlab.architecture.derived import derived_architecture  # edits are made of layers, which are parsed here

        return derived_architecture(document, at=at, folder=folder, inside=inside)
    here = where(document) or at
    check_keys(document, KEYS, "an architecture")
    load_own_blocks(document, folder)
    if not isinstance(document.get("layers"), list) or not document["layers"]:
        raise UserError("an architecture needs a list of layers", where=here)
    defaults = _defaults(document)
    layers = tuple(
        parse_layer(entry, defaults, at=where(document["layers"], index) or at)
        for index, entry in enumerate(document["layers"])
    )
    return Architecture(
        name=str(document.get("name", "unnamed")),
        layers=layers,
        head=_head(document, defaults),
        resolution=_positive(document, "resolution", 224, here),
        paper=document.get("paper"),
        defaults=defaults,
        where=here,
    )


def parse_layer(entry: Any, defaults: dict[str, Any], at: str | None = None) -> Layer:
    """One layer: `{block: {arguments}}`, `{block: }` or just `block`."""
    if isinstance(entry, str):
        entry = {entry: None}
    if not isinstance(entry, dict) or len(entry) != 1:
        raise UserError(f"a layer is one block with its arguments, `- conv: {{out: 32}}`, not {entry!r}", where=at)
    ((block, given),) = entry.items()
    at = where(entry) or at
    if block not in blocks.BLOCKS:
        raise UserError(f"there is no block {block!r}", where=at, name=block, known=blocks.BLOCKS)
    if given is None:
        given = {}
    if not isinstance(given, dict):
        raise UserError(f"{block} takes arguments by name, not {given!r}", where=at)
    return make_layer(block, given, defaults, at)


def make_layer(block: str, given: dict[str, Any], defaults: dict[str, Any], at: str | None) -> Layer:
    """A layer of a known block from everything given for it, checked and completed with defaults."""
    entry = blocks.BLOCKS[block]
    own = {key: value for key, value in given.items() if key not in (*LAYER_KEYS, "out")}
    for name in own:
        if name not in arguments(entry):
            known = (*arguments(entry), "out", *LAYER_KEYS)
            raise UserError(f"{block} has no argument {name!r}", where=where(given, name) or at, name=name, known=known)
    inherited = {name: value for name, value in defaults.items() if name in arguments(entry)}
    try:
        completed = complete(entry, inherited | own, block)
    except ArgumentError as error:
        line = next((where(given, name) for name in own if f" {name} " in f" {error} "), None)
        raise UserError(str(error), where=line or at, name=error.name, known=error.known) from None
    completed["out"] = _positive(given, "out", None, at)
    for name in entry.channel_arguments:
        if completed[name] is not None and completed[name] < 1:
            raise UserError(
                f"{block}: {name} must be at least 1, not {completed[name]}", where=where(given, name) or at
            )
    scale, label = given.get("scale", True), given.get("name")
    if not isinstance(scale, bool):
        raise UserError(f"scale must be true or false, not {scale!r}", where=where(given, "scale") or at)
    if label is not None and not isinstance(label, str):
        raise UserError(f"name must be a word, not {label!r}", where=where(given, "name") or at)
    return Layer(
        block=block,
        arguments=completed,
        stride=_positive(given, "stride", 1, at),
        repeat=_positive(given, "repeat", 1, at),
        name=label,
        scale=scale,
        where=at,
    )


def _defaults(document: dict) -> dict[str, Any]:
    defaults = document.get("defaults") or {}
    known = {name for block in blocks.BLOCKS for name in arguments(blocks.BLOCKS[block])}
    for name in defaults:
        if name not in known:
            raise UserError(
                f"no block has an argument {name!r}", where=where(defaults, name), name=name, known=sorted(known)
            )
    return dict(defaults)


def _head(document: dict, defaults: dict[str, Any]) -> dict[str, Any]:
    given = document.get("head") or {}
    if not isinstance(given, dict):
        raise UserError(f"head takes arguments by name, not {given!r}", where=where(document, "head"))
    inherited = {"act": defaults["act"]} if "act" in defaults else {}
    try:
        return complete(blocks.Head, inherited | given, "head")
    except ArgumentError as error:
        raise UserError(str(error), where=where(given) or where(document), name=error.name, known=error.known) from None


def _positive(given: dict, key: str, default: int | None, at: str | None) -> Any:
    value = given.get(key, default)
    if value is not default and (type(value) is not int or value < 1):
        raise UserError(f"{key} must be a whole number of at least 1, not {value!r}", where=where(given, key) or at)
    return value
