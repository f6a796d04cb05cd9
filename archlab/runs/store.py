"""The store of finished runs: a directory a run, named by its key, written once and never changed."""

from __future__ import annotations

import contextlib
import errno
import logging
import os
import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any
from uuid import uuid4

from archlab.foundation import UserError
from archlab.foundation.files import naming, scratch
from archlab.runs.run import Run
from archlab.runs.stored import (
    CLASS_SCORES,
    DamagedRunError,
    Result,
    read_class_scores,
    read_run,
    verify_run,
    write_run,
)

if TYPE_CHECKING:
    from archlab.training.class_scores import ClassScores

_log = logging.getLogger("archlab")


class Store:
    """Finished runs under `home`, content-addressed: `runs/<first two digits>/<key>/`.

    The directories are the truth. A run is written beside them and renamed into place, so that it is there whole or
    not at all; two writers of one key are harmless, the first stays. Safe on shared network folders: renaming is all
    that it relies on.
    """

    def __init__(self, home: str | Path):
        self.home = Path(home)
        self.runs = self.home / "runs"
        self.partial = self.runs / ".partial"
        self.damaged = self.runs / ".damaged"
        self.bin = self.runs / "bin"
        self.unfinished = self.home / "unfinished"

    def directory(self, key: str) -> Path:
        return self.runs / key[:2] / key

    def __contains__(self, key: str) -> bool:
        return (self.directory(key) / "result.json").exists()

    def keys(self) -> Iterator[str]:
        """The keys of all stored runs, in no order. What is called otherwise is none of archlab's."""
        try:
            groups = [entry.path for entry in os.scandir(self.runs) if len(entry.name) == 2 and entry.is_dir()]
        except FileNotFoundError:
            return
        for group in groups:
            yield from (entry.name for entry in os.scandir(group) if is_key(entry.name))

    def get(self, key: str) -> dict[str, Any] | None:
        """The stored document of a run, or None where it is not stored or damaged (which is logged).

        Keys: format, key, run, metrics, history, mode, seconds, peak_memory, finished, archlab.
        Raises UserError where a newer archlab wrote it.
        """
        if key not in self:
            return None
        try:
            return self.read(key)
        except DamagedRunError as damage:
            _log.warning("warning: stored run %s is damaged and does not count: %s", key[:12], damage)
            return None

    def read(self, key: str) -> dict[str, Any]:
        """The stored document of a run. Raises DamagedRunError and UserError."""
        return read_run(self.directory(key), key)

    def verify(self, key: str) -> None:
        """Reads every byte of a stored run. Raises DamagedRunError and UserError."""
        verify_run(self.directory(key), key)

    def weights(self, key: str) -> Path:
        """The safetensors file of a stored run's weights."""
        return self.directory(key) / "weights.safetensors"

    def given(self, digest: str) -> Path:
        """The safetensors file of weights that trainings start from, by the SHA-256 of what it holds."""
        return self.home / "weights" / f"{digest}.safetensors"

    def class_scores(self, key: str) -> dict[str, ClassScores]:
        """Of a stored run, by split; none where it has kept none. Raises DamagedRunError."""
        return read_class_scores(self.directory(key))

    def keeps_class_scores(self, key: str) -> bool:
        """Whether a stored run has kept its class scores."""
        return (self.directory(key) / CLASS_SCORES).exists()

    def put(self, run: Run, result: Result) -> None:
        """Stores a finished run; one that is stored already stays as it is. Raises OSError, leaving nothing behind."""
        with self._new(run.key) as folder:
            write_run(folder, run, result)

    def files(self, key: str) -> dict[str, bytes]:
        """The files of a stored run, by name, for another store to `adopt`."""
        return {path.name: path.read_bytes() for path in self.directory(key).iterdir()}

    def adopt(self, key: str, files: dict[str, bytes]) -> None:
        """Stores a run from its files. Raises DamagedRunError where they are not what was written."""
        with self._new(key) as folder:
            for name, content in files.items():
                (folder / Path(name).name).write_bytes(content)
            verify_run(folder, key)

    @contextlib.contextmanager
    def _new(self, key: str) -> Iterator[Path]:
        """A folder to write a run's files to; afterwards it is synced and renamed to where it belongs."""
        folder = self.scratch(key)
        folder.mkdir(parents=True)
        try:
            with naming(self.directory(key)):
                yield folder
                for path in [*folder.iterdir(), folder]:
                    _sync(path)
                self._move_into_place(folder, key)
        finally:
            shutil.rmtree(folder, ignore_errors=True)

    def scratch(self, name: str) -> Path:
        """A path beside the runs that nobody else uses; `gc` sees from it whether its process is still there."""
        return scratch(self.partial / name)

    def find(self, prefix: str) -> str:
        """The one key that starts with `prefix`. Raises UserError where there is none, or more than one."""
        prefix = prefix.lower()
        alike = [key for key in self.keys() if key.startswith(prefix[:2])]
        found = sorted(key for key in alike if key.startswith(prefix))
        if len(found) == 1:
            return found[0]
        if found:
            several = ", ".join(key[: len(prefix) + 6] for key in found[:3]) + (", ..." if len(found) > 3 else "")
            raise UserError(f"{len(found)} runs start with {prefix!r}: {several}")
        empty = "" if self.home.is_dir() else f": nothing is stored in {self.home} yet"
        raise UserError(
            f"no stored run starts with {prefix!r}{empty}", name=prefix, known={key[: len(prefix)] for key in alike}
        )

    def _move_into_place(self, folder: Path, key: str) -> None:
        target = self.directory(key)
        target.parent.mkdir(exist_ok=True)
        for _ in range(3):
            try:
                folder.rename(target)
            except OSError as error:
                if error.errno not in (errno.ENOTEMPTY, errno.EEXIST):
                    raise
                if self.get(key) is not None:
                    return
                self.set_aside(key)
            else:
                _sync(target.parent)
                return
        raise OSError(errno.EEXIST, "damaged run cannot be replaced", str(target))

    def set_aside(self, key: str) -> None:
        """Puts a damaged run where it does not count as stored, so that it is computed again."""
        self.damaged.mkdir(exist_ok=True)
        with contextlib.suppress(FileNotFoundError):  # another writer was faster
            self.directory(key).rename(self.damaged / f"{key}.{uuid4().hex[:8]}")


def is_key(name: str) -> bool:
    """Whether that is the name of a run's directory."""
    return re.fullmatch("[0-9a-f]{64}", name) is not None


def _sync(path: Path) -> None:
    """Waits until a file or folder is on the disk, where its file system can say so."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    except OSError as error:
        if error.errno not in (errno.EINVAL, errno.ENOTSUP):  # folders of some network file systems
            raise
    finally:
        os.close(handle)
