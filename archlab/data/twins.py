"""Images that are one, or nearly, kept on one side of the splits."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass

import numpy as np

from archlab.data.chunks import Job
from archlab.data.completion import Records
from archlab.data.download import Progress
from archlab.data.entries import Entry
from archlab.data.listing import SPLITS, Listing
from archlab.data.near import near_pairs
from archlab.data.prepared import Prepared
from archlab.data.splits import settle_splits
from archlab.foundation import UserError

LEFT_OUT = "left out"


@dataclass(frozen=True)
class Twins:
    """Splits that twins stand together in: (N,) of the names of parts or `LEFT_OUT`.

    `identical`: images beyond the first of those that are one. `near`: pairs of others that nearly are, where these are kept
    together; `sets` is int64 (N,) then, as `Prepared.twins` has it, else None.
    """

    splits: np.ndarray
    identical: int
    near: int
    sets: np.ndarray | None = None

    def counts(self) -> dict[str, int]:
        return {"identical": self.identical, "near": self.near}


def twins_together(
    job: Job,
    described: Entry,
    listing: Listing,
    splits: np.ndarray,
    records: Records,
    progress: Progress | None,
) -> Twins:
    """The splits with identical images on one side (nearly identical ones too, where the entry says near).

    What was carved is carved anew, by groups of such images joined with the source's own. Where the source itself fixes the
    sides, the copies of a test image are left out of validation and training, and those of a validation image of training,
    unless the entry says that copies are kept. What cannot be read has no twin and is no example of its class.

    Args:
        splits, records: Of a decoding into `job.folder`.

    Raises UserError where nothing of a class can be read, or nothing is left to train on or to validate with.
    """
    index, digests = _decoded(splits, records)
    _check_readable(described, listing, index)
    readable = np.sort(index)
    groups, twins = _groups(job, described, listing, splits, index, digests, progress)
    settled = listing.splits.astype("U10")
    settled[settled == ""] = "train"
    settled[readable] = settle_splits(_only(listing, readable, groups), described)
    if described.copies == "left out":
        rank = np.select([settled[readable] == split for split in SPLITS], [2, 1, 0])  # the test part first
        foremost = np.full(groups.max() + 1, 2)
        np.minimum.at(foremost, groups[readable], rank)
        settled[readable[rank != foremost[groups[readable]]]] = LEFT_OUT
    training = readable[settled[readable] == "train"]
    trained = np.bincount(listing.labels[training], minlength=len(listing.class_names))
    grouped = "" if listing.groups is None else ", or of one group with them"
    if not trained.all():
        untrained = listing.class_names[int(trained.argmin())]
        message = f"all training images of {untrained!r} are copies of test or validation images{grouped}"
        raise UserError(f"{described.name}: {message}", where=described.where)
    if not (settled[readable] == "validation").any():
        message = f"all validation images are copies of test images{grouped}: remove that part, and one is drawn from training"
        raise UserError(f"{described.name}: {message}", where=described.where)
    return dataclasses.replace(twins, splits=settled)


def as_settled(prepared: Prepared, listing: Listing) -> Twins:
    """The splits of the same images as they are prepared at another resolution: what is nearly one there might not be here.

    One name may stand in several parts of a table: what the source has in a held-out part is there, or left out.
    """
    sides = {(name, split) for split in SPLITS for name in prepared.names(split)}
    unreadable = set(prepared.manifest["skipped"])
    rows = list(zip(listing.images.names, map(str, listing.splits), strict=True))
    fixed = {given for name, given in rows if name not in unreadable} - {"", "train"}
    carved = [split for split in SPLITS if split not in fixed]

    def side(name: str, given: str) -> str:
        possible = [given] if given in fixed else carved
        found = next((split for split in possible if (name, split) in sides), None)
        return found or ("train" if name in unreadable else LEFT_OUT)

    splits = [side(name, given) for name, given in rows]
    known: dict[str, int] = {}
    for split in SPLITS:
        if (of_split := prepared.twins(split)) is not None:
            known |= zip(prepared.names(split), of_split.tolist(), strict=True)
    sets = np.array([known.get(name, -1 - row) for row, (name, _) in enumerate(rows)]) if known else None
    return Twins(np.array(splits), **prepared.manifest["twins"], sets=sets)


def _check_readable(described: Entry, listing: Listing, index: np.ndarray) -> None:
    readable = np.bincount(listing.labels[index], minlength=len(listing.class_names))
    if not len(index):
        raise UserError(f"{described.name}: none of the images can be read, {listing.images.names[0]} for one")
    if not readable.all():
        name = listing.class_names[int(readable.argmin())]
        first = listing.images.names[int((listing.labels == readable.argmin()).argmax())]
        raise UserError(f"{described.name}: no image of the class {name!r} can be read, {first} for one")


def _only(listing: Listing, index: np.ndarray, groups: np.ndarray) -> Listing:
    """What settling splits looks at, of these images."""
    return dataclasses.replace(
        listing, labels=listing.labels[index], splits=listing.splits[index], groups=groups[index]
    )


def _groups(
    job: Job,
    described: Entry,
    listing: Listing,
    splits: np.ndarray,
    index: np.ndarray,
    digests: np.ndarray,
    progress: Progress | None,
) -> tuple[np.ndarray, Twins]:
    """int64 (N,): equal for images that must stand together; and the count of those that are twins."""
    identical = _chained(digests, index)
    pairs, near, sets = [identical], 0, None
    if described.together == "near":
        mapped = {split: np.load(job.folder / f"{split}.images.npy", mmap_mode="r") for split in SPLITS}
        pixels = {split: np.asarray(images) for split, images in mapped.items()}  # of which a view takes less memory
        rows = {split: np.cumsum(splits == split) - 1 for split in SPLITS}
        found = near_pairs([pixels[splits[at]][rows[splits[at]][at]] for at in index], progress)
        near = int((digests[found[:, 0]] != digests[found[:, 1]]).sum())
        pairs.append(index[found])
        sets = _joined(pairs, len(splits))
    if listing.groups is not None:
        pairs.append(_chained(listing.groups, np.arange(len(splits))))
    return _joined(pairs, len(splits)), Twins(splits, len(identical), near, sets)


def _joined(pairs: list[np.ndarray], count: int) -> np.ndarray:
    """int64 (count,): equal for images that are joined by pairs, however many."""
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    one, other = np.concatenate(pairs).T
    graph = coo_array((np.ones(len(one), bool), (one, other)), shape=(count, count))
    return connected_components(graph, directed=False)[1].astype(np.int64)


def _decoded(splits: np.ndarray, records: Records) -> tuple[np.ndarray, np.ndarray]:
    """The images that could be read, as indices into the listing, and the digest of each."""
    found, digests = [], []
    for split in SPLITS:
        rows = np.flatnonzero(splits == split)
        of_split = [record for record in records if record["split"] == split]
        unreadable = {row for record in of_split for row, _ in record["unreadable"]}
        names = [digest for record in of_split for digest in record["digests"]]
        found += [rows[row] for row in range(len(rows)) if row not in unreadable]
        digests += [name for row, name in enumerate(names) if row not in unreadable]
    return np.array(found, np.int64), np.array(digests)


def _chained(keys: np.ndarray, index: np.ndarray) -> np.ndarray:
    """Pairs (M, 2) of the `index` of each image with the next that has the same key."""
    order = np.argsort(keys, kind="stable")
    alike = np.flatnonzero(keys[order][1:] == keys[order][:-1])
    return np.stack([index[order[alike]], index[order[alike + 1]]], axis=1)
