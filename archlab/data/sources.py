"""Where a dataset's images are read: a folder, reached by unpacking archives or downloading them first."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

from archlab.data.archives import is_archive, unpack_all, verify
from archlab.data.download import Progress, download
from archlab.data.entries import Archive, Entry
from archlab.foundation import UserError


def find_archives(described: Entry, source: Path | None, folder: Path, progress: Progress | None) -> dict[str, Path]:
    """The entry's archives, by name and verified: at `source` (a folder, or one of them), else downloaded.

    Empty where `source` is an unpacked folder, or the entry has no archives.
    """
    if described.sample and source is not None:
        raise UserError(f"{described.name} comes inside an installed package: nothing is taken from {source}")
    if not described.archives:
        return {}
    if source is None:
        return {archive.file: download(archive, folder / "downloads", progress) for archive in described.archives}
    if not source.exists():
        raise UserError("there is no such file or folder", where=str(source))
    place = source if source.is_dir() else source.parent
    found = {archive.file: _beside(place, archive) for archive in described.archives}
    if not any(path and is_archive(path) for path in found.values()):
        if source.is_dir():
            return {}
        raise UserError(f"expected {', '.join(found)}", where=str(source))
    paths = {}
    for archive in described.archives:
        path = found[archive.file]
        if path is None:
            raise UserError(f"{archive.file} is missing; {described.name} needs it", where=str(place))
        if archive.checksum:
            if progress:
                progress(f"verifying {archive.file}", 0, 1)
            verify(path, archive.checksum)
        paths[archive.file] = path
    return paths


def _beside(place: Path, archive: Archive) -> Path | None:
    return next((place / name for name in (archive.file, *archive.aliases) if (place / name).is_file()), None)


def unpacked(archives: dict[str, Path], folder: Path, progress: Progress | None) -> Path:
    """The folder that holds what `archives` hold; what an interrupted preparation unpacked is used again."""
    target, note = folder / "unpacked", folder / "unpacked.json"
    identity = fingerprint(archives)
    if target.is_dir() and note.exists() and note.read_text(encoding="utf-8") == json.dumps(identity):
        return target
    note.unlink(missing_ok=True)
    if progress:
        progress("unpacking", 0, 1)
    unpack_all(archives, target)
    note.write_text(json.dumps(identity), encoding="utf-8")
    return target


def clear_unpacked(folder: Path) -> None:
    """Removes what `unpacked` left."""
    (folder / "unpacked.json").unlink(missing_ok=True)
    shutil.rmtree(folder / "unpacked", ignore_errors=True)


def fingerprint(archives: dict[str, Path]) -> list[list[str | int]]:
    """Name, size and time of each archive."""
    return [[path.name, path.stat().st_size, path.stat().st_mtime_ns] for path in archives.values()]
