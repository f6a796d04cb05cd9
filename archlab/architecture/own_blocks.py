"""Blocks that users keep in files of their own: `blocks: my_blocks.py` in an architecture or a study.

Each file stands alone: a run loads, and its key covers, the files of what its architecture names, and nothing else.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import blocks
from archlab.architecture.spec import Architecture
from archlab.foundation import UserError, note_read, where
from archlab.foundation.own_code import load_file
from blocks.arguments import arguments
from blocks.registry import Registry

SHIPPED = Path(str(blocks.__file__)).resolve().parent


def load_own_blocks(document: dict, folder: Path | None) -> None:
    """Imports the file or files that `blocks` names, relative to `folder`, so that they register their blocks."""
    named, at = document.get("blocks"), where(document, "blocks")
    listed = [] if named is None else [named] if isinstance(named, str) else named
    if not isinstance(listed, list) or not all(isinstance(name, str) for name in listed):
        raise UserError(f"blocks is a file or a list of files, not {named!r}", where=at)
    for name in listed:
        load_file((folder or Path()) / name, at=at)


def own_blocks_of(architecture: Architecture) -> tuple[str, ...]:
    """The files of the users' own blocks, and parts of blocks, that an architecture names.

    Raises UserError for one that no other process could load, as it was registered by a program or in a notebook.
    """
    files = set()
    for layer in architecture.layers:
        files |= set(_files(blocks.BLOCKS, layer.block, layer.arguments))
    for name, argument in arguments(blocks.Head).items():
        files |= set(_files_of_component(argument.kind, architecture.head.get(name)))
    for file in files:
        note_read(Path(file))
    return tuple(sorted(files))


def is_shipped(block: str) -> bool:
    """Whether a block comes with archlab."""
    file = blocks.BLOCKS.file(block)
    return file is not None and Path(file).is_relative_to(SHIPPED)


def _files(registry: Registry, name: str, given: dict[str, Any]) -> Iterator[str]:
    """Of a registered class and of the components among its arguments."""
    file = registry.file(name)
    if file is None:
        raise UserError(
            f"{registry.kind} {name!r} was registered by a program, not by a file of blocks that runs can load"
        )
    if not Path(file).is_relative_to(SHIPPED):
        yield file
    for argument in arguments(registry[name]).values():
        yield from _files_of_component(argument.kind, given.get(argument.name))


def _files_of_component(registry: Any, component: dict[str, dict] | None) -> Iterator[str]:
    if isinstance(registry, Registry) and component is not None:
        ((name, given),) = component.items()
        yield from _files(registry, name, given)
