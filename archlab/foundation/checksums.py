"""Checksums of files that lie in one folder, kept beside them: what was damaged is not taken for what was written."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from hashlib import sha256
from pathlib import Path

from archlab.foundation.errors import UserError
from archlab.foundation.files import read_file, write_file
from archlab.foundation.json_files import read_json

CHECKSUMS = "checksums.json"


@contextmanager
def noting_checksums(folder: Path, names: Iterable[str]) -> Iterator[None]:
    """Within, these files of a folder are written; afterwards it is noted what they hold.

    What was noted of them is forgotten first, so that files of which some are new, because they are being written or
    because that was broken off, count as not noted, and not as damaged.
    """
    names = list(names)
    _note(folder, dict.fromkeys(names))
    yield
    _note(folder, {name: _checksum(folder / name) for name in names})


def _note(folder: Path, found: dict[str, str | None]) -> None:
    try:
        noted = _noted(folder)
    except UserError:  # the files are being made anew
        noted = {}
    noted = {name: checksum for name, checksum in (noted | found).items() if checksum}
    write_file(folder / CHECKSUMS, json.dumps(noted, indent=1))


def changed_files(folder: Path) -> list[str]:
    """Names of the noted files that do not hold what was noted; none of a folder in which nothing was."""
    try:
        return [name for name, checksum in _noted(folder).items() if _checksum(folder / name) != checksum]
    except UserError:
        return [CHECKSUMS]


def _noted(folder: Path) -> dict[str, str]:
    try:
        noted = read_json(folder / CHECKSUMS)
    except FileNotFoundError:
        return {}
    if not isinstance(noted, dict) or any("/" in name or "\0" in name for name in noted):
        raise UserError("holds no checksums", where=str(folder / CHECKSUMS))
    return noted


def _checksum(path: Path) -> str | None:
    try:
        return sha256(read_file(path)).hexdigest()
    except (OSError, ValueError):  # it is no file, or its name is none
        return None
