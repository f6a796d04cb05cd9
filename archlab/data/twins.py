"""Images that are one, or nearly, kept on one side of the splits."""

from __future__ import annotations

import dataclasses

import numpy as np

from archlab.data.chunks import Job
from archlab.data.completion import Records
from archlab.data.entries import Entry
from archlab.data.listing import SPLITS, Listing
from archlab.data.near import near_pairs
from archlab.data.splits import settle_splits
from archlab.foundation import UserError

LEFT_OUT = "left out"


def twins_together(job: Job, described: Entry, listing: Listing, splits: np.ndarray, records: Records) -> np.ndarray:
    """The splits with identical images on one side (nearly identical ones too, where the entry says near).

    What was carved is carved anew, by groups of such images joined with the source's own. Where the source itself fixes the
    sides, the copies of a test image are left out of validation and training, and those of a validation image of training.

    Args:
        splits, records: Of a decoding into `job.folder`; what could not be read there has no twin.
    """
    groups = _groups(job, described, listing, splits, records)
    settled = settle_splits(dataclasses.replace(listing, groups=groups), described)
    rank = np.select([settled == split for split in SPLITS], [2, 1, 0])  # the test part first
    foremost = np.full(groups.max() + 1, 2)
    np.minimum.at(foremost, groups, rank)
    settled[rank != foremost[groups]] = LEFT_OUT
    trained = np.bincount(listing.labels[settled == "train"], minlength=len(listing.class_names))
    if not trained.all():
        untrained = listing.class_names[int(trained.argmin())]
        message = f"all training images of {untrained!r} are copies of test or validation images"
        raise UserError(f"{described.name}: {message}", where=described.where)
    return settled


def _groups(job: Job, described: Entry, listing: Listing, splits: np.ndarray, records: Records) -> np.ndarray:
    """int64 (N,): equal for images that must stand together."""
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    index, digests = _decoded(splits, records)
    pairs = [_chained(digests, index)]
    if listing.groups is not None:
        pairs.append(_chained(listing.groups, np.arange(len(splits))))
    if described.together == "near":
        pixels = {split: np.load(job.folder / f"{split}.images.npy", mmap_mode="r") for split in SPLITS}
        rows = {split: np.cumsum(splits == split) - 1 for split in SPLITS}
        pairs.append(index[near_pairs([pixels[splits[at]][rows[splits[at]][at]] for at in index])])
    one, other = np.concatenate(pairs).T
    graph = coo_array((np.ones(len(one), bool), (one, other)), shape=(len(splits), len(splits)))
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
