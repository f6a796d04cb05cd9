"""Where a dataset's images are read: a folder, reached by unpacking archives or downloading them first."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path

from archlab.data.archives import bare_name, is_archive, unpack_all, verify
from archlab.data.download import Progress, download
from archlab.data.entries import Archive, Entry
from archlab.foundation import UserError, check_file, clear


@dataclass(frozen=True)
class Material:
    """What a dataset is read from: `archives` to unpack and files to copy, by the name that each gets, and `links`, files
    and folders that are read where they are. `missing`: archives of the entry that are not among them; the links may
    hold what is in them. `packed`: whether there is anything to unpack.
    """

    archives: dict[str, Path] = field(default_factory=dict)
    links: tuple[Path, ...] = ()
    missing: tuple[Archive, ...] = ()

    @property
    def packed(self) -> bool:
        return bool(self.archives)

    def fingerprint(self) -> list[list[str | int]]:
        """Name, size and time of each archive, and the paths of the links."""
        found: list[list[str | int]] = []
        for path in self.archives.values():
            found.append([path.name, path.stat().st_size, path.stat().st_mtime_ns])
        return found + [[str(path.absolute())] for path in self.links]


def find_material(described: Entry, source: Path | None, folder: Path, progress: Progress | None) -> Material:
    """The entry's archives, by name and verified: at `source` (a folder, or one of them), else downloaded.

    People also have one archive of another name, archives of other names in a folder of their own, and folders beside
    some of the entry's archives. Nothing to unpack where `source` is an unpacked folder, or the entry has no archives.
    """
    if described.sample and source is not None:
        raise UserError(f"{described.name} comes inside an installed package: nothing is taken from {source}")
    if not described.archives:
        return Material()
    if source is None:
        return Material({a.file: download(a, folder / "downloads", progress) for a in described.archives})
    if not check_file(source).exists():
        raise UserError("there is no such file or folder", where=str(source))
    place = source if source.is_dir() else source.parent
    found = {archive.file: path for archive in described.archives if (path := _beside(place, archive))}
    if not source.is_dir() and source not in found.values():
        if not is_archive(source):
            names = ", ".join(archive.file for archive in described.archives)
            raise UserError(f"expected {names}, or a folder, zip or tar of what is in them", where=str(source))
        return Material({source.name: source})
    packed = any(map(is_archive, found.values()))
    links = _others(place, found) if source.is_dir() and len(found) < len(described.archives) else ()
    folders = any(path.is_dir() for path in links)
    if packed:
        missing = tuple(a for a in described.archives if a.file not in found and is_archive(Path(a.file)))
        if missing and not folders:
            raise UserError(said_missing(missing), where=str(place))
        _verify(described, found, progress)
        return Material(found, links, missing)
    if not source.is_dir():
        raise UserError(said_missing(tuple(a for a in described.archives if a.file not in found)), where=str(place))
    foreign = {bare_name(path): path for path in links if is_archive(path)}
    if folders or not foreign:
        return Material()
    return Material(found | foreign, tuple(path for path in links if not is_archive(path)))


def said_missing(missing: tuple[Archive, ...]) -> str:
    """Which archive is missing, and where it comes from."""
    return f"{missing[0].file} is missing" + (f": it is at {missing[0].url}" if missing[0].url else "")


def _beside(place: Path, archive: Archive) -> Path | None:
    return next((place / name for name in (archive.file, *archive.aliases) if (place / name).is_file()), None)


def _others(place: Path, found: dict[str, Path]) -> tuple[Path, ...]:
    known = set(found.values())
    return tuple(path for path in sorted(place.iterdir()) if path not in known and not path.name.startswith("."))


def _verify(described: Entry, found: dict[str, Path], progress: Progress | None) -> None:
    for archive in described.archives:
        if archive.checksum and archive.file in found:
            if progress:
                progress(f"verifying {archive.file}", 0, 1)
            verify(found[archive.file], archive.checksum)


def unpacked(material: Material, folder: Path, progress: Progress | None) -> Path:
    """The folder that holds the material; what an interrupted preparation unpacked is used again."""
    target, note = folder / "unpacked", folder / "unpacked.json"
    identity = material.fingerprint()
    if target.is_dir() and note.exists() and note.read_text(encoding="utf-8") == json.dumps(identity):
        return target
    note.unlink(missing_ok=True)
    if progress:
        progress("unpacking", 0, 1)
    unpack_all(material.archives, target, material.links)
    note.write_text(json.dumps(identity), encoding="utf-8")
    return target


def clear_unpacked(folder: Path) -> None:
    """Removes what `unpacked` left."""
    (folder / "unpacked.json").unlink(missing_ok=True)
    clear(folder / "unpacked")
