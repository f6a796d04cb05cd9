"""What may be removed from a store, and removing it."""

from __future__ import annotations

import shutil
import socket
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from archlab.foundation.files import writer_of
from archlab.foundation.machine import is_alive
from archlab.runs.index import of_old_code, read_rows
from archlab.runs.lock import lock
from archlab.runs.store import Store, is_key

OLD = 24 * 3600.0  # seconds after which another machine's unfinished writing counts as left behind


@dataclass(frozen=True)
class Leftover:
    """A folder or file that nothing needs any more, why, and its size in bytes."""

    path: Path
    why: str
    size: int


def leftovers(
    store: Store, *, unfinished: bool = False, old_code: bool = False, without_class_scores: bool = False
) -> list[Leftover]:
    """What crashes and finished runs have left behind.

    Args:
        unfinished: Also the checkpoints of runs that have not finished; they will start from the beginning.
        old_code: Also the runs of other versions of the code that would decide them now; see `of_old_code`.
        without_class_scores: Also the runs that keep no class scores, so that few metrics are known of them.
    """
    found = [(path, "writing was interrupted") for path in _written(store) if _is_abandoned(path)]
    found += [(path, "was damaged, and computed again") for path in _entries(store.damaged)]
    for path in _entries(store.unfinished):
        if not is_key(path.name):
            continue
        if path.name in store:
            found.append((path, "checkpoint of a finished run"))
        elif unfinished:
            found.append((path, "checkpoint of an unfinished run"))
    if old_code:
        rows, _ = read_rows(store, store.keys())  # the directories decide, and no index
        found += [(store.directory(key), "run of another version of the code") for key in of_old_code(store, rows)]
    if without_class_scores:
        found += [
            (store.directory(key), "run that keeps no class scores")
            for key in list(store.keys())
            if not store.keeps_class_scores(key)
        ]
    return [Leftover(path, why, _size(path)) for path, why in dict(found).items()]


def remove(store: Store, leftover: Leftover) -> bool:
    """Removes a leftover, unless a process is at work there. A stored run vanishes in one step."""
    path = leftover.path
    if path.parent == store.unfinished:
        with lock(path) as held:
            if held:
                shutil.rmtree(path, ignore_errors=True)
            return held
    store.partial.mkdir(parents=True, exist_ok=True)
    grave = store.scratch("removed")
    try:
        path.rename(grave)
    except FileNotFoundError:  # somebody else has
        return False
    if grave.is_dir():
        shutil.rmtree(grave, ignore_errors=True)
    else:
        grave.unlink()
    return True


def _entries(folder: Path) -> Iterator[Path]:
    return folder.iterdir() if folder.exists() else iter(())


def _written(store: Store) -> Iterator[Path]:
    """What is being written, or was: everything beside the runs, and files with a name for the time of writing."""
    yield from _entries(store.partial)
    for folder in ("cache", "datasets", "studies"):
        yield from (store.home / folder).rglob(".*.part")


def _is_abandoned(path: Path) -> bool:
    """Whether whoever wrote there is gone. What is not called as archlab calls such things may be the file system's own."""
    host, pid = writer_of(path) or (None, 0)
    if host == socket.gethostname():
        return not is_alive(pid)
    return path.suffix == ".part" and time.time() - path.stat().st_mtime > OLD


def _size(path: Path) -> int:
    return sum(file.stat().st_size for file in (path, *path.rglob("*")) if file.is_file())
