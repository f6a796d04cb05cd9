"""What a reader finds in a source: the images, still encoded, and what is known about each."""

from __future__ import annotations

import errno
import hashlib
import os
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Protocol

import numpy as np
from PIL import Image

from archlab.data.formats import open_image

SPLITS = ("train", "validation", "test")


class Images(Protocol):
    """Images by index. Instances are sent to worker processes, so they hold paths rather than pixels where they can."""

    names: Sequence[str]  # one an image, for messages

    def open(self, index: int) -> Image.Image:
        """The image, not necessarily decoded yet. Raises OSError, ValueError or SyntaxError where it cannot be read."""

    def fingerprint(self) -> str:
        """Changes when any image changes; cheap, so a file's size and time stand for its content."""


@dataclass(frozen=True)
class Listing:
    r"""Every image of a source with its label and, where the source says so, its split and its group.

    `class_names`: what is no text in them (a folder's name may be any bytes) is written as `\udcff`.
    `labels`: int64 (N,), indices into `class_names`. `splits`: (N,) of "train", "validation", "test" or "" where the
    source leaves it open. `groups`: (N,) of strings or integers; images of one group never stand on two sides.
    `notes`: what the user should know.
    """

    class_names: tuple[str, ...]
    images: Images
    labels: np.ndarray
    splits: np.ndarray
    groups: np.ndarray | None = None
    notes: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        names = tuple(name.encode(errors="backslashreplace").decode() for name in self.class_names)
        object.__setattr__(self, "class_names", names)

    def noted(self, *notes: str) -> Listing:
        """With these notes more."""
        return replace(self, notes=(*self.notes, *notes))

    def fingerprint(self) -> str:
        """SHA-256 that changes with anything that decides the prepared store."""
        digest = hashlib.sha256("\0".join(self.class_names).encode())
        digest.update(self.images.fingerprint().encode())
        digest.update(self.labels.astype("<i8").tobytes())
        digest.update("\0".join(map(str, self.splits)).encode())
        if self.groups is not None:
            digest.update("\0".join(map(str, self.groups)).encode(errors="backslashreplace"))
        return digest.hexdigest()


class ImageFiles:
    """Images that are files below a folder."""

    def __init__(self, root: Path, names: Sequence[str]):
        self.root, self.names = root, names

    def open(self, index: int) -> Image.Image:
        path = self.path(self.names[index])
        if not os.path.isfile(path):  # noqa: PTH113 (there are many); a pipe would be waited for
            if not os.path.isdir(self.root):  # noqa: PTH112
                raise OSError(errno.ENODEV, "the folder of the images is there no longer", str(self.root))
            raise OSError("No such file" if not os.path.lexists(path) else "is not a file")
        return open_image(path)

    def fingerprint(self) -> str:
        digest = hashlib.sha256()
        for name in self.names:
            digest.update(f"{name}\0{_state(self.path(name))}\0".encode(errors="surrogateescape"))
        return digest.hexdigest()

    def path(self, name: str) -> str:
        return os.path.join(self.root, name)  # noqa: PTH118


def _state(path: str) -> str:
    """Size and time of a file that may be read."""
    try:
        status = os.stat(path)  # noqa: PTH116 (there are many, and Path is slow)
        readable = os.access(path, os.R_OK)
    except (OSError, ValueError):
        readable = False
    return f"{status.st_size}\0{status.st_mtime_ns}" if readable else "missing"  # decoding will say so by name


class ImageArray:
    """Images that are in memory: uint8 (N, H, W) grey or (N, H, W, 3)."""

    def __init__(self, pixels: np.ndarray, names: Sequence[str] | None = None):
        self.pixels = pixels
        self.names = [f"image {i}" for i in range(len(pixels))] if names is None else names

    def open(self, index: int) -> Image.Image:
        return Image.fromarray(self.pixels[index])

    def fingerprint(self) -> str:
        return hashlib.sha256(np.ascontiguousarray(self.pixels).data).hexdigest()
