"""Readers: one a source layout. Each has `read(root, **options) -> Listing`; `root` is the folder of the source, or
None where the images come inside an installed package."""

from __future__ import annotations

import importlib
import inspect
from pathlib import Path

from archlab.data.entries import Entry
from archlab.data.listing import Listing
from archlab.foundation import UserError, where

SAMPLES = ("digits", "elpv", "glyphs", "mnist5k", "pines", "textures")
READERS = SAMPLES


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
    known = [name for name in inspect.signature(read).parameters if name != "root"]
    for option in described.options:
        if option not in known:
            raise UserError(
                f"source {described.source} has no option {option!r}",
                where=where(described.options, option),
                name=option,
                known=known,
            )
    return read(root, **described.options)
