"""Who works on a run: a lock on its folder that the kernel frees when the process dies."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path


@contextmanager
def lock(folder: Path) -> Iterator[bool]:
    """Whether this process holds the folder (made where missing); the kernel frees it when the process dies.

    The lock is the process's own: what it starts does not inherit it, and nothing else in the process may open the file
    meanwhile. On a file system that cannot lock, everyone holds it: two processes may then compute one run, which is a
    waste but no harm.
    """
    while True:
        handle = _open_lock(folder)
        try:
            held = _take(handle)
            if held and not _is_there(folder, handle):
                continue  # its last holder removed the folder between the two steps
            yield held
            return
        finally:
            os.close(handle)
            with suppress(OSError):  # NFS has kept a folder that was emptied as long as its lock was open
                folder.rmdir()


def _open_lock(folder: Path) -> int:
    while True:
        folder.mkdir(parents=True, exist_ok=True)
        try:
            return os.open(folder / "lock", os.O_RDWR | os.O_CREAT, 0o666)
        except FileNotFoundError:  # its last holder has just finished, and removed the folder
            continue


def _take(handle: int) -> bool:
    try:
        fcntl.lockf(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except (BlockingIOError, PermissionError):
        return False
    except OSError:
        return True
    return True


def _is_there(folder: Path, handle: int) -> bool:
    try:
        return os.path.samestat((folder / "lock").stat(), os.fstat(handle))
    except FileNotFoundError:
        return False
