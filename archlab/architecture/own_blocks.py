"""Blocks that users keep in files of their own: `blocks: my_blocks.py` in an architecture or a study.

Each file stands alone: a run loads, and its key covers, the files of what its architecture names, and nothing else.
"""

from __future__ import annotations

import ast
import importlib.util
import sys
from collections.abc import Iterable, Iterator
from hashlib import sha256
from pathlib import Path
from typing import Any

import blocks
from archlab.architecture.spec import Architecture
from archlab.foundation import UserError, note_read, where
from blocks.arguments import arguments
from blocks.registry import Registry

LOADED: dict[Path, str] = {}
"""Files loaded so far, each with the digest of its text: none is imported twice."""

SHIPPED = Path(str(blocks.__file__)).resolve().parent


def load_own_blocks(document: dict, folder: Path | None) -> None:
    """Imports the file or files that `blocks` names, relative to `folder`, so that they register their blocks."""
    named = document.get("blocks") or []
    for name in [named] if isinstance(named, str) else named:
        load_blocks_file((folder or Path()) / str(name), at=where(document, "blocks"))


def load_blocks_file(path: Path, at: str | None = None) -> None:
    """Imports one file of blocks, once. Raises UserError where it cannot be read or imported, or does not stand alone."""
    path = path.absolute()
    note_read(path)
    try:
        source = path.read_bytes()
    except OSError as error:
        raise UserError(f"blocks file {path} cannot be read: {error.strerror}", where=at) from None
    digest = sha256(source).hexdigest()
    if LOADED.get(path) == digest:
        return
    name = f"archlab_own_blocks_{digest[:16]}"
    spec = importlib.util.spec_from_file_location(name, path)
    if spec is None or spec.loader is None:
        raise UserError(f"{path} is not a Python file", where=at)
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    try:
        if beside := _imported_from_beside(source, path.parent):
            raise ImportError(f"{beside!r} lies beside it, and keys of runs would not cover that: use one file")
        spec.loader.exec_module(module)
    except Exception as error:
        raise UserError(f"blocks file {path} fails on import: {type(error).__name__}: {error}", where=at) from error
    LOADED[path] = digest


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


def _imported_from_beside(source: bytes, folder: Path) -> str | None:
    """A module of the file's own folder that it imports, if any; archlab's own may lie there too."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.ImportFrom) and node.level:
            return "." * node.level + (node.module or "")
        for name in _imported(node):
            top = name.partition(".")[0]
            there = (folder / f"{top}.py").exists() or (folder / top / "__init__.py").exists()
            if there and top not in ("archlab", "blocks"):
                return top
    return None


def _imported(node: ast.AST) -> Iterable[str]:
    if isinstance(node, ast.Import):
        return [alias.name for alias in node.names]
    return [node.module or ""] if isinstance(node, ast.ImportFrom) else []
