"""Images that are decoded already, read again where they stand: splits that change need no second decoding."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
from PIL import Image

from archlab.data.chunks import Job
from archlab.data.completion import Records
from archlab.data.listing import SPLITS, ImageArray, Images
from archlab.data.prepared import WHOLE
from archlab.foundation import clear


class _Decoded(ImageArray):
    """The images of a job by their index in the source, from the arrays that they were decoded into."""

    def __init__(self, job: Job, splits: np.ndarray, records: Records):
        self.names = job.images.names
        self._pixels = {split: np.load(job.folder / f"{split}.images.npy", mmap_mode="r") for split in SPLITS}
        self._splits = splits
        self._rows = np.zeros(len(splits), np.int64)
        for split in SPLITS:
            self._rows[splits == split] = np.arange((splits == split).sum())
        self._unreadable = {(record["split"], row): why for record in records for row, why in record["unreadable"]}

    def open(self, index: int) -> Image.Image:
        place = str(self._splits[index]), int(self._rows[index])
        if why := self._unreadable.get(place):
            raise OSError(why)
        return Image.fromarray(self._pixels[place[0]][place[1]])


@contextmanager
def moved_aside(job: Job, splits: np.ndarray, records: Records) -> Iterator[Images]:
    """Gives the images that were decoded into the folder of a job, which is free then; afterwards they are gone.

    Where that is broken off, by Ctrl-C or a full disk, they are back in the folder. Of whole images it gives the source's,
    since decoded ones have lost their shape.
    """
    if job.fit == WHOLE:
        yield job.images
        return
    aside = job.folder.with_name(f"{job.folder.name}.aside")
    clear(aside)
    job.folder.rename(aside)
    try:
        yield _Decoded(dataclasses.replace(job, folder=aside), splits, records)
    except BaseException:
        clear(job.folder)
        aside.rename(job.folder)
        raise
    clear(aside)
