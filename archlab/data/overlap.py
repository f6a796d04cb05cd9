"""Images that two prepared datasets share: what was tested on may have been trained on under another name."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import suppress
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from archlab.data.download import Progress
from archlab.data.inspection import Pair, Place
from archlab.data.listing import SPLITS
from archlab.data.near import Seen, mean_of, nearest, perceived, small_grey
from archlab.data.prepared import Prepared
from archlab.foundation import UserError, check_file, write_atomically

HELD_OUT = ("validation", "test")
_FOR_MEAN = 2000  # training images, at most


@dataclass(frozen=True)
class Overlap:
    """What `shared_images` found: pairs of an image of the dataset's held-out parts with one of the other dataset.

    `counts`: images of each held-out part. Of the images that are one with one image of the other dataset, or nearly, the
    first or nearest counts, so that each image is in one pair at most.
    """

    counts: dict[str, int]
    identical: list[Pair]
    near_duplicates: list[Pair]

    def shared(self, split: str) -> dict[str, int]:
        """Images of a part that the other dataset has too: `identical` and `near_duplicates`."""
        kinds = {"identical": self.identical, "near_duplicates": self.near_duplicates}
        return {kind: sum(pair.splits[0] == split for pair in pairs) for kind, pairs in kinds.items()}

    @property
    def shares_test_images(self) -> bool:
        return any(self.shared("test").values())

    def as_dict(self) -> dict[str, Any]:
        """Plain JSON values."""
        shared = {split: {"images": count, **self.shared(split)} for split, count in self.counts.items()}
        return {
            "shared": shared,
            "identical": [asdict(pair) for pair in self.identical],
            "near_duplicates": [asdict(pair) for pair in self.near_duplicates],
        }


def shared_images(prepared: Prepared, other: Prepared, progress: Progress | None = None) -> Overlap:
    """Looks for validation and test images of a dataset among all images of another.

    Identical and nearly identical are what `archlab.data.inspect` calls so. Raises UserError where they are not prepared at one
    resolution.
    """
    if prepared.resolution != other.resolution:
        sides = f"{prepared.name} at {prepared.resolution} pixels and {other.name} at {other.resolution}"
        raise UserError(f"images are compared at one resolution, not {sides}")
    identical = {
        (split, row): place
        for split in HELD_OUT
        for row, place in identical_images(prepared, split, other, SPLITS).items()
    }
    near = {place: found for place, found in _near(prepared, other, progress).items() if place not in identical}
    ours, theirs = _Words(prepared), _Words(other)

    def pairs(found: dict[Place, Place]) -> list[Pair]:
        return [
            Pair((one[0], two[0]), (ours.name(one), theirs.name(two)), (ours.label(one), theirs.label(two)))
            for one, two in found.items()
        ]

    counts = {split: sum(prepared.counts(split)) for split in HELD_OUT}
    return Overlap(counts, pairs(identical), pairs(near))


def identical_images(prepared: Prepared, split: str, other: Prepared, among: Iterable[str]) -> dict[int, Place]:
    """Rows of a part that have the pixels of images in parts of another dataset, each with the first of these."""
    digests = [digest.tobytes() for digest in prepared.digests(split)]
    wanted, first = set(digests), dict[bytes, Place]()
    for part in among:
        for row, digest in enumerate(map(np.ndarray.tobytes, other.digests(part))):
            if digest in wanted:
                first.setdefault(digest, (part, row))
    return {row: first[digest] for row, digest in enumerate(digests) if digest in first}


def _near(prepared: Prepared, other: Prepared, progress: Progress | None) -> dict[Place, Place]:
    whole, candidates = (_Images(each, progress) for each in (prepared, other))
    held_out = sum(prepared.counts("train"))
    queries = Seen(whole.hashes[held_out:], lambda row: whole.grey(held_out + row))
    train = prepared.images("train")
    some = train[:: -(-len(train) // _FOR_MEAN)]
    mean = mean_of(np.array([small_grey(image) for image in some]))
    found = nearest(queries, Seen(candidates.hashes, candidates.grey), mean)
    return {whole.place(held_out + i): candidates.place(j) for i, j in found}


class _Words:
    """What the images of a dataset are called."""

    def __init__(self, prepared: Prepared):
        self._names = {split: prepared.names(split) for split in SPLITS}
        self._labels = {split: prepared.labels(split) for split in SPLITS}
        self._class_names = prepared.class_names

    def name(self, place: Place) -> str:
        return self._names[place[0]][place[1]]

    def label(self, place: Place) -> str:
        return self._class_names[self._labels[place[0]][place[1]]]


class _Images:
    """All images of a dataset in one row: training, validation, test."""

    def __init__(self, prepared: Prepared, progress: Progress | None):
        self._parts = [prepared.images(split) for split in SPLITS]
        self._ends = np.cumsum([len(part) for part in self._parts])
        self.hashes = self._kept(prepared, progress)

    def place(self, row: int) -> Place:
        part = int(np.searchsorted(self._ends, row, side="right"))
        return SPLITS[part], row - int(self._ends[part]) + len(self._parts[part])

    def grey(self, row: int) -> np.ndarray:
        split, within = self.place(row)
        return small_grey(self._parts[SPLITS.index(split)][within])

    def _kept(self, prepared: Prepared, progress: Progress | None) -> np.ndarray:
        """float32 (N, 64), -1 and 1: made once for what is prepared, and kept in the cache of its home."""
        kept = prepared.path.parents[2] / "cache" / "hashes" / f"{prepared.manifest['content']}.npy"
        shape = (int(self._ends[-1]), 8)
        with suppress(Exception):  # it is not there, or damaged
            packed = np.load(check_file(kept))
            if packed.dtype == np.uint8 and packed.shape == shape:
                return np.unpackbits(packed, axis=1).astype(np.float32) * 2 - 1
        hashes = np.empty((shape[0], 64), np.float32)
        for row, image in enumerate(image for part in self._parts for image in part):
            hashes[row], _ = perceived(image)
            if progress and ((row + 1) % 500 == 0 or row + 1 == len(hashes)):
                progress(f"comparing {prepared.name}", row + 1, len(hashes))
        with suppress(OSError), write_atomically(kept) as temporary, temporary.open("wb") as file:
            np.save(file, np.packbits(hashes > 0, axis=1))
        return hashes
