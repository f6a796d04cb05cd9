"""From YAML (or a Python mapping of the same shape) to architectures, every name and value checked."""

from __future__ import annotations

import dataclasses
import re
from importlib import resources
from pathlib import Path
from typing import Annotated, Any

import blocks
from archlab.architecture.edits import apply_edits
from archlab.architecture.heads import parse_head
from archlab.architecture.layers import LARGEST, parse_layer
from archlab.architecture.open_values import check_settled
from archlab.architecture.own_blocks import load_own_blocks
from archlab.architecture.spec import Architecture
from archlab.foundation import UserError, check_file, check_keys, is_file, read_yaml, real, where, with_lines_of
from archlab.foundation.plain import plain
from archlab.foundation.settings import Within, read_value
from blocks.arguments import ArgumentError, arguments, complete

KEYS = ("name", "paper", "resolution", "defaults", "init", "layers", "head", "blocks", "width", "trained")
DERIVED_KEYS = ("name", "paper", "base", "edits", "init", "head", "blocks")
WIDEST = 1000.0
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
        return _of_document(plain(source), at, folder, inside)
    name = str(source)
    if name in references():
        return _of_document(read_yaml(Path(str(REFERENCES / f"{name}.yaml"))))
    path = _checked((folder or Path()) / name, at)
    if path.suffix in (".yaml", ".yml") or is_file(path):
        if at and not is_file(path):
            raise UserError(f"there is no file {str(path)!r}", where=at)
        if real(path) in inside:
            raise UserError(f"{path.name} is its own base", where=at)
        return _of_document(read_yaml(path), None, path.parent, (*inside, real(path)), plain_name(path.stem))
    raise UserError(
        f"there is no architecture {name!r}: neither a reference nor a YAML file",
        where=at,
        name=name,
        known=references(),
    )


def plain_name(text: str) -> str:
    """The text as a name that studies take, `my net+a=b` as `my_net_a_b`."""
    return re.sub(r"[^\w.-]+", "_", text)


def _checked(path: Path, at: str | None) -> Path:
    try:
        return check_file(path)
    except UserError as error:
        raise UserError(str(error), where=at) from None


def meant_width(source: str | dict, folder: Path = Path()) -> float | None:
    """The `width` that an architecture's file, or that of the base that it edits, says it is meant at, as a winner's file does.

    None where none is said. `source`: what `architecture` has read, in `folder`.
    """
    if isinstance(source, dict):
        return meant_width(source["base"], folder) if "base" in source else _width(source)
    if source in references():
        return None
    path = folder / str(source)
    return meant_width(read_yaml(path), path.parent)


def _width(document: dict) -> float | None:
    line = where(document, "width")
    return read_value(Annotated[float, Within(0, WIDEST, strictly=True)] | None, document.get("width"), "width", line)


def _of_document(
    document: dict,
    at: str | None = None,
    folder: Path | None = None,
    inside: tuple[Path, ...] = (),
    file_name: str = "unnamed",
) -> Architecture:
    here = where(document) or at
    check_settled({name: value for name, value in document.items() if name not in ("blocks", "trained")}, here)
    if "base" in document:
        check_keys(document, DERIVED_KEYS, "an architecture with a base")
        load_own_blocks(document, folder)
        base = architecture(document["base"], at=where(document, "base") or here, folder=folder, inside=inside)
        return _edited(document, base, here)
    check_keys(document, KEYS, "an architecture")
    load_own_blocks(document, folder)
    listed = document.get("layers")
    if not isinstance(listed, list) or not listed:
        raise UserError("an architecture needs a list of layers", where=here)
    defaults = _defaults(document)
    _width(document)
    resolution_at = where(document, "resolution") or here
    return Architecture(
        name=_name(document, file_name),
        layers=tuple(parse_layer(entry, defaults, where(listed, index) or at) for index, entry in enumerate(listed)),
        head=_head(document, {"act": defaults["act"]} if "act" in defaults else {}, defaults),
        resolution=read_value(
            Annotated[int, Within(1, LARGEST)], document.get("resolution", 224), "resolution", resolution_at
        ),
        paper=document.get("paper"),
        defaults=defaults,
        init=_init(document),
        where=here,
    )


def _edited(document: dict, base: Architecture, here: str | None) -> Architecture:
    """`{name: ..., base: ..., edits: [...], head: {...}, init: ...}`"""
    edits = document.get("edits", [])
    if not isinstance(edits, list):
        raise UserError(f"edits is a list, not {edits!r}", where=where(document, "edits") or here)
    edited = apply_edits(base, edits, at=here)
    return dataclasses.replace(
        edited,
        name=_name(document, base.name),
        paper=document.get("paper", base.paper),
        head=_head(document, edited.head, base.defaults) if "head" in document else edited.head,
        init=_init(document) if "init" in document else base.init,
        where=here,
    )


def _name(document: dict, otherwise: str) -> str:
    name = document.get("name")
    return otherwise if name in (None, "") else str(name)


def _defaults(document: dict) -> dict[str, Any]:
    defaults = document.get("defaults")
    defaults = {} if defaults is None else defaults
    if not isinstance(defaults, dict):
        at = where(document, "defaults")
        raise UserError(f"defaults takes arguments of blocks by name, `{{act: relu6}}`, not {defaults!r}", where=at)
    known = {name for block in blocks.BLOCKS for name in arguments(blocks.BLOCKS[block])}
    for name in defaults:
        if name not in known:
            raise UserError(
                f"no block has an argument {name!r}", where=where(defaults, name), name=name, known=sorted(known)
            )
    return with_lines_of(defaults, defaults)


def _init(document: dict) -> dict[str, Any] | None:
    if document.get("init") is None:
        return None
    try:
        return complete(blocks.Head, {"init": document["init"]}, "an architecture")["init"]  # checks it as any other
    except ArgumentError as error:
        raise UserError(str(error), where=where(document, "init"), name=error.name, known=error.known) from None


def _head(document: dict, inherited: dict[str, Any], defaults: dict[str, Any]) -> dict[str, Any]:
    given = document.get("head")
    return parse_head({} if given is None else given, inherited, defaults, where(document, "head") or where(document))
