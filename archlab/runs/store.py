"""The store of finished runs: a directory a run, named by its key, written once and never changed."""

from __future__ import annotations

import contextlib
import errno
import json
import logging
import os
import shutil
import socket
from collections.abc import Iterator
from datetime import UTC, datetime
from hashlib import sha256
from importlib.metadata import version
from pathlib import Path
from typing import Any, Protocol
from uuid import uuid4

from archlab.foundation import UserError
from archlab.runs.run import Run, digest

FORMAT = 1
"""Version of the stored form; a store written by a newer one is refused in words."""

FILES = ("run.json", "history.jsonl", "weights.safetensors")

_log = logging.getLogger("archlab")


class Result(Protocol):
    """What training returns, as far as the store cares (`archlab.training.Trained`)."""

    metrics: dict[str, dict[str, float]]
    history: list[dict[str, Any]]
    weights: dict[str, Any]
    mode: dict[str, Any]
    seconds: float
    peak_memory: int | None


class DamagedRunError(Exception):
    """A run's directory is not as it was written."""


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
        self.unfinished = self.home / "unfinished"

    def directory(self, key: str) -> Path:
        return self.runs / key[:2] / key

    def __contains__(self, key: str) -> bool:
        return (self.directory(key) / "result.json").exists()

    def keys(self) -> Iterator[str]:
        """The keys of all stored runs, in no order."""
        try:
            groups = [entry.path for entry in os.scandir(self.runs) if len(entry.name) == 2]
        except FileNotFoundError:
            return
        for group in groups:
            yield from (entry.name for entry in os.scandir(group) if len(entry.name) == 64)

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

    def read(self, key: str, *, history: bool = True) -> dict[str, Any]:
        """The stored document of a run, held against its checksums. Raises DamagedRunError and UserError."""
        folder = self.directory(key)
        result = _parse(_read(folder / "result.json"))
        if not isinstance(result.get("format"), int) or result["format"] > FORMAT:
            raise UserError(
                f"was written by a newer archlab (format {result.get('format')}; this one reads up to {FORMAT})",
                where=str(folder),
            )
        if result.pop("checksum", None) != digest(result):
            raise DamagedRunError("result.json does not have its checksum")
        run_text = _checked(folder / "run.json", result)
        run = _parse(run_text)
        if result["key"] != key or Run.from_document(run).key != key:
            raise DamagedRunError("the directory's name is not the run's key")
        result["run"] = run
        if history:
            result["history"] = [_parse(line) for line in _checked(folder / "history.jsonl", result).splitlines()]
        del result["files"]
        return result

    def verify(self, key: str) -> None:
        """Reads every byte of a stored run. Raises DamagedRunError and UserError."""
        self.read(key)
        folder = self.directory(key)
        _checked(folder / "weights.safetensors", _parse(_read(folder / "result.json")))

    def weights(self, key: str) -> Path:
        """The safetensors file of a stored run's weights."""
        return self.directory(key) / "weights.safetensors"

    def put(self, run: Run, result: Result) -> None:
        """Stores a finished run; one that is stored already stays as it is. Raises OSError, leaving nothing behind."""
        folder = self.partial / f"{run.key}.{socket.gethostname()}.{os.getpid()}.{uuid4().hex[:8]}"
        folder.mkdir(parents=True)
        try:
            _write(folder, run, result)
            self._move_into_place(folder, run.key)
        finally:
            shutil.rmtree(folder, ignore_errors=True)

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
                self._set_aside(key)
            else:
                _sync_folder(target.parent)
                return
        raise OSError(errno.EEXIST, "damaged run cannot be replaced", str(target))

    def _set_aside(self, key: str) -> None:
        self.damaged.mkdir(exist_ok=True)
        with contextlib.suppress(FileNotFoundError):  # another writer was faster
            self.directory(key).rename(self.damaged / f"{key}.{uuid4().hex[:8]}")

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
        raise UserError(
            f"no stored run starts with {prefix!r}", name=prefix, known={key[: len(prefix)] for key in alike}
        )


def _write(folder: Path, run: Run, result: Result) -> None:
    import numpy
    from safetensors.numpy import save_file

    _write_text(folder / "run.json", _text(run.document()))
    _write_text(folder / "history.jsonl", "".join(_text(row) + "\n" for row in result.history))
    weights = {name: numpy.ascontiguousarray(value) for name, value in result.weights.items()}
    save_file(weights, folder / "weights.safetensors")
    document = {
        "format": FORMAT,
        "key": run.key,
        "metrics": result.metrics,
        "mode": result.mode,
        "seconds": result.seconds,
        "peak_memory": result.peak_memory,
        "finished": datetime.now(UTC).isoformat(timespec="seconds"),
        "archlab": version("archlab"),
        "files": {name: sha256((folder / name).read_bytes()).hexdigest() for name in FILES},
    }
    document = json.loads(_text(document))  # the checksum is over what a reader will see
    _write_text(folder / "result.json", _text({**document, "checksum": digest(document)}))
    for name in (*FILES, "result.json"):
        _sync(folder / name)
    _sync_folder(folder)


def _text(value: Any) -> str:
    return json.dumps(value, sort_keys=True, allow_nan=False)


def _write_text(path: Path, text: str) -> None:
    path.write_bytes(text.encode())


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except FileNotFoundError:
        raise DamagedRunError(f"{path.name} is missing") from None


def _parse(text: bytes) -> dict[str, Any]:
    try:
        value = json.loads(text)
    except ValueError:
        value = None
    if not isinstance(value, dict):
        raise DamagedRunError("not a JSON document")
    return value


def _checked(path: Path, result: dict[str, Any]) -> bytes:
    content = _read(path)
    if sha256(content).hexdigest() != result["files"].get(path.name):
        raise DamagedRunError(f"{path.name} does not have its checksum")
    return content


def _sync(path: Path) -> None:
    with path.open("rb") as file:
        os.fsync(file.fileno())


def _sync_folder(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    except OSError as error:
        if error.errno not in (errno.EINVAL, errno.ENOTSUP):  # folders of some network file systems
            raise
    finally:
        os.close(handle)
