"""The images that a table names: by path, by file name, or by an id without a suffix, as medical tables do."""

from __future__ import annotations

import filecmp
import os
import re
import unicodedata
from collections.abc import Iterator, Sequence
from functools import cached_property
from pathlib import Path

from archlab.data.readers.places import images_below, is_image
from archlab.foundation import UserError

_ELSEWHERE = re.compile(r"/|\w+:/")  # /data/upload/3/, s3://bucket/, C:/Users/
_UPLOADED = re.compile(r"(?<![^/])[0-9a-f]{8}-(?=[^/]+\Z)")  # Label Studio writes it before the name of a file


class ImageFinder:
    """Finds images below `folder`; paths in names are relative to it, or to one of `bases`, folders below it, the first
    of which counts where several images are called alike."""

    def __init__(self, folder: Path, bases: Sequence[Path] = ()):
        self.folder, self.bases = folder, [os.path.relpath(base, folder) for base in bases]
        self.unreadable: list[UserError] = []  # folders

    def find(self, name: str) -> str | None:
        """The path of the image below the folder; None where there is none.

        An accent and the suffix (`.JPG`) may be written in either way, and folders be parted by backslashes. Raises UserError
        where several images are called so, and are not copies of each other.
        """
        paths = [name, *(os.path.join(base, name) for base in self.bases)]  # noqa: PTH118 (there are many)
        for path in paths:
            if os.path.isfile(os.path.join(self.folder, path)):  # noqa: PTH113, PTH118
                return os.path.normpath(path)
        found = next((called for path in paths if (called := self._index.get(_spelled(os.path.normpath(path))))), [])
        if not found and "\\" in name:
            return self.find(name.replace("\\", "/"))
        found = next((near for base in self.bases if (near := _directly_in(base, found))), found)
        for other in found[1:]:
            if not filecmp.cmp(self.folder / found[0], self.folder / other, shallow=False):
                raise UserError(f"{name!r} may be {found[0]} or {other}: write the path", where=str(self.folder))
        return found[0] if found else None

    @cached_property
    def _index(self) -> dict[str, list[str]]:
        """Paths by all that a table may call them: less their suffix, and less their folders."""
        index: dict[str, list[str]] = {}
        for path in images_below(self.folder, linked=True, unreadable=self.unreadable)[0]:
            below = path.removeprefix(f"{self.folder}{os.sep}")
            stem = below.rpartition(".")[0]
            names = (below, stem, os.path.basename(below), os.path.basename(stem))  # noqa: PTH119
            for name in set(map(_spelled, names)):
                index.setdefault(name, []).append(below)
        return index


def _spelled(name: str) -> str:
    """The name with an accent written in one way, as one character with its letter, which macOS takes apart, and the suffix of
    an image in small letters."""
    stem, dot, suffix = unicodedata.normalize("NFC", name).rpartition(".")
    return f"{stem}{dot}{suffix.lower() if is_image(name) else suffix}"


def _directly_in(base: str, paths: list[str]) -> list[str]:
    return [path for path in paths if os.path.dirname(path) == base]  # noqa: PTH120


def find_all(finder: ImageFinder, names: Sequence[str], table: Path) -> tuple[list[str], tuple[str, ...]]:
    """The path of every image, or its name where there is none, and notes: how many are not there, and what stands for the
    folder that all are in elsewhere, where nothing is there.

    Raises UserError where none is there.
    """
    notes: list[str] = []
    found = [finder.find(name) for name in names]
    for elsewhere, below in _below(names) if not any(found) else ():
        found = [finder.find(name) or finder.find(_UPLOADED.sub("", name)) for name in below]
        if any(found):
            notes.append(f"what {table.name} has in {elsewhere} is taken from {finder.folder}")
            break
    missing = [name for name, path in zip(names, found, strict=True) if path is None]
    if names and len(missing) == len(names):
        raise UserError(
            f"none of its images is below {finder.folder}, {names[0]!r} the first{_unreadable(finder)}",
            where=str(table),
        )
    if missing:
        told = f"{len(missing):,} of {len(names):,} images are not there, {missing[0]!r} the first"
        notes.append(f"{told}{_unreadable(finder)}")
    return [path or name for name, path in zip(names, found, strict=True)], tuple(notes)


def _below(names: Sequence[str]) -> Iterator[tuple[str, list[str]]]:
    """The folders, from the outermost on, that all images are in on another machine, and the names below each: of
    `s3://bucket/scans/1.jpg`, `/data/upload/3/1.jpg` and `C:\\scans\\1.jpg`."""
    slashed = [name.replace("\\", "/") for name in names]
    if not (slashed and all(map(_ELSEWHERE.match, slashed))):
        return
    first = slashed[0]
    for at, letter in enumerate(first, start=1):
        if letter == "/" and all(name.startswith(first[:at]) for name in slashed):
            yield first[:at], [name[at:] for name in slashed]


def _unreadable(finder: ImageFinder) -> str:
    return f"; {finder.unreadable[0]}" if finder.unreadable else ""
