"""Reading a source: the reader that an entry names, one of archlab's or a function in a user's own file.

A reader is called as `read(root, **options)` and returns a `Listing`. `root` is the folder of the source, or None where
the images come inside an installed package, or from where an option says. Paths among the options are annotated as `Path`,
and relative to the entry's file.
"""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np

from archlab.data.archives import verify
from archlab.data.entries import Entry
from archlab.data.listing import SPLITS, Listing
from archlab.data.published import CONTENTS
from archlab.data.readers.doubts import doubts
from archlab.data.readers.places import locate
from archlab.foundation import UserError
from archlab.foundation.own_code import is_own, own_code
from archlab.foundation.settings import read_arguments

SAMPLES = ("digits", "elpv", "glyphs", "mnist5k", "pines", "textures")
ARCHIVES = ("cifar", "ham10000", "indoor67", "miniplaces", "stanford_dogs")
TABLES_AND_FOLDERS = ("csv", "folder", "listed", "metadata", "parquet")
READERS = (*SAMPLES, *ARCHIVES, *TABLES_AND_FOLDERS)


def read_source(described: Entry, root: Path | None) -> Listing:
    """What the entry's reader finds below `root`. Raises UserError for a reader, options or a source that are wrong."""
    folder = Path((described.where or "").rpartition(":")[0]).parent
    read, options = _reader(described.source, described.options, folder, described.where)
    if root is None and (described.source in ARCHIVES or (described.source == "folder" and "path" not in options)):
        raise UserError(
            f"{described.name}: its entry does not say where its images are: pass --from PATH", where=described.where
        )
    if contents := CONTENTS.get(described.name):
        _verify(described.name, contents, root)
    listing = read(root, **options)
    if is_own(described.source):
        _check(listing, described)
    return listing.noted(*doubts(listing.class_names)) if described.source in TABLES_AND_FOLDERS else listing


def _verify(dataset: str, contents: dict[str, str], root: Path | None) -> None:
    place = locate(root, *contents)
    for name, checksum in contents.items():
        try:
            verify(place / name, checksum)
        except UserError as error:
            error.message += f"; of other files make a dataset of your own, an entry `like: {dataset}`"
            raise


def own_source(source: str, options: dict[str, Any]) -> tuple[str, dict[str, Any]]:
    """A user's own reader and its options as an entry may keep them: paths no longer relative to the working directory."""
    own = own_code(source)
    _, checked = _reader(source, options, Path.cwd(), None)
    written = {name: str(value) if isinstance(value, Path) else value for name, value in checked.items()}
    return f"{own.file}:{source.rpartition(':')[2]}", written


def _reader(source: str, options: dict[str, Any], folder: Path, at: str | None) -> tuple[Any, dict[str, Any]]:
    """The reader, and its options checked, paths in them relative to `folder`."""
    read: Callable[..., Any]
    if is_own(source):
        read = own_code(source, folder=folder, at=at)
        signature = read.value
    elif source in READERS:
        read = signature = import_module(f"archlab.data.readers.{source}").read
    else:
        raise UserError(f"source: no reader is called {source!r}", where=at, name=source, known=READERS)
    checked = read_arguments(signature, options, f"source {source}", at, leading=("root",))
    return read, {name: folder / value if isinstance(value, Path) else value for name, value in checked.items()}


def _check(listing: Any, described: Entry) -> None:
    """Raises UserError where what a user's reader returned is no listing."""
    if not isinstance(listing, Listing):
        raise UserError(f"{described.source} must return a Listing, not {listing!r:.40}", where=described.where)
    count, classes = len(listing.images.names), len(listing.class_names)
    if not count:
        raise UserError(f"{described.source} has found no images", where=described.where)
    groups = listing.labels if listing.groups is None else listing.groups
    for name, values in {"labels": listing.labels, "splits": listing.splits, "groups": groups}.items():
        if np.shape(values) != (count,) or not isinstance(values, np.ndarray):
            raise UserError(f"{described.source}: {name} must be an array of {count:,} values", where=described.where)
    if listing.labels.dtype.kind not in "iu" or not np.isin(listing.labels, range(classes)).all():
        raise UserError(f"{described.source}: labels must be indices of {classes} classes", where=described.where)
    if not np.isin(listing.splits, [*SPLITS, ""]).all():
        raise UserError(f"{described.source}: splits must be {', '.join(SPLITS)} or empty", where=described.where)
