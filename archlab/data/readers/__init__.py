"""Readers: one a source layout. Each has `read(root, **options) -> Listing`; `root` is the folder of the source, or
None where the images come inside an installed package."""

from __future__ import annotations

import importlib
import inspect
import typing
from pathlib import Path
from typing import Any

from archlab.data.entries import Entry
from archlab.data.listing import Listing
from archlab.foundation import UserError, where

SAMPLES = ("digits", "elpv", "glyphs", "mnist5k", "pines", "textures")
ARCHIVES = ("cifar", "ham10000", "indoor67", "miniplaces", "stanford_dogs")
OWN = ("csv", "folder", "metadata", "parquet")
READERS = (*SAMPLES, *ARCHIVES, *OWN)


def read_source(described: Entry, root: Path | None) -> Listing:
    """What the entry's reader finds below `root`."""
    if described.source not in READERS:
        raise UserError(
            f"source: no reader is called {described.source!r}",
            where=described.where,
            name=described.source,
            known=READERS,
        )
    read = importlib.import_module(f"archlab.data.readers.{described.source}").read
    parameters = {name: p for name, p in inspect.signature(read).parameters.items() if name != "root"}
    for option in described.options:
        if option not in parameters:
            raise UserError(
                f"source {described.source} has no option {option!r}",
                where=where(described.options, option),
                name=option,
                known=parameters,
            )
        _check_kind(described, option, typing.get_type_hints(read)[option])
    missing = [
        name
        for name, parameter in parameters.items()
        if parameter.default is parameter.empty and name not in described.options
    ]
    if missing:
        raise UserError(f"source {described.source} needs the option {missing[0]!r}", where=described.where)
    return read(root, **_absolute(described))


def _check_kind(described: Entry, option: str, expected: Any) -> None:
    """Raises UserError where an option's value is not of the kind that the reader's annotation says."""
    kinds = tuple(typing.get_origin(kind) or kind for kind in typing.get_args(expected) or (expected,))
    if typing.get_origin(expected) in (list, dict):
        kinds = (typing.get_origin(expected),)
    if not isinstance(described.options[option], kinds):
        called = {str: "text", list: "a list", dict: "a mapping"}.get(kinds[0], "another value")
        raise UserError(f"{option}: expected {called}", where=where(described.options, option) or described.where)


def _absolute(described: Entry) -> dict[str, Any]:
    """The options, with paths in them relative to the entry's file."""
    beside = Path((described.where or "").rpartition(":")[0]).parent
    return {
        name: str(beside / value) if name in ("path", "images") and value else value
        for name, value in described.options.items()
    }
