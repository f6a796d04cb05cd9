"""What lies below the folder that a user names: people unpack archives one folder deeper or higher."""

from __future__ import annotations

import errno
import os
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from archlab.data.formats import HEIC, WITH_HEIC, suffixes
from archlab.foundation import UserError
from archlab.foundation.words import counted, first_of

DEEPEST = 5  # levels of folders that are looked at, the named one among them
_MOST = 1000  # folders of a level
_MOST_KINDS = 5  # of files that are told
_NAS = ("@eaDir", "#recycle", "#snapshot", "@Recycle", "@Recently-Snapshot")  # Synology's and QNAP's
_SYSTEMS = (*_NAS, "lost+found", "$RECYCLE.BIN", "System Volume Information")
_HIDDEN = (".", "__", *_SYSTEMS)  # also what macOS puts into an archive, __MACOSX
_TOOLS = (".git", ".svn", ".hg", ".ipynb_checkpoints", ".thumb", ".cache", ".venv", ".archlab", "__pycache__")
_MACOS = ("__MACOSX", ".Trash", ".Spotlight", ".fseventsd", ".TemporaryItems", ".DocumentRevisions")
_SILENT = (*_TOOLS, *_MACOS, *_SYSTEMS)  # left out without a word
_PACKED = (".zip", ".tar", ".tgz", ".gz", ".7z", ".rar")
_ARRAYS = (".npy", ".npz", ".h5", ".hdf5", ".mat", ".pkl")
_TABLES = (".csv", ".tsv", ".jsonl", ".labels", ".manifest")
_PHOTOGRAPHS = (".avif", ".jxl", ".dng", ".cr2", ".cr3", ".nef", ".arw")  # as cameras and converters write
_LITTER = ("thumbs.db", "ehthumbs.db", "desktop.ini")  # that Windows leaves in folders of images


def levels(root: Path | None) -> Iterator[Path]:
    """`root` and the folders below it, breadth first."""
    assert root is not None, "the caller has a source"
    level = [root]
    for _ in range(DEEPEST):
        yield from level
        level = [below for folder in level for below in folders(folder)][:_MOST]


def find(root: Path | None, *needed: str) -> Path | None:
    """The first folder at or below `root` that holds every path of `needed`; None where there is none."""
    return next((folder for folder in levels(root) if all((folder / path).exists() for path in needed)), None)


def locate(root: Path | None, *needed: str) -> Path:
    """As `find`. Raises UserError that lists what is needed where there is no such folder."""
    found = find(root, *needed)
    if found is None:
        raise UserError(f"no folder here holds {' and '.join(needed)}", where=str(root))
    return found


def folders(folder: Path) -> list[Path]:
    """The folders directly in `folder`, in order, without hidden ones. Raises UserError where it cannot be read."""
    return sorted(Path(entry) for entry in within(folder) if not entry.name.startswith(_HIDDEN) and _is_folder(entry))


def hidden_folders(folder: Path) -> list[Path]:
    """Those directly in `folder`, in order, without what a system or a tool keeps there."""
    hidden = (entry for entry in within(folder) if entry.name.startswith(_HIDDEN))
    return sorted(Path(entry) for entry in hidden if not entry.name.startswith(_SILENT) and _is_folder(entry))


def broken_links(folder: Path) -> list[str]:
    """Links directly in `folder`, in order, that lead nowhere."""
    links = (entry.path for entry in within(folder) if entry.is_symlink() and not entry.name.startswith(_HIDDEN))
    return sorted(link for link in links if not os.path.exists(link))  # noqa: PTH110


def holds_images(folder: Path) -> bool:
    """Whether an image lies directly in `folder`."""
    return any(is_image(entry.name) for entry in within(folder))


def within(folder: Path) -> Iterator[os.DirEntry[str]]:
    """What lies directly in `folder`. Raises UserError where it cannot be read."""
    try:
        with os.scandir(folder) as entries:
            yield from entries
    except OSError as error:
        raise _unreadable(error) from None


def _is_folder(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_dir()
    except OSError as error:
        if error.errno == errno.ELOOP:
            return False
        raise _unreadable(error) from None


def _unreadable(error: OSError) -> UserError:
    return UserError(f"cannot be read: {error.strerror}", where=str(error.filename))


def is_image(name: str) -> bool:
    return name.lower().endswith(suffixes()) and not name.startswith(".")


def is_table(name: str) -> bool:
    return name.lower().endswith(_TABLES)


def images_below(
    folder: str | Path,
    hidden: tuple[str, ...] = _HIDDEN,
    *,
    linked: bool = False,
    unreadable: list[UserError] | None = None,
) -> tuple[list[str], list[str]]:
    """Paths of images at any depth, in order, and of other files.

    `hidden`: how folders begin that are left out. `linked`: links to folders are followed, but for those to a folder that is
    read already or that holds the link. `unreadable`: collects the folders that cannot be read; without it they are raised.
    """
    images: list[str] = []
    others: list[str] = []
    for place, files in _walk(str(folder), hidden, linked, unreadable):
        for name in files:
            if is_image(name):
                images.append(os.path.join(place, name))  # noqa: PTH118 (there are many)
            elif not name.startswith(".") and name.lower() not in _LITTER:
                others.append(os.path.join(place, name))  # noqa: PTH118
    return sorted(images), others


def _walk(
    folder: str, hidden: tuple[str, ...], linked: bool, unreadable: list[UserError] | None
) -> Iterator[tuple[str, list[str]]]:
    """Each folder at or below `folder`, and the names of what it holds beside folders."""

    def failed(error: OSError) -> None:
        if unreadable is None:
            raise _unreadable(error)
        unreadable.append(_unreadable(error))

    read = {_identity(above) for above in Path(folder).absolute().parents} if linked else set()
    tops = [folder]
    for top in tops:
        for place, below, files in os.walk(top, onerror=failed):
            below[:] = [name for name in below if not name.startswith(hidden)]
            if linked:
                if (this := _identity(place)) in read:
                    below.clear()
                    continue
                read.add(this)
                paths = (os.path.join(place, name) for name in sorted(below))  # noqa: PTH118
                tops += [path for path in paths if os.path.islink(path)]  # noqa: PTH114
            yield place, files


def _identity(folder: str | Path) -> tuple[int, int]:
    status = os.stat(folder)  # noqa: PTH116 (there may be many)
    return status.st_dev, status.st_ino


def left_out(lost: Sequence[str], which: str) -> str:
    """What is said of images that are left out."""
    return f"{counted(len(lost), 'image')} {which} {'was' if len(lost) == 1 else 'were'} left out, {min(lost)} for one"


def notes_on_others(folder: Path, named: Iterable[str], which: str) -> tuple[str, ...]:
    """What is said of the images below `folder` that are not `named`, and of folders there that cannot be read."""
    unreadable: list[UserError] = []
    known = {os.path.normpath(os.path.join(folder, name)) for name in named}  # noqa: PTH118
    lost = [
        path
        for path in images_below(folder, linked=True, unreadable=unreadable)[0]
        if os.path.normpath(path) not in known
    ]
    return (*([left_out(lost, which)] if lost else ()), *map(str, unreadable))


def how_to_read(files: Sequence[str]) -> str:
    """What makes the images count that are in files of no known format; empty where there are none."""
    names = [file.lower() for file in files]
    ways = []
    if any(name.endswith(HEIC) for name in names):
        ways.append(f"those of phones (HEIC) count {WITH_HEIC}")
    if any(name.endswith(_PHOTOGRAPHS) for name in names):
        ways.append("photographs among them count once they are converted to JPEG")
    if any(name.endswith(_PACKED) for name in names):
        ways.append("what is in archives counts once they are unpacked")
    if any(name.endswith(_ARRAYS) or ".tfrecord" in name for name in names):
        ways.append("images in arrays and records count once they are written as PNG or JPEG")
    return "; ".join(ways)


def table_told(folder: Path) -> str:
    """What is said of files in the folder that may be a table of classes, behind words on such; empty where there are none."""
    names = (entry.name for entry in within(folder) if not entry.name.startswith("."))
    tables = sorted(filter(is_table, names))
    return f"; {first_of(tables, 3)} may be one" if tables else ""


def kinds(files: Iterable[str]) -> str:
    """How many files of each kind, by their suffix: `12 .heic, 1 .txt, 2 without a suffix`."""
    counts = Counter(sorted(os.path.splitext(file)[1].lower() for file in files))  # noqa: PTH122
    return ", ".join(f"{count:,} {suffix or 'without a suffix'}" for suffix, count in counts.most_common(_MOST_KINDS))
