"""The end of a preparation: labels, groups, names and digests beside the pixels, and the manifest last."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from archlab.data.chunks import Job
from archlab.data.entries import Entry
from archlab.data.listing import SPLITS, Listing
from archlab.data.prepared import FORMAT, WHOLE, content_digest, sealed, seen, settings
from archlab.data.splits import torn_groups
from archlab.foundation import UserError, write_atomically, write_file
from archlab.foundation.words import first_of

_ROWS = 512  # copied at a time
_MOST_NAMED = 20  # unreadable images, or classes, in a note

Records = list[dict[str, Any]]


def complete(
    job: Job,
    described: Entry,
    listing: Listing,
    splits: np.ndarray,
    records: Records,
    origin: dict[str, Any],
    twins: np.ndarray | None,
) -> None:
    """Writes everything but the pixels into `job.folder`.

    Args:
        origin: Goes into the manifest as it is.
        twins: int64 (N,), see `Prepared.twins`.
    """
    (job.folder / "plan").unlink()  # from here on an interruption cannot be continued
    codes = None if listing.groups is None else np.unique(listing.groups, return_inverse=True)[1].astype(np.int64)
    parts: list[tuple[str, bytes, np.ndarray]] = []
    counts: dict[str, list[int]] = {}
    skipped: list[str] = []
    groups: list[np.ndarray] = []
    for split in SPLITS:
        of_split = [record for record in records if record["split"] == split]
        rows = np.flatnonzero(splits == split)
        unreadable = [row for record in of_split for row, _ in record["unreadable"]]
        skipped += [listing.images.names[i] for i in rows[unreadable].tolist()]
        digests = _digests(of_split)
        shapes = np.array([shape for record in of_split for shape in record["shapes"]], np.int64).reshape(-1, 2)
        if unreadable:
            kept = np.delete(np.arange(len(rows)), unreadable)
            rows, digests, shapes = rows[kept], digests[kept], shapes[kept]
            _keep_rows(job.folder / f"{split}.images.npy", kept, described)
        labels = listing.labels[rows].astype(np.int64)
        if job.fit == WHOLE:
            np.save(job.folder / f"{split}.shapes.npy", shapes)
        parts.append((split, seen(digests.tobytes(), shapes if job.fit == WHOLE else None), labels))
        np.save(job.folder / f"{split}.digests.npy", digests)
        np.save(job.folder / f"{split}.labels.npy", labels)
        if codes is not None:
            groups.append(codes[rows])
            np.save(job.folder / f"{split}.groups.npy", groups[-1])
        if twins is not None:
            np.save(job.folder / f"{split}.twins.npy", twins[rows])
        names = json.dumps([listing.images.names[i] for i in rows.tolist()])
        (job.folder / f"{split}.names.json").write_text(names, encoding="utf-8")
        counts[split] = np.bincount(labels, minlength=len(listing.class_names)).tolist()
    mean, std = _statistics([r for r in records if r["split"] == "train"], sum(counts["train"]) * job.resolution**2)
    manifest = {
        "format": FORMAT,
        "name": described.name,
        "resolution": job.resolution,
        "class_names": list(listing.class_names),
        "counts": counts,
        "mean": mean,
        "std": std,
        "content": content_digest(job.resolution, len(listing.class_names), parts),
        "settings": settings(described),
        "notes": [*listing.notes, *_notes(described, listing.class_names, counts, skipped), *_torn(groups)],
        "skipped": skipped,
        **origin,
    }
    _seal(job.folder, manifest)


def _digests(records: Records) -> np.ndarray:
    """uint8 (N, 32)."""
    joined = bytes.fromhex("".join(digest for record in records for digest in record["digests"]))
    return np.frombuffer(joined, np.uint8).reshape(-1, 32)


def _statistics(records: Records, pixels: int) -> tuple[list[float], list[float]]:
    """Mean and standard deviation of each channel, of pixel values in [0, 1], from exact sums."""
    mean = [sum(record["sums"][c] for record in records) / pixels / 255 for c in range(3)]
    square = [sum(record["squares"][c] for record in records) / pixels / 255**2 for c in range(3)]
    return mean, [max(s - m * m, 0.0) ** 0.5 or 1.0 for m, s in zip(mean, square, strict=True)]


def _keep_rows(path: Path, kept: np.ndarray, described: Entry) -> None:
    """Leaves the other rows of an array out, a block at a time."""
    if not len(kept):
        raise UserError(f"{described.name}: no image of a part can be read", where=str(path))
    whole = np.load(path, mmap_mode="r")
    header = {"descr": np.lib.format.dtype_to_descr(whole.dtype), "fortran_order": False}
    with write_atomically(path) as temporary, temporary.open("wb") as file:  # a map on a full disk ends the process
        np.lib.format.write_array_header_1_0(file, {**header, "shape": (len(kept), *whole.shape[1:])})
        for start in range(0, len(kept), _ROWS):
            file.write(whole[kept[start : start + _ROWS]].data)


def _notes(described: Entry, classes: Sequence[str], counts: dict[str, list[int]], skipped: list[str]) -> list[str]:
    notes = []
    found = {split: sum(of_split) for split, of_split in counts.items()}
    found["all"] = sum(found.values())
    found["train"] += sum(found[carved] for carved in ("validation", "test") if carved not in described.images)
    for split, expected in described.images.items():
        if found[split] != expected:
            notes.append(f"{found[split]:,} images in {split}, the catalogue says {expected:,}")
    for part, of_split in counts.items():
        if absent := [name for name, n in zip(classes, of_split, strict=True) if n == 0]:
            some = "1 class" if len(absent) == 1 else f"{len(absent)} classes"
            notes.append(f"no images in {part} of {some}: {first_of(absent, _MOST_NAMED)}")
    if skipped:
        notes.append(f"{len(skipped)} unreadable images left out: {first_of(skipped, _MOST_NAMED)}")
    return notes


def _torn(groups: list[np.ndarray]) -> list[str]:
    """A note where the source's own parts tear its groups, of the images that are there."""
    torn = torn_groups(groups)
    return [f"{torn:,} groups have images in different parts: a leak"] if torn else []


def _seal(folder: Path, manifest: dict[str, Any]) -> None:
    """Everything on the disk, then the manifest that makes it a store."""
    (folder / "journal.jsonl").unlink()
    for path in folder.iterdir():
        with path.open("rb") as file:
            os.fsync(file.fileno())
    write_file(folder / "manifest.json", json.dumps(sealed(manifest), indent=1))
