"""Prepared datasets, and what recipes stand on, for nodes that lack them: written anew on the node, checked there.

How pieces travel is the caller's: `put` gives a reference for an array of bytes, `get` the array for a reference.
"""

from __future__ import annotations

import os
import stat
import tempfile
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np
from filelock import FileLock

from archlab.data.entries import Fit, entry, user_catalogue
from archlab.data.intact import check_intact, note_intact
from archlab.data.prepared import DamagedDataError, Prepared, fitted, folder, open_current
from archlab.foundation import UserError, clear, files_read, replace_folder, write_atomically, write_file
from archlab.runs.run import Run
from archlab.runs.store import Store
from archlab.runs.stored import DamagedRunError

PIECE = 2**28  # bytes that travel at once: memory holds one piece, however large the dataset

Data = tuple[str, int, Fit | None, str]
"""Which dataset: its name, resolution, fit and digest."""

Foundation = tuple[str, str]
"""What a recipe stands on: "run" and its key, or "weights" and their digest."""

Parcel = dict[str, list[Any]]
"""References to the pieces of every file, by its path below the home."""


def data_of(run: Run) -> Data:
    return run.dataset, run.stored, run.fit, run.dataset_digest


def home_here() -> Path:
    """The home of a node that does not see the store. It is of this user alone: its name can be guessed, and what lies there is
    run. Raises UserError where somebody else has made it.
    """
    path = Path(tempfile.gettempdir()) / f"archlab-{os.getuid()}"
    path.mkdir(mode=0o700, exist_ok=True)
    found = path.lstat()  # in one look: a link of somebody else's may take its place between two
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.getuid():
        raise UserError("belongs to somebody else", where=str(path))
    path.chmod(0o700)
    return path


def pack(data: Data, home: Path, put: Callable[[np.ndarray], Any]) -> Parcel:
    """A prepared dataset and the user's catalogue entries that it rests on; nothing of one that every node can prepare.

    Raises UserError where it is not there as `data` says.
    """
    name, resolution, fit, digest = data
    home = home.absolute()
    with files_read() as read:
        described = entry(name, home)
    own = [path for path in read if path.parent == user_catalogue(home)]
    if described.sample and not own:
        return {}
    found = open_current(fitted(described, fit), folder(home, name, resolution, fit))
    if not found or found.digest != digest:
        raise UserError("has changed since the study began")
    files = [*own, *(path for path in found.path.iterdir() if not path.name.startswith("."))]
    return {str(path.relative_to(home)): [put(piece) for piece in _pieces(path)] for path in files}


def receive(data: Data, home: Path, ask: Callable[[], Parcel], get: Callable[[Any], np.ndarray]) -> None:
    """Writes a dataset below `home`, unless it is there: one process of the node does, the others wait for it.

    Raises UserError, leaving no dataset behind, where what arrives is not what was sent.
    """
    name, resolution, fit, _ = data
    if _holds(home, data):
        return
    target = folder(home, name, resolution, fit)
    target.parent.mkdir(parents=True, exist_ok=True)
    with FileLock(target.parent / ".lock"):
        if _holds(home, data):
            return
        parcel = ask()
        if not parcel:
            return
        part = target.with_name(f".{target.name}.arriving")
        clear(part)
        try:
            for path, pieces in parcel.items():
                to = home / path
                _write(part / to.name if to.parent == target else to, pieces, get)
            _check(Prepared(part, fitted(entry(name, home), fit)), data)
            replace_folder(part, target)
            note_intact(Prepared(target, fitted(entry(name, home), fit)))
        finally:
            clear(part)


def foundations_named(run: Run) -> list[Foundation]:
    """What a run's recipe stands on."""
    distill, init = run.recipe.get("distill") or {}, run.recipe.get("init") or {}
    found = [("run", distill.get("teacher")), ("run", init.get("run")), ("weights", init.get("weights"))]
    return [(kind, name) for kind, name in found if name]


def pack_foundation(foundation: Foundation, store: Store) -> dict[str, bytes]:
    """The files of what a recipe stands on, by name; none where it is not there, which the run says."""
    kind, name = foundation
    try:
        return store.files(name) if kind == "run" else {name: store.given(name).read_bytes()}
    except OSError:
        return {}


def receive_foundation(foundation: Foundation, store: Store, files: dict[str, bytes]) -> None:
    """Puts the files into a store that lacks them. Raises UserError where they are not what was sent."""
    kind, name = foundation
    if not files or (name in store if kind == "run" else store.given(name).is_file()):
        return
    try:
        if kind == "run":
            store.adopt(name, files)
            return
    except DamagedRunError as damage:
        raise UserError(f"run {name[:12]} was damaged on its way: {damage}") from None
    if sha256(files[name]).hexdigest() != name:
        raise UserError(f"weights {name[:12]} were damaged on their way")
    write_file(store.given(name), files[name])


def own_file(home: Path, source: bytes) -> str:
    """The path of a file of own code with this text, below a home."""
    path = home / "cache" / "own_files" / f"{sha256(source).hexdigest()[:16]}.py"
    if not path.exists():
        write_file(path, source)
    return str(path)


def _holds(home: Path, data: Data) -> bool:
    name, resolution, fit, digest = data
    try:
        found = open_current(fitted(entry(name, home), fit), folder(home, name, resolution, fit))
        if found is None or found.digest != digest:
            return False
        check_intact(found)
    except UserError:
        return False
    return True


def _pieces(path: Path) -> list[np.ndarray]:
    """Views of a file's bytes, read from the disk when they are copied."""
    content = np.asarray(np.memmap(path, np.uint8, mode="r"))
    return [content[start : start + PIECE] for start in range(0, len(content), PIECE)]


def _write(path: Path, pieces: list[Any], get: Callable[[Any], np.ndarray]) -> None:
    with write_atomically(path) as temporary, temporary.open("wb") as file:
        for piece in pieces:
            file.write(get(piece).data)


def _check(arrived: Prepared, data: Data) -> None:
    try:
        check_intact(arrived, thoroughly=True)
    except DamagedDataError as damage:
        raise UserError(f"was damaged on its way: {damage.message}") from None
    if arrived.digest != data[-1]:
        raise UserError("was damaged on its way: it is another dataset")
