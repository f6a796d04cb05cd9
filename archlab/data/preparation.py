"""Preparing: every image decoded and resized once, into a store that is whole or is not there."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import logging
from contextlib import suppress
from pathlib import Path
from typing import Any, Literal, NamedTuple, TypedDict

import numpy as np
from filelock import FileLock

from archlab.data.chunks import Job, allocate, check_space, cut, decode_all, still_there
from archlab.data.completion import complete
from archlab.data.download import Progress
from archlab.data.entries import Entry, Fit, entry
from archlab.data.intact import check_intact
from archlab.data.listing import SPLITS, Listing
from archlab.data.moving import moved_aside
from archlab.data.prepared import FORMAT, DamagedDataError, Prepared, fitted, folder, open_current
from archlab.data.reading import read_source
from archlab.data.sources import Material, clear_unpacked, find_material, said_missing, unpacked
from archlab.data.splits import settle_splits
from archlab.data.twins import LEFT_OUT, as_settled, twins_together
from archlab.foundation import UserError, clear, replace_folder, with_store
from archlab.foundation.files import naming
from archlab.foundation.own_code import is_own

_log = logging.getLogger("archlab")


def prepare(
    name: str,
    home: Path,
    *,
    source: Path | None = None,
    resolution: int | None = None,
    fit: Fit | None = None,
    workers: int = 1,
    on_unreadable: Literal["stop", "skip"] = "stop",
    progress: Progress | None = None,
) -> Prepared:
    """Prepares the dataset `name` and opens it; what is prepared already, from the same source, is kept.

    Args:
        source: Archives, or the folder that they unpack to. None: what the catalogue names, downloaded if need be.
        resolution: Pixels; None: the catalogue's.
        fit: How images become square, see `decode`; None: as the catalogue says.
        workers: Processes that decode.
        on_unreadable: "stop" at an image that cannot be read, or "skip" it; the manifest lists what was skipped.

    What is damaged is prepared anew. Interrupted, it leaves what is done under a temporary name, and the next call continues
    there. Which images are one is decided at the catalogue's resolution, so that the splits are the same at every other.
    Raises UserError for a source that cannot be used.
    """
    catalogued = entry(name, home)
    described, resolution = fitted(catalogued, fit), resolution or catalogued.resolution
    settings: _Settings = {"workers": workers, "on_unreadable": on_unreadable, "progress": progress}
    settled = None
    if catalogued.together and (resolution != catalogued.resolution or catalogued.other(fit)):
        settled = prepare(name, home, source=source, **settings)
    target = folder(home, name, resolution, catalogued.other(fit))
    base = target.parent
    base.mkdir(parents=True, exist_ok=True)
    with FileLock(base / ".lock"), naming(target):
        known = _known(described, target)
        shipped = not is_own(described.source)  # an own reader may have changed
        if known and shipped and described.archives and source is None:
            return known
        material = find_material(described, source, base, progress)
        origin = material.fingerprint()
        if known and shipped and material.packed and not material.links and known.manifest["archives"] == origin:
            return known
        root = unpacked(material, base, progress) if material.packed else source
        try:
            listing, splits = _read(described, root)
        except UserError as error:
            clear_unpacked(base)
            raise _of_source(error, root, source or base / "downloads", material) from None
        plan = _plan(described, listing, splits, resolution)
        if known is None or known.manifest["plan"] != plan:
            facts = {"plan": plan, "archives": origin}
            replace_folder(_decoded(target, described, listing, splits, resolution, facts, settled, settings), target)
        clear_unpacked(base)
    return Prepared(target, described)


class _Settings(TypedDict):
    workers: int
    on_unreadable: Literal["stop", "skip"]
    progress: Progress | None


def _decoded(
    target: Path,
    described: Entry,
    listing: Listing,
    splits: np.ndarray,
    resolution: int,
    facts: dict[str, Any],
    settled: Prepared | None,
    settings: _Settings,
) -> Path:
    """A whole store in the folder that it grew in, with `facts` in its manifest.

    Where twins stand together the splits are `settled` already, or are settled by what is decoded, which then moves.
    """
    twins = as_settled(settled, listing) if settled else None
    before, splits = splits, twins.splits if twins else splits
    part = _part(target, described, facts["plan"], splits)
    job = Job(listing.images, part, resolution, described.fit, described.white)
    records = _decode(job, splits, settings)
    if described.together and twins is None:
        twins = twins_together(job, described, listing, splits, records, settings["progress"])
        splits = twins.splits
    if twins:
        listing, facts = _noted(listing, splits), {**facts, "twins": twins.counts()}
    sets = twins.sets if twins else None
    if twins and not settled and (splits != before).any():
        with moved_aside(job, before, records) as images:
            part = _part(target, described, facts["plan"], splits)
            job = dataclasses.replace(job, images=images, folder=part)
            records = _decode(job, splits, settings)
            complete(job, described, listing, splits, records, facts, sets)
    else:
        complete(job, described, listing, splits, records, facts, sets)
    return job.folder


class Need(NamedTuple):
    """Prepared data that something needs: a dataset at so many pixels, and its fit where it is not the catalogue's."""

    name: str
    resolution: int
    fit: Fit | None = None


def open_prepared(
    name: str, home: Path, resolution: int | None = None, fit: Fit | None = None, *, thoroughly: bool = False
) -> Prepared:
    """The prepared dataset `name` at `resolution` and with `fit` (None: the catalogue's), intact; see `check_intact`.

    The sample datasets prepare themselves on first use, and where they are damaged. Raises UserError with the command to call
    for any other.
    """
    described = entry(name, home)
    resolution = resolution or described.resolution
    path = folder(home, name, resolution, described.other(fit))
    why = "has changed in the catalogue" if path.exists() else f"is not prepared at {resolution} pixels"
    try:
        if found := open_current(fitted(described, fit), path):
            check_intact(found, thoroughly=thoroughly)
            return found
    except DamagedDataError as damage:
        why = f"is damaged ({damage.message})"
        if described.sample:
            _log.warning("warning: %s %s, and prepared anew", name, why)
    if described.sample:
        return prepare(name, home, resolution=resolution, fit=fit)
    raise UserError(f"{name} {why}: {_command(described, home, resolution, fit)}")


def command_to_prepare(name: str, home: Path, resolution: int, fit: Fit | None = None) -> str | None:
    """The command that prepares a dataset; None where it is prepared, or prepares itself."""
    described = entry(name, home)
    path = folder(home, name, resolution, described.other(fit))
    with suppress(DamagedDataError):
        if described.sample or open_current(fitted(described, fit), path):
            return None
    return _command(described, home, resolution, fit)


def _command(described: Entry, home: Path, resolution: int, fit: Fit | None) -> str:
    options = "" if resolution == described.resolution else f" --resolution {resolution}"
    options += f" --fit {fit}" if described.other(fit) else ""
    options += " --from PATH" if described.archives else ""
    return with_store(f"archlab datasets prepare {described.name}{options}", home)


def _known(described: Entry, target: Path) -> Prepared | None:
    """What is prepared already and may be kept; a store that cannot be opened, or is damaged, is prepared anew."""
    with suppress(UserError):
        if found := open_current(described, target):
            check_intact(found, thoroughly=True)
            return found if "twins" in found.manifest or not described.together else None
    return None


def _read(described: Entry, root: Path | None) -> tuple[Listing, np.ndarray]:
    listing = read_source(described, root)
    if len(listing.class_names) != described.classes:
        raise UserError(
            f"{described.name}: the catalogue says {described.classes} classes, the source has {len(listing.class_names)}",
            where=described.where,
        )
    return listing, settle_splits(listing, described)


def _of_source(error: UserError, root: Path | None, source: Path, material: Material) -> UserError:
    """What a reader said of what was unpacked at `root`, as said of where that came from."""
    if material.packed:
        error.message = error.message.replace(str(root), str(source))
        error.where = error.where and error.where.replace(str(root), str(source))
        if material.missing:
            error.message += f"; {said_missing(material.missing)}"
    return error


def _noted(listing: Listing, splits: np.ndarray) -> Listing:
    count = int((splits == LEFT_OUT).sum())
    grouped = "" if listing.groups is None else ", or of one group with them"
    note = f"{count:,} images left out: copies of such in the test or the validation part{grouped}"
    return listing.noted(note) if count else listing


def _plan(described: Entry, listing: Listing, splits: np.ndarray, resolution: int) -> str:
    """SHA-256 of everything that decides the store, so that only the same preparation is continued or kept."""
    initials = "".join(split[0] for split in splits)
    parts = [FORMAT, listing.fingerprint(), initials, resolution, described.fit, described.white]
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()


def _part(target: Path, described: Entry, plan: str, splits: np.ndarray) -> Path:
    """The folder that the store grows in: as an interrupted one of the same plan, source and splits left it, or empty."""
    part = target.with_name(f".{target.name}.part")
    note, decided = part / "plan", json.dumps([plan, described.source, described.options, splits.tolist()])
    digest = hashlib.sha256(decided.encode()).hexdigest()
    if not note.exists() or note.read_text(encoding="utf-8") != digest:
        clear(part)
        part.mkdir()
        note.write_text(digest, encoding="utf-8")
    return part


def _decode(job: Job, splits: np.ndarray, settings: _Settings) -> list[dict[str, Any]]:
    """Decodes what the journal does not list yet; the records of all chunks, in order."""
    journal = job.folder / "journal.jsonl"
    rows = {split: np.flatnonzero(splits == split) for split in SPLITS}
    chunks = [chunk for split in SPLITS for chunk in cut(job, split, rows[split])]
    if not journal.exists():
        check_space(job, sum(map(len, rows.values())))
        for split in SPLITS:
            allocate(job, split, len(rows[split]))
    skips = settings["on_unreadable"] == "skip"  # as what was interrupted may have, where this one does not
    known = [record for record in _read_journal(journal) if skips or not record["unreadable"]]
    done = {(record["split"], record["start"]): record for record in known if still_there(job, record)}
    records = [*done.values()]  # what was lost and done again is listed twice
    count = sum(len(record["digests"]) for record in records)
    with journal.open("a", encoding="utf-8") as file:
        for record in decode_all(job, [c for c in chunks if (c.split, c.start) not in done], settings["workers"]):
            if record["unreadable"] and not skips:
                row, reason = record["unreadable"][0]
                name = job.images.names[int(rows[record["split"]][row])]
                raise UserError(f"{name} cannot be read: {reason}; --on-unreadable skip leaves such images out")
            file.write(json.dumps(record) + "\n")
            file.flush()
            records.append(record)
            count += len(record["digests"])
            if progress := settings["progress"]:
                progress("decoding", count, len(splits))
    return sorted(records, key=lambda record: (record["split"], record["start"]))


def _read_journal(path: Path) -> list[dict[str, Any]]:
    records = []
    for line in path.read_text(encoding="utf-8").splitlines() if path.exists() else []:
        try:
            records.append(json.loads(line))
        except ValueError:  # the line that an interruption cut short
            continue
    return records
