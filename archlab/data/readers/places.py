"""What lies below the folder that a user names: people unpack archives one folder deeper or higher."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path

from archlab.data.listing import IMAGE_SUFFIXES
from archlab.foundation import UserError

DEEPEST = 5  # levels of folders that are looked at, the named one among them
_MOST = 1000  # folders of a level
_MOST_KINDS = 5  # of files that are told
_HIDDEN = (".", "__", "@eaDir")  # also what macOS puts into an archive, __MACOSX, and the thumbnails of a Synology
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
    """The folders directly in `folder`, in order, without hidden ones."""
    with os.scandir(folder) as entries:
        return sorted(Path(entry) for entry in entries if not entry.name.startswith(_HIDDEN) and entry.is_dir())


def holds_images(folder: Path) -> bool:
    """Whether an image lies directly in `folder`."""
    with os.scandir(folder) as entries:
        return any(is_image(entry.name) for entry in entries)


def is_image(name: str) -> bool:
    return name.lower().endswith(IMAGE_SUFFIXES) and not name.startswith(".")


def images_below(folder: str | Path, hidden: tuple[str, ...] = _HIDDEN) -> tuple[list[str], list[str]]:
    """Paths of images at any depth, in order, and of other files. `hidden`: how folders begin that are left out."""
    images: list[str] = []
    others: list[str] = []
    for place, below, files in os.walk(folder):
        below[:] = [name for name in below if not name.startswith(hidden)]
        for name in files:
            if is_image(name):
                images.append(os.path.join(place, name))  # noqa: PTH118 (there are many)
            elif not name.startswith(".") and name.lower() not in _LITTER:
                others.append(os.path.join(place, name))  # noqa: PTH118
    return sorted(images), others


def kinds(files: Iterable[str]) -> str:
    """How many files of each kind, by their suffix: `12 .heic, 1 .txt, 2 without a suffix`."""
    counts = Counter(os.path.splitext(file)[1].lower() for file in files)  # noqa: PTH122
    return ", ".join(f"{count:,} {suffix or 'without a suffix'}" for suffix, count in counts.most_common(_MOST_KINDS))
