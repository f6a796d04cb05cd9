"""What may be removed from a store, and removing it: finished runs go to the bin, the rest at once."""

from __future__ import annotations

import os
import re
import shutil
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from archlab.foundation.files import clear, scratch, writer_of
from archlab.foundation.machine import host_of_processes, is_alive
from archlab.runs.bin import throw_away, thrown_away
from archlab.runs.index import VERSION, of_old_code, read_rows
from archlab.runs.lock import lock
from archlab.runs.standing import needed
from archlab.runs.store import Store, is_key

OLD = 24 * 3600.0  # seconds after which another machine's unfinished writing counts as left behind
_WRITING = re.compile(r"\..+\.part(\.aside)?|\..+\.arriving|unpacked\.part|\.(?P<replaced>.+)\.old")
_INDEX = re.compile(r"runs\.v(\d{1,9})\.\w+")


@dataclass(frozen=True)
class Leftover:
    """A folder or file that nothing needs any more, why, and its size in bytes; `is_run`: a finished run, which goes to the
    bin; `needed_by`: who stands on it all the same, so that it stays."""

    path: Path
    why: str
    size: int
    is_run: bool = False
    needed_by: str | None = None


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
    found += [(path, "index of an older archlab") for path in _entries(store.home / "cache") if _is_old_index(path)]
    for path in _entries(store.unfinished):
        if not is_key(path.name):
            continue
        if path.name in store:
            found.append((path, "checkpoint of a finished run"))
        elif unfinished:
            found.append((path, "checkpoint of an unfinished run"))
    finished = [(path, "damaged run") for path in _entries(store.damaged) if is_key(path.name.partition(".")[0])]
    if old_code:
        rows, _ = read_rows(store, store.keys())  # the directories decide, and no index
        finished += [(store.directory(key), "run of another version of the code") for key in of_old_code(store, rows)]
    if without_class_scores:
        finished += [
            (store.directory(key), "run that keeps no class scores")
            for key in list(store.keys())
            if not store.keeps_class_scores(key)
        ]
    rest = [Leftover(path, why, size_of(path)) for path, why in dict(found).items()]
    stays = needed(store, {path.name for path, _ in finished}) if old_code or without_class_scores else {}
    return rest + [
        Leftover(path, why, size_of(path), is_run=True, needed_by=stays.get(path.name))
        for path, why in dict(finished).items()
    ]


def in_bin(store: Store, days: int) -> list[Leftover]:
    """What has lain in the bin for so many days."""
    return [
        Leftover(binned.path, f"in the bin since {binned.since}", size_of(binned.path))
        for binned in thrown_away(store)
        if binned.days >= days
    ]


def remove(store: Store, leftover: Leftover) -> bool:
    """Removes a leftover, unless it is needed or a process is at work there. A stored run goes to the bin in one step.

    Raises OSError where it must not be removed, as another user's.
    """
    path = leftover.path
    if leftover.needed_by:
        return False
    if leftover.is_run:
        return throw_away(store, path)
    if path.parent == store.unfinished:
        with lock(path) as held:
            if held:
                shutil.rmtree(path, ignore_errors=True)
            return held
    grave = _grave(store, path)
    try:
        path.rename(grave)
    except FileNotFoundError:  # somebody else has
        return False
    clear(grave)
    if path.parent.parent == store.bin:
        with suppress(OSError):  # others lie there
            path.parent.rmdir()
    return True


def _grave(store: Store, path: Path) -> Path:
    """Where it can be renamed to, and is found again; what lies beside `runs` may be a link to another disk."""
    if not path.is_relative_to(store.runs):
        return scratch(path.with_name("removed"))
    store.partial.mkdir(parents=True, exist_ok=True)
    return store.scratch("removed")


def size_of(path: Path) -> int:
    """Bytes of a file, or of all files below a folder; what is gone meanwhile, or leads elsewhere, has none."""
    total = 0
    for file in (path, *_below(path)):
        with suppress(OSError):
            total += file.lstat().st_size if file.is_file() else 0
    return total


def _below(folder: Path) -> Iterator[Path]:
    """All files and folders below a folder, as far as they can be read and are still there."""
    for place, folders, files in os.walk(folder):
        yield from (Path(place, name) for name in (*folders, *files))


def _entries(folder: Path) -> Iterator[Path]:
    return folder.iterdir() if folder.is_dir() else iter(())


def _written(store: Store) -> Iterator[Path]:
    """What is being written, or was: everything beside the runs, and what has a name for the time of writing."""
    yield from _entries(store.partial)
    for folder in ("boards", "cache", "datasets", "studies", "weights"):
        yield from (path for path in _below(store.home / folder) if _WRITING.fullmatch(path.name))


def _is_abandoned(path: Path) -> bool:
    """Whether whoever wrote there is gone. What is not called as archlab calls such things may be the file system's own."""
    host, pid = writer_of(path) or (None, 0)
    if host == host_of_processes():
        return not is_alive(pid)
    named = _WRITING.fullmatch(path.name)
    if named and (replaced := named["replaced"]):  # all that there is of it where nothing has taken its place
        return path.is_dir() and os.path.lexists(path.with_name(replaced))
    with suppress(OSError):  # whoever wrote has just finished, or lets nobody look
        written = max(each.lstat().st_mtime for each in (path, *path.glob("*")))  # files that grow date no folder
        return named is not None and time.time() - written > OLD
    return False


def _is_old_index(path: Path) -> bool:
    named = _INDEX.fullmatch(path.name)
    return named is not None and int(named[1]) < VERSION and path.is_file()
