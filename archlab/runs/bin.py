"""The bin of a store: finished runs that `gc` has taken away, until they are brought back or the bin is emptied.

`runs/bin/DATE/KEY.NUMBER/` beside the runs, so that a run moves there, and back, by being renamed: it is at one of the two
places at any moment. Nothing that looks for runs looks there.
"""

from __future__ import annotations

import errno
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path
from uuid import uuid4

from archlab.foundation import UserError
from archlab.runs.store import Store, is_key
from archlab.runs.stored import DamagedRunError, verify_run

DAYS = 30  # that a run lies there before the bin is emptied of it


@dataclass(frozen=True)
class Binned:
    """What lies in the bin, under which key it was stored, and since when it is there."""

    path: Path
    key: str
    since: date

    @property
    def days(self) -> int:
        return max((_today() - self.since).days, 0)  # clocks of machines differ


def throw_away(store: Store, path: Path) -> bool:
    """Moves the directory of a run to the bin; False where somebody else has taken it."""
    folder = store.bin / _today().isoformat()
    folder.mkdir(parents=True, exist_ok=True)
    try:
        path.rename(folder / f"{path.name.partition('.')[0]}.{uuid4().hex[:8]}")
    except FileNotFoundError:
        return False
    return True


def thrown_away(store: Store, prefix: str = "") -> list[Binned]:
    """What lies in the bin under keys that start with `prefix`, the latest first. Other things there are nobody's."""
    found = []
    for folder in _folders(store.bin):
        with suppress(ValueError):  # no date
            since = date.fromisoformat(folder.name)
            for path in folder.iterdir():
                key, _, number = path.name.partition(".")
                if number and is_key(key) and key.startswith(prefix.lower()):
                    found.append(Binned(path, key, since))
    return sorted(found, key=lambda binned: (binned.since, binned.path.name), reverse=True)


def restore(store: Store, binned: Binned) -> None:
    """Puts a run back where it was stored. Raises UserError where it is damaged, or another stands in its place."""
    try:
        verify_run(binned.path, binned.key)
    except DamagedRunError as damage:
        raise UserError(f"is damaged: {damage}", where=str(binned.path)) from None
    target = store.directory(binned.key)
    target.parent.mkdir(parents=True, exist_ok=True)
    try:
        binned.path.rename(target)
    except FileNotFoundError:  # another process has it, or has emptied the bin
        if not target.exists():
            raise UserError("is in the bin no longer", where=str(binned.path)) from None
    except OSError as error:
        if error.errno not in (errno.ENOTEMPTY, errno.EEXIST, errno.ENOTDIR):
            raise
        raise UserError("is stored again since", where=str(binned.path)) from None
    with suppress(OSError):  # others lie there
        binned.path.parent.rmdir()


def _folders(folder: Path) -> Iterator[Path]:
    with suppress(FileNotFoundError, NotADirectoryError):
        yield from (path for path in folder.iterdir() if path.is_dir())


def _today() -> date:
    return datetime.now(UTC).date()
