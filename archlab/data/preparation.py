"""Preparing: every image decoded and resized once, into a store that is whole or is not there."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from filelock import FileLock

from archlab.data.chunks import Job, allocate, cut, decode_all, still_there
from archlab.data.entries import Entry, entry
from archlab.data.listing import SPLITS, Listing
from archlab.data.prepared import FORMAT, Prepared, folder
from archlab.data.readers import read_source
from archlab.data.splits import settle_splits
from archlab.foundation import UserError, write_atomically

Progress = Callable[[int, int], None]


def prepare(
    name: str,
    home: Path,
    *,
    source: Path | None = None,
    resolution: int | None = None,
    workers: int = 1,
    on_unreadable: str = "stop",
    progress: Progress | None = None,
) -> Prepared:
    """Prepares the dataset `name` and opens it; what is prepared already, from the same images, is kept.

    Args:
        source: Archives, or the folder that they unpack to. None: what the catalogue names.
        resolution: Pixels; None: the catalogue's.
        workers: Processes that decode.
        on_unreadable: "stop" at an image that cannot be read, or "skip" it; the manifest lists what was skipped.
        progress: Called with (images done, images in all).

    Interrupted, it leaves what is done under a temporary name, and the next call continues there.
    Raises UserError for a source that cannot be used.
    """
    described = entry(name, home)
    resolution = resolution or described.resolution
    target = folder(home, name, resolution)
    target.parent.mkdir(parents=True, exist_ok=True)
    with FileLock(target.parent / ".lock"):
        listing = read_source(described, source)
        if len(listing.class_names) != described.classes:
            raise UserError(f"{name} has {described.classes} classes, the source {len(listing.class_names)}")
        splits = settle_splits(
            listing.labels,
            listing.splits,
            listing.groups,
            test=described.test,
            validation=described.validation,
            seed=described.seed,
        )
        plan = _plan(described, listing, splits, resolution)
        if _planned(target / "manifest.json") != plan:
            part = _part(target, plan)
            job = Job(listing.images, part, resolution, described.fit, described.white)
            records = _decode(job, splits, workers, on_unreadable, progress)
            _complete(job, described, listing, splits, records, plan)
            _rename(part, target)
    return Prepared(target, described)


def _plan(described: Entry, listing: Listing, splits: np.ndarray, resolution: int) -> str:
    """SHA-256 of everything that decides the store, so that only the same preparation is continued or kept."""
    parts = [
        FORMAT,
        listing.fingerprint(),
        "".join(split[0] for split in splits),
        resolution,
        described.fit,
        described.white,
    ]
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()


def _planned(path: Path) -> str | None:
    try:
        return json.loads(path.read_text(encoding="utf-8"))["plan"]
    except (OSError, ValueError, KeyError):
        return None


def _part(target: Path, plan: str) -> Path:
    """The folder that the store grows in: as an interrupted preparation of the same plan left it, or empty."""
    part = target.with_name(f".{target.name}.part")
    if _planned(part / "plan.json") != plan:
        shutil.rmtree(part, ignore_errors=True)
        part.mkdir()
        (part / "plan.json").write_text(json.dumps({"plan": plan}), encoding="utf-8")
    return part


def _decode(
    job: Job, splits: np.ndarray, workers: int, on_unreadable: str, progress: Progress | None
) -> list[dict[str, Any]]:
    """Decodes what the journal does not list yet; the records of all chunks."""
    journal = job.folder / "journal.jsonl"
    chunks = []
    for split in SPLITS:
        indices = np.flatnonzero(splits == split)
        chunks += cut(job, split, indices)
        if not journal.exists():
            allocate(job, split, len(indices))
    records = [record for record in _read_journal(journal) if still_there(job, record)]
    done = {(record["split"], record["start"]) for record in records}
    count = sum(len(record["digests"]) for record in records)
    with journal.open("a", encoding="utf-8") as file:
        for record in decode_all(job, [c for c in chunks if (c.split, c.start) not in done], workers):
            if record["unreadable"] and on_unreadable == "stop":
                row, reason = record["unreadable"][0]
                name = job.images.names[int(np.flatnonzero(splits == record["split"])[row])]
                raise UserError(f"{name} cannot be read: {reason}; --on-unreadable skip leaves such images out")
            file.write(json.dumps(record) + "\n")
            file.flush()
            records.append(record)
            count += len(record["digests"])
            if progress:
                progress(count, len(splits))
    return sorted(records, key=lambda record: (record["split"], record["start"]))


def _read_journal(path: Path) -> list[dict[str, Any]]:
    records = []
    for line in path.read_text(encoding="utf-8").splitlines() if path.exists() else []:
        try:
            records.append(json.loads(line))
        except ValueError:  # the line that an interruption cut short
            continue
    return records


def _complete(
    job: Job, described: Entry, listing: Listing, splits: np.ndarray, records: list[dict[str, Any]], plan: str
) -> None:
    """Everything beside the pixels, the manifest last."""
    content = hashlib.sha256(json.dumps([job.resolution, len(listing.class_names)]).encode())
    codes = None if listing.groups is None else np.unique(listing.groups, return_inverse=True)[1].astype(np.int64)
    counts, skipped = {}, []
    for split in SPLITS:
        indices = np.flatnonzero(splits == split)
        of_split = [record for record in records if record["split"] == split]
        unreadable = [row for record in of_split for row, _ in record["unreadable"]]
        skipped += [listing.images.names[i] for i in indices[unreadable].tolist()]
        kept = np.delete(np.arange(len(indices)), unreadable)
        if not len(kept):
            raise UserError(f"{described.name}: no image of the {split} part can be read")
        if unreadable:
            _keep_rows(job.folder / f"{split}.images.npy", kept)
        indices = indices[kept]
        digests = np.frombuffer(bytes.fromhex("".join(d for r in of_split for d in r["digests"])), np.uint8)
        digests = digests.reshape(-1, 32)[kept]
        labels = listing.labels[indices].astype(np.int64)
        content.update(split.encode() + digests.tobytes() + labels.astype("<i8").tobytes())
        np.save(job.folder / f"{split}.digests.npy", digests)
        np.save(job.folder / f"{split}.labels.npy", labels)
        if codes is not None:
            np.save(job.folder / f"{split}.groups.npy", codes[indices])
        names = json.dumps([listing.images.names[i] for i in indices.tolist()])
        (job.folder / f"{split}.names.json").write_text(names, encoding="utf-8")
        counts[split] = {
            "images": len(kept),
            "counts": np.bincount(labels, minlength=len(listing.class_names)).tolist(),
        }
    mean, std = _statistics(
        [r for r in records if r["split"] == "train"], counts["train"]["images"] * job.resolution**2
    )
    manifest = {
        "format": FORMAT,
        "name": described.name,
        "resolution": job.resolution,
        "class_names": list(listing.class_names),
        "splits": counts,
        "carved": {"test": described.test, "validation": described.validation, "seed": described.seed},
        "mean": mean,
        "std": std,
        "skipped": skipped,
        "content": content.hexdigest(),
        "plan": plan,
    }
    for name in ("journal.jsonl", "plan.json"):
        (job.folder / name).unlink()
    for path in job.folder.iterdir():
        with path.open("rb") as file:
            os.fsync(file.fileno())
    with write_atomically(job.folder / "manifest.json") as path:
        path.write_text(json.dumps(manifest, indent=1), encoding="utf-8")


def _statistics(records: list[dict[str, Any]], pixels: int) -> tuple[list[float], list[float]]:
    """Mean and standard deviation of each channel, of pixel values in [0, 1], from exact sums."""
    mean = [sum(r["sums"][c] for r in records) / pixels / 255 for c in range(3)]
    square = [sum(r["squares"][c] for r in records) / pixels / 255**2 for c in range(3)]
    return mean, [max(s - m * m, 0.0) ** 0.5 or 1.0 for m, s in zip(mean, square, strict=True)]


def _keep_rows(path: Path, kept: np.ndarray) -> None:
    """Leaves some rows of a large array out, a block at a time."""
    whole = np.load(path, mmap_mode="r")
    with write_atomically(path) as temporary:
        smaller = np.lib.format.open_memmap(
            temporary, mode="w+", dtype=whole.dtype, shape=(len(kept), *whole.shape[1:])
        )
        for start in range(0, len(kept), 512):
            smaller[start : start + 512] = whole[kept[start : start + 512]]
        smaller.flush()


def _rename(part: Path, target: Path) -> None:
    """`part` takes the place of `target`."""
    old = target.with_name(f".{target.name}.old")
    shutil.rmtree(old, ignore_errors=True)
    if target.exists():
        target.rename(old)
    part.rename(target)
    shutil.rmtree(old, ignore_errors=True)
