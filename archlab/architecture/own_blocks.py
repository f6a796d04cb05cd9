"""Blocks that users keep in files of their own: `blocks: my_blocks.py` in an architecture or a study.

Each file stands alone: a run loads, and its key covers, the files of what its architecture names, and nothing else.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from functools import cache
from hashlib import sha256
from pathlib import Path
from typing import Any, NamedTuple

import blocks
from archlab.architecture.spec import Architecture
from archlab.foundation import UserError, note_read, where
from archlab.foundation.own_code import DIGITS, LOADED, load_file
from archlab.foundation.own_code_texts import file_of
from blocks.arguments import arguments
from blocks.registry import REGISTRIES, Registry, remove, replacing, restored

_log = logging.getLogger("archlab")

SHIPPED = Path(str(blocks.__file__)).resolve().parent


def load_own_blocks(document: dict, folder: Path | None) -> None:
    """Imports the file or files that `blocks` names, relative to `folder`, so that they register their blocks.

    Or those whose texts it holds by their names, as a winner's file does (which has a key `trained`), unless they are imported
    already; that code came with it and is run, and that is said.
    """
    named, at = document.get("blocks"), where(document, "blocks")
    if isinstance(named, dict) and "trained" in document:
        tell_of_code(at, named)
        for name, text in named.items():
            if not isinstance(text, str):
                raise UserError(
                    f"blocks: expected the text of {name}, not {text!r:.40}", where=where(named, name) or at
                )
            if not _is_loaded(text):
                load_file(file_of(str(name), text), at=at)
        return
    listed = [] if named is None else [named] if isinstance(named, str) else named
    if not isinstance(listed, list) or not all(isinstance(name, str) for name in listed):
        raise UserError(f"blocks is a file or a list of files, not {named!r}", where=at)
    for name in listed:
        load_file((folder or Path()) / name, at=at)


def tell_of_code(bringer: str | Path | None, files: Iterable[Any]) -> None:
    """Says that what others may have made brings code, and that it is run."""
    _log.warning("warning: %s brings code of its own, which is run: %s", bringer, ", ".join(map(str, files)))


def _is_loaded(text: str) -> bool:
    digest = sha256(text.encode(errors="surrogateescape")).hexdigest()[:DIGITS]
    return any(module.__name__.endswith(digest) for module in LOADED.values())


@contextmanager
def own_blocks_alone(texts: dict[str, str]) -> Iterator[None]:
    """Within, the registries hold what archlab ships and the blocks of these files, by name and text, and no other own ones.

    So a network is built of the blocks that it was trained with, whatever this process has imported under their names.
    """
    loaded = dict(LOADED)
    try:
        with restored():
            removed = set()
            for registry in REGISTRIES:
                for name in registry:
                    if not _is_shipped(file := registry.file(name)):
                        remove(registry, name)
                        removed.add(file)
            modules = {module.__name__ for path, module in loaded.items() if os.path.realpath(path) in removed}
            for path, module in loaded.items():
                if module.__name__ in modules:
                    del LOADED[path]  # so that it registers its blocks again
            for name, text in texts.items():
                path = file_of(name, text)
                LOADED.pop(path, None)
                with replacing():
                    load_file(path)
            yield
    finally:
        LOADED.clear()
        LOADED.update(loaded)


def own_blocks_of(architecture: Architecture) -> tuple[str, ...]:
    """The files of the users' own blocks, and parts of blocks, that an architecture names.

    Raises UserError for one that no other process could load, as it was registered by a program or in a notebook.
    """
    files = {file for registry, name in _named(architecture) if not _is_shipped(file := _file(registry, name))}
    for file in files:
        note_read(Path(file))
    return tuple(sorted(files))


def is_shipped(block: str) -> bool:
    """Whether a block comes with archlab."""
    return _is_shipped(blocks.BLOCKS.file(block))


class Part(NamedTuple):
    """A part of a block, such as its activation: what it is registered as, and its arguments."""

    registry: Registry
    name: str
    arguments: dict[str, Any]

    @property
    def is_shipped(self) -> bool:
        """Whether it comes with archlab."""
        return _is_shipped(self.registry.file(self.name))


def parts_of(entry: Callable, given: Mapping[str, Any]) -> Iterator[Part]:
    """The parts among the arguments of a registered class, and among theirs."""
    for name, registry in _part_arguments(entry):
        if (component := given.get(name)) is not None:
            ((part, own),) = component.items()
            yield Part(registry, part, own)
            yield from parts_of(registry[part], own)


@cache
def _part_arguments(entry: Callable) -> tuple[tuple[str, Registry], ...]:
    """The names of the arguments that are parts, and where those are registered."""
    return tuple((each.name, each.kind) for each in arguments(entry).values() if isinstance(each.kind, Registry))


def _named(architecture: Architecture) -> Iterator[tuple[Registry, str]]:
    """Registry and name of every block of an architecture, and of every part of one."""
    for layer in (*architecture.layers, *architecture.head_layers()):
        yield blocks.BLOCKS, layer.block
        yield from (part[:2] for part in parts_of(blocks.BLOCKS[layer.block], layer.arguments))
    for given in (architecture.head, {"init": architecture.init}):
        yield from (part[:2] for part in parts_of(blocks.Head, given))


def _file(registry: Registry, name: str) -> str:
    file = registry.file(name)
    if file is None:
        raise UserError(
            f"{registry.kind} {name!r} was registered by a program, not by a file of blocks that runs can load"
        )
    return file


@cache
def _is_shipped(file: str | None) -> bool:
    return file is not None and Path(file).is_relative_to(SHIPPED)
