"""Unpacking what others have packed: verified first, every path and size checked, and all or nothing."""

from __future__ import annotations

import calendar
import hashlib
import lzma
import os
import shutil
import tarfile
import zipfile
import zlib
from collections.abc import Iterable, Iterator
from pathlib import Path, PureWindowsPath
from typing import IO, Self

from archlab.foundation import UserError, check_file, clear

SUFFIXES = (".zip", ".tar", ".tar.gz", ".tgz", ".tar.bz2", ".tar.xz")
MOST_MEMBERS = 5_000_000
_FREE_BYTES = 64 * 2**20  # an archive may unpack to this much,
_RATIO = 20  # and to this many times its own size: images hardly shrink, a bomb shrinks a thousandfold
_LONGEST_HEADER = 2**20
_BLOCK = 2**20

_DAMAGED = (
    tarfile.TarError,
    zipfile.BadZipFile,
    zlib.error,
    lzma.LZMAError,
    EOFError,
    OSError,
    NotImplementedError,
    ValueError,  # of a name that is no text
)

Member = tuple[str, int, float, IO[bytes] | None]  # path, bytes, seconds since 1970, content (None: a folder)


def is_archive(path: Path) -> bool:
    return path.name.lower().endswith(SUFFIXES)


def verify(path: Path, checksum: str) -> None:
    """Raises UserError where the file is not the one that `checksum` (`md5:...` or `sha256:...`) belongs to."""
    algorithm, expected = checksum.split(":")
    try:
        with check_file(path).open("rb") as file:
            found = hashlib.file_digest(file, algorithm).hexdigest()
    except OSError as error:
        raise UserError(f"cannot be read: {error.strerror}", where=str(path)) from None
    if found != expected:
        raise UserError(
            f"the {algorithm} checksum is {found}, published is {expected}: damaged or not the original",
            where=str(path),
        )


def unpack(path: Path, target: Path, most: int | None = None) -> int:
    """Unpacks a zip or tar archive into the folder `target`, which exists; gives how many bytes were left of `most`.

    `most`: bytes that it may unpack to; None: what its own size allows.

    Raises UserError for a damaged archive, a path that leads out of it, anything but plain files and folders, and a
    size out of all proportion. What was unpacked until then stays: unpack into a folder that can be thrown away.
    """
    left = _FREE_BYTES + _RATIO * check_file(path).stat().st_size if most is None else most
    members = _zip_members(path) if _is_zip(path) else _tar_members(path, left)
    try:
        for count, (name, size, time, content) in enumerate(members):
            place = target / _inside(name, path)
            if count >= MOST_MEMBERS:
                raise UserError(f"holds more than {MOST_MEMBERS:,} files and folders: refused", where=str(path))
            if content is None:
                place.mkdir(parents=True, exist_ok=True)
                continue
            if size > left:
                raise UserError(f"unpacks to more than {_RATIO} times its size: refused", where=str(path))
            left -= size
            place.parent.mkdir(parents=True, exist_ok=True)
            with place.open("xb") as file:
                shutil.copyfileobj(content, file, _BLOCK)  # no more than `size`: both formats see to that
            _date(place, time)
    except UserError:
        raise
    except FileExistsError:
        raise UserError(f"holds {name!r} twice, or a file and a folder of one name: refused", where=str(path)) from None
    except _DAMAGED as error:
        if isinstance(error, OSError) and error.errno:
            raise UserError(f"cannot be unpacked: {error.strerror}", where=str(path)) from None
        raise UserError(f"is damaged or cut short: {error or type(error).__name__}", where=str(path)) from None
    return left


def _is_zip(path: Path) -> bool:
    """Whether it is one, and not a tar that ends with one."""
    if not zipfile.is_zipfile(path):
        return False
    with path.open("rb") as file:
        return file.read(tarfile.BLOCKSIZE)[257:262] != b"ustar"


def _inside(name: str, archive: Path) -> Path:
    path = PureWindowsPath(name)  # which knows either slash, and drives
    if path.anchor or ".." in path.parts or "\0" in name:
        raise UserError(f"holds a path that leads out of it, {name!r}: refused", where=str(archive))
    return Path(*path.parts)


def _date(place: Path, time: float) -> None:
    try:
        os.utime(place, (time, time))
    except (OverflowError, ValueError, OSError):  # a time that this system cannot hold
        os.utime(place, (0, 0))


def _zip_time(member: zipfile.ZipInfo) -> int:
    try:
        return calendar.timegm((*member.date_time, 0, 0, 0))
    except ValueError:  # packed without a date: month 0
        return 0


def _zip_members(path: Path) -> Iterator[Member]:
    with zipfile.ZipFile(path) as archive:
        for member in archive.infolist():
            if member.filename.endswith(("/", "\\")):  # the latter as Windows packs them
                yield member.filename, 0, 0, None
                continue
            if (member.external_attr >> 28) not in (0, 8):  # the kind of file, where Unix packed it: 8 is a plain one
                raise UserError(f"holds {member.filename!r}, a link or a device: refused", where=str(path))
            if member.flag_bits & 1:
                raise UserError("is encrypted", where=str(path))
            with archive.open(member) as content:
                yield member.filename, member.file_size, _zip_time(member), content


def _tar_members(path: Path, most: int) -> Iterator[Member]:
    """`most`: bytes that all headers together may have."""

    class Header(tarfile.TarInfo):
        left = most

        @classmethod
        def frombuf(cls, buf: bytes | bytearray, encoding: str, errors: str) -> Self:
            header = super().frombuf(buf, encoding, errors)
            extension = 0 if header.isreg() else header.size  # a long name, or what else is told of the next member
            Header.left -= tarfile.BLOCKSIZE + extension
            if extension > _LONGEST_HEADER or Header.left < 0:
                raise UserError("has headers out of all proportion: refused", where=str(path))
            return header

    with tarfile.open(path, "r|*", tarinfo=Header) as archive:
        for member in archive:
            archive.members.clear()  # type: ignore[attr-defined]  # it would keep them all
            if member.isdir():
                yield member.name, 0, 0, None
            elif member.isreg():
                content = archive.extractfile(member)
                assert content is not None
                yield member.name, member.size, member.mtime, content
            else:
                raise UserError(f"holds {member.name!r}, a link or a device: refused", where=str(path))


def unpack_all(archives: dict[str, Path], target: Path, links: Iterable[Path] = ()) -> None:
    """Unpacks archives (and copies other files) into one new folder; it appears whole or not at all.

    The keys of `archives` are the names that the copies get; an archive goes into a folder of that name where the key
    is none of an archive. Archives inside are unpacked where they are, once. `links`: files and folders that are linked
    to under their names, where nothing unpacked is called so.
    """
    part = target.with_name(target.name + ".part")
    clear(part)
    part.mkdir(parents=True)
    try:
        for name, archive in archives.items():
            if is_archive(archive):
                place = part if is_archive(Path(name)) else part / name
                place.mkdir(exist_ok=True)
                left = unpack(archive, place)
                _unpack_inner(place, archive, left)
            else:
                shutil.copy2(archive, part / name)
        for path in links:
            if not (part / path.name).exists():
                (part / path.name).symlink_to(path.absolute())
        clear(target)
        part.rename(target)
    finally:
        clear(part)


def _unpack_inner(place: Path, outer: Path, left: int) -> None:
    """Unpacks archives below `place`, each into a folder of its name, out of what is `left` to the outer one."""
    for inner in sorted(path for path in place.rglob("[!.]*") if is_archive(path) and path.is_file()):
        inside = inner.with_name(bare_name(inner))
        inside.mkdir(exist_ok=True)
        try:
            left = unpack(inner, inside, left)
        except UserError as error:
            raise UserError(f"{inner.name} in it {error.message}", where=str(outer)) from None
        inner.unlink()


def bare_name(path: Path) -> str:
    """The name of an archive without its suffix."""
    return next(path.name[: -len(suffix)] for suffix in SUFFIXES if path.name.lower().endswith(suffix))
