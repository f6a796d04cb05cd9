"""What is found in a folder of images: described, prepared and checked, once for as long as it holds the same."""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
from filelock import FileLock

from archlab.data import Entry, Listing, Prepared, add_dataset, entry, inspect, open_prepared, prepare, remove_dataset
from archlab.data.chunks import WorkerKilledError
from archlab.data.download import Progress
from archlab.data.entries import user_catalogue
from archlab.data.given import source_given
from archlab.data.own import said_of_one_class
from archlab.data.readers.labels import SPLIT_NAMES
from archlab.data.readers.places import folders
from archlab.data.reading import read_source
from archlab.foundation import UserError, check_file, clear, real
from archlab.foundation.machine import core_count
from archlab.foundation.words import duration
from archlab.pick.findings import found_in, of_every_part
from archlab.pick.remembered import Known, called, find_known, remember
from archlab.runs import Store

Say = Callable[[str], None]

_IMAGES_A_PROCESS = 128  # at least: of a phone they take some 5 seconds, and a process takes one to start
_SECONDS_SILENT = 10
_VALIDATED = 200  # images: where a tenth of those for training is fewer,
_LARGER_SHARE = 0.2  # of them validates
_TOGETHER: tuple[Literal["near", "identical"], ...] = ("near", "identical")


@dataclass(frozen=True)
class Source:
    """Where images are, and the columns of a table and whether there are series as `archlab datasets add` has them.

    A folder alone holds a folder for each class, metadata.csv or Parquet. A table alone says where its images are. With both,
    the table is of the images in the folder, or, where its train/ holds folders of classes, of a flat part beside.
    Raises UserError with neither.
    """

    folder: Path | None = None
    csv: Path | None = None
    image_column: str | None = None
    label_column: str | None = None
    group_column: str | None = None
    split_column: str | None = None
    series: bool = False

    def __post_init__(self) -> None:
        if self.folder is None and self.csv is None:
            raise UserError("say where the images are: in a folder, or by a table (--csv)")


@dataclass(frozen=True)
class Described:
    """Images as they are found: `name` and `entry` of the catalogue, `prepared` at the entry's resolution, `facts`.

    `facts`: plain JSON values, see `archlab.pick.findings.found_in`, and `name` and `source`.
    """

    name: str
    entry: Entry
    prepared: Prepared
    facts: dict[str, Any]


def describe(source: Source, store: Store, say: Say) -> Described:
    """Describes, prepares and checks images; `say` is told what is going on, then the lines and the remarks of the facts.

    Identical and nearly identical images stand on one side of the splits. Where the source has splits of its own, these are
    kept as they are, copies in different parts are counted, and what is carved beside is free of them where a class has others.
    Images that are so alike that nothing could be tested are kept together only where they are identical.

    What has been described before is found by the paths: it is described anew, under the same name, only where names, sizes or
    times of images, classes, columns or what is beside the images have changed. Of a folder that was moved the name stays;
    another that is called alike gets a number after it.

    A class is learned from one image on. One with fewer than three that differ has none to choose by, or none to test with, and
    the remarks say so. Raises UserError where fewer than two classes can be tested, and for a source that cannot be used:
    nothing of it stays then. Where a process that decodes was killed all stays, and the same call continues.
    """
    reader, options = _given(source)
    wanted = called(Path(options["path"]) if source.folder is None else real(source.folder))
    listing = _read(wanted, reader, options)
    place = store.home / "datasets"
    place.mkdir(parents=True, exist_ok=True)
    with FileLock(place / ".lock"):  # another process may describe a folder that is called alike
        known = find_known(wanted, reader, options, listing, store.home)
        described = _as_before(known, store)
        if not described:
            remember(known, store.home)
    if described:
        say(f"{known.name} was described before, and has not changed.")
    else:
        if known.name != wanted:
            say(f"Another dataset is called {wanted}: this one is {known.name}.")
        if known.changed:
            what = f"The images of {known.name}, the times of their files or what is told of them"
            say(f"{what} have changed: they are described anew.")
        described = _described(known, listing, store, say)
    for line in (*described.facts["lines"], *described.facts["remarks"]):
        say(line)
    return described


def _given(source: Source) -> tuple[str, dict[str, Any]]:
    folder, table = (path and real(check_file(path)) for path in (source.folder, source.csv))
    columns = {key: getattr(source, f"{key}_column") for key in ("image", "label", "group", "split")}
    if folder is None or table is None:
        return source_given({"folder": folder, "csv": table}, columns, series=source.series)
    source_given({"folder": folder, "csv": table}, {})  # refuses what is no folder
    in_classes = any(SPLIT_NAMES.get(below.name.lower()) == "train" and folders(below) for below in folders(folder))
    if in_classes:
        return source_given({"folder": folder, "csv": table}, columns, series=source.series)
    return source_given({"csv": table}, columns, image_folder=folder, series=source.series)


def _read(name: str, reader: str, options: dict[str, Any]) -> Listing:
    """What the source holds, if there are two classes that may be tested."""
    listing = read_source(Entry(name, name, "own", 1, 1, "not stated", reader, options), None)
    place = options["path"]
    if len(listing.class_names) < 2:
        raise UserError(said_of_one_class(listing, reader, options), where=place)
    labels = listing.labels
    if listing.groups is not None:  # of which each stays on one side
        _, groups = np.unique(listing.groups, return_inverse=True)
        labels = np.unique(np.stack([groups, labels], axis=1), axis=0)[:, 1]
    if (listing.splits == "").all() and (np.bincount(labels) >= 3).sum() < 2:
        raise UserError(_too_few(listing), where=place)
    return listing


def _too_few(listing: Listing) -> str:
    grouped = "" if listing.groups is None else ", each of another group or series"
    needed = f"to learn from, to choose by and to test with, a class needs three images that differ{grouped}"
    return f"{needed}, and fewer than two of the {len(listing.class_names)} classes have them"


def _as_before(known: Known, store: Store) -> Described | None:
    """What was found before, where neither the source nor what is prepared of it has changed."""
    if known.facts is None or known.changed or "groups" not in known.facts:
        return None
    with suppress(UserError):  # what is damaged or gone is prepared anew
        prepared = open_prepared(known.name, store.home)
        if prepared.digest == known.digest:
            return Described(known.name, prepared.entry, prepared, known.facts)
    return None


def _described(known: Known, listing: Listing, store: Store, say: Say) -> Described:
    try:
        together, prepared = _prepared(known, listing, store.home, say)
    except UserError as error:
        if isinstance(error, WorkerKilledError):
            raise
        _forget(known.name, store.home)
        place = Path(re.sub(r":\d+$", "", error.where or ""))
        entry_here = user_catalogue(store.home) / f"{known.name}.yaml"
        prepared_here = store.home / "datasets" / known.name
        ours = error.where is None or place == entry_here or place.is_relative_to(prepared_here)
        message = error.message.removeprefix(f"{known.name}: ")
        raise error.said_as(message, known.options["path"] if ours else error.where) from None
    inspection = inspect(prepared, _said_now_and_then(say))
    facts = {"name": known.name, "source": known.options["path"], **found_in(prepared, listing, inspection, together)}
    remember(known, store.home, notes=listing.notes, digest=prepared.digest, facts=facts)
    return Described(known.name, entry(known.name, store.home), prepared, facts)


def _prepared(known: Known, listing: Listing, home: Path, say: Say) -> tuple[str, Prepared]:
    """The images with as much kept together as leaves two classes to test."""
    count = len(listing.labels)
    about: dict[str, Any] = {"copies": "kept"}
    if ((listing.splits == "") | (listing.splits == "train")).sum() < 10 * _VALIDATED:
        about["validation"] = _LARGER_SHARE
    refusal = UserError(_too_few(listing), where=known.options["path"])
    for together in _TOGETHER:
        described, _, _ = add_dataset(
            known.name, home, known.reader, known.options, {**about, "together": together}, replace=True
        )
        if together == _TOGETHER[0]:
            say(f"Reading {count:,} images at {described.resolution} x {described.resolution} pixels.")
        try:
            prepared = prepare(
                known.name,
                home,
                workers=min(core_count(), -(-count // _IMAGES_A_PROCESS)),
                on_unreadable="skip",
                progress=_said_now_and_then(say),
            )
        except WorkerKilledError:
            raise
        except UserError as error:
            refusal = error
            continue
        if len(of_every_part(prepared)) >= 2:
            return together, prepared
    raise refusal


def _forget(name: str, home: Path) -> None:
    if (user_catalogue(home) / f"{name}.yaml").exists():
        remove_dataset(name, home)
    else:
        clear(home / "datasets" / name)


def _said_now_and_then(say: Say) -> Progress:
    """Says how far a step is, and how long the rest of it takes at the pace so far."""
    said = time.monotonic()
    current, began, before, latest = "", said, 0, 0

    def progress(step: str, done: int, total: int) -> None:
        nonlocal said, current, began, before, latest
        now = time.monotonic()
        if step != current or done < latest:  # the first of it: some may have been done by a command before
            current, began, before = step, now, done
        latest = done
        if now - said > _SECONDS_SILENT:
            said = now
            left = (total - done) * (now - began) / (done - before) if done > before else None
            say(f"{step}: {done:,} of {total:,}" + ("" if left is None else f", about {duration(left)} left"))

    return progress
