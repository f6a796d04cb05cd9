"""Decoding in chunks: each into its place in a file, by this process or by several, and a record of what was done."""

from __future__ import annotations

import errno
import hashlib
import os
import signal
import sys
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path
from shutil import disk_usage
from threading import Lock
from typing import Any

import numpy as np

from archlab.data.decode import decode, shape_of
from archlab.data.listing import ImageArray, Images
from archlab.foundation import UserError
from archlab.foundation.libraries import quiet_libraries
from archlab.foundation.own_code import MODULES

CHUNK_BYTES = 8 * 2**20  # of prepared pixels that a worker holds at a time
CHUNK_IMAGES = 512
_NO_FILE_MORE = (errno.EMFILE, errno.ENFILE)  # can be opened, by this process or by any
_NO_DISK = (errno.EIO, errno.ENODEV, errno.ESTALE, errno.ETIMEDOUT, errno.ENOTCONN)  # unplugged, or out of reach
_SAFE = "PYTHONSAFEPATH"  # of Python: empty is as if it were not there


class WorkerKilledError(UserError):
    """A process that decodes was killed. What is decoded stays, and preparing again continues there."""


@dataclass(frozen=True)
class Job:
    """What all chunks share: where images come from, how they are decoded, the folder they go to."""

    images: Images
    folder: Path
    resolution: int
    fit: str
    white: int

    @property
    def image_bytes(self) -> int:
        return 3 * self.resolution**2


@dataclass(frozen=True)
class Chunk:
    """Images `indices` of the source become rows `start` and following of one split."""

    split: str
    start: int
    indices: np.ndarray


def cut(job: Job, split: str, indices: np.ndarray) -> list[Chunk]:
    """A split in chunks."""
    size = max(1, min(CHUNK_IMAGES, CHUNK_BYTES // job.image_bytes))
    return [Chunk(split, start, indices[start : start + size]) for start in range(0, len(indices), size)]


def allocate(job: Job, split: str, count: int) -> None:
    """The split's array, empty."""
    shape = (count, job.resolution, job.resolution, 3)
    np.lib.format.open_memmap(_array(job, split), mode="w+", dtype=np.uint8, shape=shape)


def check_space(job: Job, count: int) -> None:
    """Raises OSError where so many prepared images are more than the disk has left: now, and not when it is full."""
    needed, left = count * job.image_bytes, disk_usage(job.folder).free
    if needed > left > 0:  # some disks do not say
        words = f"{count:,} images at {job.resolution} pixels take {needed / 1e9:,.1f} GB, and {left / 1e9:,.1f} GB are left"
        raise OSError(errno.ENOSPC, f"{words}: make room, or name a --store on another disk", str(job.folder.parent))


def decode_all(job: Job, chunks: list[Chunk], workers: int) -> Iterator[dict[str, Any]]:
    """Decodes chunks in any order; gives the record of each once its pixels are in the file.

    A record: `split`, `start`, `digests` (SHA-256 of each image), `shapes` (height and width of each), `sums` and `squares`
    of the pixels of each channel, `unreadable`, a list of (row, reason).
    """
    own = type(job.images).__module__.startswith(MODULES)  # of a user's reader: other processes cannot import it
    if workers <= 1 or len(chunks) <= 1 or own or isinstance(job.images, ImageArray):
        yield from (_decode_chunk(job, chunk) for chunk in chunks)
        return
    workers = min(workers, len(chunks))
    # spawn, because a fork of a process that runs threads (torch, a progress bar) may hang
    with _script_hidden():
        begun = ProcessPoolExecutor(workers, get_context("spawn"), initializer=_begin, initargs=(job,))
    with begun as pool:
        try:
            with _script_hidden():
                futures = [pool.submit(_decode_in_worker, chunk) for chunk in chunks]
            for future in as_completed(futures):
                yield future.result()
        except BrokenProcessPool:
            raise WorkerKilledError("a worker was killed (out of memory?): the same command continues") from None
        finally:
            pool.shutdown(cancel_futures=True)


_hiding = Lock()


@contextmanager
def _script_hidden() -> Iterator[None]:
    """Within, processes begin without the user's script: without `if __name__ == "__main__"` in it they would prepare too; and
    without modules of the working directory, which may be others'."""
    with _hiding:
        script = vars(sys.modules["__main__"])
        hidden: dict[str, Any] = {name: script[name] for name in ("__file__", "__spec__") if name in script}
        safe = os.environ.get(_SAFE, "")
        script.update(dict.fromkeys(hidden))
        os.environ[_SAFE] = "1"
        try:
            yield
        finally:
            script.update(hidden)
            os.environ[_SAFE] = safe


def still_there(job: Job, record: dict[str, Any]) -> bool:
    """Whether the pixels that a record speaks of are in the file."""
    count = len(record["digests"])
    pixels = np.fromfile(
        _array(job, record["split"]),
        np.uint8,
        count * job.image_bytes,
        offset=_offset(job, record["split"], record["start"]),
    )
    return _digests(pixels.reshape(-1, job.image_bytes)) == record["digests"]


_job: Job  # of this worker process


def _begin(job: Job) -> None:
    global _job
    _job = job
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent hears Ctrl-C and tells its workers
    quiet_libraries()  # Pillow warns of metadata; damaged pixels raise


def _decode_in_worker(chunk: Chunk) -> dict[str, Any]:
    return _decode_chunk(_job, chunk)


def _decode_chunk(job: Job, chunk: Chunk) -> dict[str, Any]:
    pixels = np.zeros((len(chunk.indices), job.resolution, job.resolution, 3), np.uint8)
    unreadable: list[tuple[int, str]] = []
    shapes = [(1, 1)] * len(chunk.indices)
    for row, index in enumerate(chunk.indices):
        try:
            with job.images.open(int(index)) as image:
                shapes[row] = shape_of(image)
                pixels[row] = decode(image, job.resolution, job.fit, job.white)
        except Exception as error:  # Pillow raises nearly anything on damaged bytes
            if isinstance(error, OSError) and error.errno in (*_NO_FILE_MORE, *_NO_DISK):
                error.filename = error.filename or job.images.names[index]
                raise
            if isinstance(error, MemoryError):
                raise
            unreadable.append((chunk.start + row, str(error) or type(error).__name__))
    with _array(job, chunk.split).open("r+b") as file:
        file.seek(_offset(job, chunk.split, chunk.start))
        file.write(pixels.data)
    readable = np.delete(pixels, [row - chunk.start for row, _ in unreadable], axis=0) if unreadable else pixels
    counts = [np.bincount(readable[..., channel].ravel(), minlength=256) for channel in range(3)]
    levels = np.arange(256)
    return {
        "split": chunk.split,
        "start": chunk.start,
        "digests": _digests(pixels),
        "shapes": shapes,
        "sums": [int(count @ levels) for count in counts],
        "squares": [int(count @ levels**2) for count in counts],
        "unreadable": unreadable,
    }


def _digests(pixels: np.ndarray) -> list[str]:
    return [hashlib.sha256(image).hexdigest() for image in pixels]


def _array(job: Job, split: str) -> Path:
    return job.folder / f"{split}.images.npy"


def _offset(job: Job, split: str, row: int) -> int:
    return np.load(_array(job, split), mmap_mode="r").offset + row * job.image_bytes
