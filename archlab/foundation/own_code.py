"""Code that users keep in files of their own: blocks, and whatever a document names as `FILE.py:NAME`.

Each file stands alone: a run loads, and its key covers, the files that it uses, and nothing else.
"""

from __future__ import annotations

import ast
import importlib
import importlib.util
import json
import re
import sys
from collections.abc import Callable, Iterable
from contextlib import redirect_stdout, suppress
from dataclasses import dataclass
from functools import partial
from hashlib import sha256
from pathlib import Path
from traceback import extract_tb
from types import ModuleType
from typing import Any

from archlab.foundation.errors import UserError
from archlab.foundation.files import check_file, note_read
from archlab.foundation.settings import read_arguments
from archlab.foundation.trial import fault_of

LOADED: dict[Path, ModuleType] = {}
"""By path. A file is imported again only when its text has changed."""

_TRIED: set[str] = set()
"""Names of modules that a trial has not found at fault."""

MODULES = "archlab_own_code_"  # how the names of loaded modules begin
DIGITS = 16  # of a file's digest, in names
_NAMED = re.compile(r"(?P<file>.+\.py):(?P<name>[A-Za-z_]\w*)")
_CANONICAL = re.compile(rf"(?P<digest>[0-9a-f]{{{DIGITS}}}):(?P<name>[A-Za-z_]\w*)")


@dataclass(frozen=True)
class OwnCode:
    """A function or class of a user's own file.

    `canonical` stands for it in what is stored, `DIGEST:NAME`: the file's text counts, not where it lies.
    """

    file: Path
    canonical: str
    value: Callable[..., Any]

    def __call__(self, *given: Any, **arguments: Any) -> Any:
        """Calls it. What it raises becomes a UserError that says where in the file; what it prints goes to standard error."""
        try:
            with redirect_stdout(sys.stderr):
                return self.value(*given, **arguments)
        except UserError:
            raise
        except Exception as error:
            lines = [frame.lineno for frame in extract_tb(error.__traceback__) if frame.filename == str(self.file)]
            line = f"{self.file}:{lines[-1]}" if lines else str(self.file)
            raise UserError(f"{type(error).__name__}: {error}", where=line) from error


def is_own(reference: Any) -> bool:
    """Whether a value is written as `FILE.py:NAME` or as `DIGEST:NAME`."""
    return isinstance(reference, str) and bool(_NAMED.fullmatch(reference) or _CANONICAL.fullmatch(reference))


def own_code(reference: str, *, folder: Path | None = None, at: str | None = None) -> OwnCode:
    """What `FILE.py:NAME` names, the file relative to `folder`; or `DIGEST:NAME`, of a file that is loaded already.

    Raises UserError where there is no such file or name.
    """
    if named := _NAMED.fullmatch(reference):
        module = load_file((folder or Path()) / named["file"], at=at)
    elif named := _CANONICAL.fullmatch(reference):
        digest = named["digest"]
        found = [module for module in LOADED.values() if module.__name__.endswith(digest)]
        if not found:
            raise UserError(f"the file of {reference} is not loaded", where=at)
        module = found[-1]
    else:
        raise UserError(f"own code is named FILE.py:NAME, not {reference!r}", where=at)
    name, path = named["name"], Path(str(module.__file__))
    value = getattr(module, name, None)
    if not callable(value):
        known = [
            each
            for each, entry in vars(module).items()
            if callable(entry) and getattr(entry, "__module__", None) == module.__name__
        ]
        raise UserError(f"{path} has no function or class {name!r}", where=at, name=name, known=known)
    return OwnCode(path, f"{module.__name__[-DIGITS:]}:{name}", value)


def own_call(
    value: Any, leading: tuple[str, ...], *, folder: Path | None = None, at: str | None = None
) -> dict[str, dict[str, Any]]:
    """`FILE.py:NAME` or `{FILE.py:NAME: {argument: value}}` as `{DIGEST:NAME: {argument: value}}`, whatever the folder.

    The arguments are those that follow `leading`, which archlab gives; a `DIGEST:NAME` is that of a stored run, whose
    file need not be loaded. Raises UserError where there is no such function, or it does not take the arguments.
    """
    reference, arguments = next(iter(value.items())) if isinstance(value, dict) and len(value) == 1 else (value, {})
    if isinstance(reference, str) and _CANONICAL.fullmatch(reference):
        return {reference: arguments}
    own = own_code(str(reference), folder=folder, at=at)
    given = {} if arguments is None else arguments
    read_arguments(own.value, given, str(reference), at, leading=leading)
    return {own.canonical: json.loads(json.dumps(given))}  # plain, without the lines that YAML's values know


def load_file(path: Path, at: str | None = None, *, tried: bool = False) -> ModuleType:
    """Imports a user's file, once, after a trial (see `archlab.foundation.trial`) unless another process has `tried` it.

    The text that keys of runs cover is run, whatever bytecode lies beside it; what it prints goes to standard error.

    Raises UserError where it cannot be read or imported, does not stand alone, or would end, stop or fill this process.
    """
    path = path.absolute()
    note_read(path)
    try:
        source = check_file(path).read_bytes()
    except OSError as error:
        raise UserError(f"{path} cannot be read: {error.strerror}", where=at) from None
    name = f"{MODULES}{sha256(source).hexdigest()[:DIGITS]}"
    if path in LOADED and LOADED[path].__name__ == name:
        return LOADED[path]
    spec = importlib.util.spec_from_file_location(name, path)
    if spec is None:
        raise UserError(f"{path} is not a Python file", where=at)
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    try:
        tree = ast.parse(source, str(path))
        if beside := _imported_from_beside(tree, path.parent):
            raise ImportError(f"{beside!r} lies beside it, and keys of runs would not cover that: use one file")
        run = partial(exec, compile(tree, str(path), "exec", dont_inherit=True), vars(module))
        fault = None
        with redirect_stdout(sys.stderr):
            if not tried and name not in _TRIED:
                _import_what_it_imports(tree)
                fault = fault_of(run)
            if not fault:
                _TRIED.add(name)
                run()
    except KeyboardInterrupt:
        raise
    except BaseException as error:  # sys.exit, too
        raise UserError(f"{path} fails on import: {type(error).__name__}: {error}", where=at) from error
    if fault:
        raise UserError(f"{path}: its import {fault}", where=at)
    LOADED[path] = module
    return module


def _import_what_it_imports(tree: ast.Module) -> None:
    """So that the trial need not: libraries are trusted, and may take long."""
    for node in tree.body:
        for name in _imported(node):
            with suppress(Exception):  # the file's own import says so
                importlib.import_module(name)


def _imported_from_beside(tree: ast.Module, folder: Path) -> str | None:
    """A module of the file's own folder that it imports, if any; archlab's own may lie there too."""
    for node in ast.walk(tree):
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
