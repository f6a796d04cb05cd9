"""Blocks that users keep in files of their own: `blocks: my_blocks.py` in an architecture or a study."""

from __future__ import annotations

import importlib.util
import sys
from hashlib import sha256
from pathlib import Path

from archlab.foundation import UserError, note_read, where

LOADED: dict[Path, str] = {}
"""Files loaded so far, each with the digest of its text: part of the code digest of runs."""


def load_own_blocks(document: dict, folder: Path | None) -> None:
    """Imports the file or files that `blocks` names, relative to `folder`, so that they register their blocks."""
    named = document.get("blocks") or []
    for name in [named] if isinstance(named, str) else named:
        load_blocks_file((folder or Path()) / str(name), at=where(document, "blocks"))


def load_blocks_file(path: Path, at: str | None = None) -> None:
    """Imports one file of blocks, once. Raises UserError where it cannot be read or imported."""
    path = path.absolute()
    note_read(path)
    try:
        digest = sha256(path.read_bytes()).hexdigest()
    except OSError as error:
        raise UserError(f"blocks file {path} cannot be read: {error.strerror}", where=at) from None
    if LOADED.get(path) == digest:
        return
    name = f"archlab_own_blocks_{digest[:16]}"
    spec = importlib.util.spec_from_file_location(name, path)
    if spec is None or spec.loader is None:
        raise UserError(f"{path} is not a Python file", where=at)
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    try:
        spec.loader.exec_module(module)
    except Exception as error:
        raise UserError(f"blocks file {path} fails on import: {type(error).__name__}: {error}", where=at) from error
    LOADED[path] = digest
