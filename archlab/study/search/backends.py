"""Where a search keeps its trials: a journal file that no crash or full disk spoils, or a database that may restart."""

from __future__ import annotations

import fcntl
import functools
import json
import logging
import os
import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from optuna.exceptions import StorageInternalError
from optuna.storages import BaseStorage, JournalStorage, RDBStorage
from optuna.storages.journal import JournalFileBackend, JournalFileSymlinkLock

from archlab.foundation import UserError, read_file, write_file

_log = logging.getLogger("archlab")

JOURNAL = "journal.log"  # in the folder of a search
OPENINGS = 5
PATIENCE = 600.0  # seconds that a database has to come back
PAUSE = 1.0  # between two attempts
ENTRY = b'{"op_code"'  # how one begins in a journal


def open_storage(url: str | Path | None, folder: Path) -> BaseStorage:
    """The storage at a URL, else a journal file in the folder. Raises UserError where it cannot be opened."""
    if url is None or "://" not in str(url):
        path = Path(url or folder / JOURNAL).absolute()
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            return JournalStorage(Journal(path))
        except OSError as error:
            raise UserError(f"cannot open the storage: {error.strerror}", where=str(path)) from None
    return _open_database(str(url))


class Journal(JournalFileBackend):
    """Optuna's journal file, with a lock that the kernel frees when its holder dies, and whole lines whatever happens.

    What a crash or a full disk has left of a line is taken out before anything is appended; the file as it was is kept
    beside it. Raises UserError for a file of something else, which is left alone.
    """

    def __init__(self, path: Path):
        self.path = path
        if path.exists() and not _is_journal(read_file(path)):
            raise UserError("holds something else than the trials of a search", where=str(path))
        super().__init__(str(path))
        with self._alone():
            self._repair()

    def append_logs(self, logs: list[dict[str, Any]]) -> None:
        """Raises OSError, leaving the file as it was, where they cannot be written."""
        lines = "".join(json.dumps(log, separators=(",", ":")) + "\n" for log in logs).encode()
        with self._alone():
            if not self._ends_whole():
                self._repair()
            with self.path.open("ab", buffering=0) as file:
                size = file.tell()
                try:
                    _write(file.fileno(), lines)
                except OSError:
                    file.truncate(size)
                    raise

    @contextmanager
    def _alone(self) -> Iterator[None]:
        """No other process writes meanwhile."""
        with Path(f"{self.path}.flock").open("ab") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX)
            except OSError:  # a file system without such locks
                lock = JournalFileSymlinkLock(str(self.path))
                lock.acquire()
                try:
                    yield
                finally:
                    lock.release()
                return
            yield

    def _ends_whole(self) -> bool:
        with self.path.open("rb") as file:
            if file.seek(0, os.SEEK_END) == 0:
                return True
            file.seek(-1, os.SEEK_END)
            return file.read(1) == b"\n"

    def _repair(self) -> None:
        """Takes out what is no whole line. Nobody has read beyond that."""
        lines = self.path.read_bytes().splitlines(keepends=True)
        whole = [kept for line in lines if (kept := _entry_of(line))]
        if whole == lines:
            return
        copy = self.path.with_name(f"{self.path.name}.damaged-{time.strftime('%Y%m%d-%H%M%S')}")
        shutil.copyfile(self.path, copy)
        write_file(self.path, b"".join(whole))
        _log.warning(
            "warning: %s had a line that was not written to its end: repaired, and kept as %s", self.path, copy
        )


def _is_journal(content: bytes) -> bool:
    """Whether there is an entry in it, or no more than what a crash may leave of the first."""
    return ENTRY in content or ENTRY.startswith(content.strip(b"\0"))


def _entry_of(line: bytes) -> bytes | None:
    """The journal's entry in a line: all of it, or what was appended to a half one; None where there is no whole one."""
    start = 0
    while start >= 0:
        try:
            if line.endswith(b"\n") and isinstance(json.loads(line[start:]), dict):
                return line[start:]
        except ValueError:
            pass
        start = line.find(ENTRY, start + 1)
    return None


def _write(descriptor: int, content: bytes) -> None:
    while content:
        content = content[os.write(descriptor, content) :]
    os.fsync(descriptor)


def _open_database(url: str) -> BaseStorage:
    from sqlalchemy.engine import make_url
    from sqlalchemy.exc import ArgumentError, IntegrityError, ProgrammingError

    try:
        parsed = make_url(url)
    except (ArgumentError, ValueError):
        kind = url.partition("://")[0]  # what follows may hold a password
        raise UserError(f"--storage {kind}://... is not the URL of a database") from None
    if parsed.drivername == "postgresql":  # which driver that means depends on SQLAlchemy's version
        parsed = parsed.set(drivername="postgresql+psycopg")
    for patience in reversed(range(OPENINGS)):
        try:
            return _Database(parsed.render_as_string(hide_password=False), engine_kwargs={"pool_pre_ping": True})
        except ImportError as error:
            driver = getattr(error.__cause__ or error, "name", None) or parsed.drivername
            remedy = ": pip install 'archlab[postgresql]'" if driver == "psycopg" else ""
            raise UserError(f"--storage {parsed.get_backend_name()} needs the package {driver}{remedy}") from None
        except Exception as error:
            if patience and isinstance(error, (IntegrityError, ProgrammingError)):
                time.sleep(PAUSE)  # another process is creating the tables
                continue
            first = " ".join(str(error).split()).partition(" (Background on")[0]
            raise UserError(f"cannot open the storage: {first}") from None
    raise AssertionError


def _patient(method: Callable[..., Any]) -> Callable[..., Any]:
    """The method of a storage, tried again for up to PATIENCE while the database does not answer."""

    @functools.wraps(method)
    def call(*arguments: Any, **more: Any) -> Any:
        from sqlalchemy.exc import InterfaceError, OperationalError

        deadline = None
        while True:
            try:
                return method(*arguments, **more)
            except (StorageInternalError, InterfaceError, OperationalError) as error:
                reason = error.__cause__ if isinstance(error, StorageInternalError) else error
                if not isinstance(reason, (InterfaceError, OperationalError)):
                    raise
                if deadline is None:
                    deadline = time.monotonic() + PATIENCE
                    _log.warning("warning: the database of the search does not answer; it is waited for")
                elif time.monotonic() > deadline:
                    raise UserError(
                        f"the database of the search does not answer: {' '.join(str(reason).split())}"
                    ) from None
                time.sleep(PAUSE)

    return call


class _Database(RDBStorage):
    """Optuna's storage in a database, which is waited for where it restarts."""


_BEHIND_THE_CACHE = ("_create_new_trial", "_set_trial_param", "_get_best_trial_id", "_get_trials")  # called by Optuna's

for _name in (*(name for name in vars(BaseStorage) if not name.startswith("_")), *_BEHIND_THE_CACHE):
    setattr(_Database, _name, _patient(getattr(RDBStorage, _name)))
