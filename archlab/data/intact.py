"""Whether prepared data are still what was prepared.

Images are read and digested once; afterwards, sizes and times of their files tell that nothing has changed. Labels are
digested every time.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import numpy as np

from archlab.data.listing import SPLITS
from archlab.data.prepared import DamagedDataError, Prepared, content_digest, seen
from archlab.foundation import write_file


def check_intact(prepared: Prepared, *, thoroughly: bool = False) -> None:
    """Raises DamagedDataError where images, labels or digests are not those that the manifest's digest was made of.

    Args:
        thoroughly: Read every image, though its file has the size and times that it had when it was found intact.
    """
    stamp = _stamp(prepared.path)
    is_known = not thoroughly and _read(_place(prepared)) == stamp
    for split in SPLITS:
        _check_shapes(prepared, split)
    if not _has_content(prepared, lambda split: prepared.digests(split).tobytes()):
        raise DamagedDataError(_what_is_damaged(prepared))
    if is_known:
        return
    for split in SPLITS:
        _check_names_and_groups(prepared, split)
        changed = np.flatnonzero((_image_digests(prepared, split) != prepared.digests(split)).any(axis=1))
        if len(changed):
            raise DamagedDataError(f"{split}.images.npy is not what was prepared: image {changed[0]:,} differs")
    if not prepared.path.name.startswith("."):  # where it does not stay
        note_intact(prepared, stamp)


def note_intact(prepared: Prepared, stamp: str | None = None) -> None:
    """That the files were found intact when they had this stamp; None: they have it now."""
    with suppress(OSError):  # else they are read again next time
        write_file(_place(prepared), stamp or _stamp(prepared.path))


def _check_shapes(prepared: Prepared, split: str) -> None:
    count, side = sum(prepared.counts(split)), prepared.resolution
    expected = {
        "images": (prepared.images(split), np.uint8, (count, side, side, 3)),
        "labels": (prepared.labels(split), np.int64, (count,)),
        "digests": (prepared.digests(split), np.uint8, (count, 32)),
    }
    for name, (array, dtype, shape) in expected.items():
        if array.dtype != dtype or array.shape != shape or not array.flags.c_contiguous:
            raise DamagedDataError(f"{split}.{name}.npy is not what was prepared")


def _check_names_and_groups(prepared: Prepared, split: str) -> None:
    count, names = sum(prepared.counts(split)), prepared.names(split)
    if not isinstance(names, list) or len(names) != count:
        raise DamagedDataError(f"{split}.names.json is not what was prepared")
    for name, sets in {"groups": prepared.groups(split), "twins": prepared.twins(split)}.items():
        if sets is not None and (sets.dtype != np.int64 or sets.shape != (count,)):
            raise DamagedDataError(f"{split}.{name}.npy is not what was prepared")


def _has_content(prepared: Prepared, digests: Callable[[str], bytes]) -> bool:
    """Whether the manifest's digest is that of the labels and of images with these digests."""
    parts = [(split, seen(digests(split), prepared.shapes(split)), prepared.labels(split)) for split in SPLITS]
    return content_digest(prepared.resolution, prepared.num_classes, parts) == prepared.manifest["content"]


def _image_digests(prepared: Prepared, split: str) -> np.ndarray:
    """uint8 (N, 32), as `Prepared.digests` has them kept."""
    images = prepared.images(split)
    joined = b"".join(hashlib.sha256(image).digest() for image in images)
    return np.frombuffer(joined, np.uint8).reshape(len(images), 32)


def _what_is_damaged(prepared: Prepared) -> str:
    if _has_content(prepared, lambda split: _image_digests(prepared, split).tobytes()):
        return "the digests of its images are not what was prepared"
    return "its labels are not what was prepared"


def _stamp(folder: Path) -> str:
    """Sizes, times and places of the files. A time that was set back shows in the time of that."""
    files = [path for path in sorted(folder.iterdir()) if not path.name.startswith(".")]
    for path in files:
        if not path.is_file():
            raise DamagedDataError(f"{path.name} is no file")
    stats = [(path.name, path.stat()) for path in files]
    return json.dumps([[name, s.st_size, s.st_mtime_ns, s.st_ctime_ns, s.st_ino] for name, s in stats])


def _place(prepared: Prepared) -> Path:
    """Where the stamp of a dataset that was found intact is kept: in the cache of its home."""
    home = prepared.path.parents[2]
    return home / "cache" / "intact" / f"{prepared.name}-{prepared.path.name}.json"


def _read(path: Path) -> str | None:
    with suppress(OSError, ValueError):
        return path.read_text(encoding="utf-8") if path.is_file() else None
    return None
