"""A folder of folders: one a class, below train/, validation/ and test/ where there are such."""

from __future__ import annotations

import dataclasses
import os
import unicodedata
from collections.abc import Callable, Collection, Iterator
from pathlib import Path

import numpy as np

from archlab.data.listing import ImageFiles, Listing
from archlab.data.readers.file_names import classes_told, masks, originals
from archlab.data.readers.labels import parts_named
from archlab.data.readers.nesting import is_class, nested, unwrapped
from archlab.data.readers.no_classes import check_classes, check_second_copy
from archlab.data.readers.places import (
    broken_links,
    folders,
    hidden_folders,
    how_to_read,
    images_below,
    is_image,
    kinds,
    left_out,
    locate,
    table_told,
    within,
)
from archlab.data.readers.series import series_of, told_of_kept, told_of_series
from archlab.foundation import UserError, real


def read(
    root: Path | None,
    *,
    path: Path | None = None,
    test: str | None = None,
    class_names: dict[str, str] | None = None,
    series: bool = False,
) -> Listing:
    """Options: `path`, the folder, where the source is no archive; `test`, the folder of the test part, where it has
    another name; `class_names`, what to call the classes whose folders have codes for names; `series`, whether images of a
    series are of one group (see `archlab.data.readers.series`).
    """
    place = root or path
    assert place is not None, "read_source has seen to it"
    folder = locate(place, "train", test) if test else place
    if not folder.is_dir():
        raise UserError("there is no such folder", where=str(folder))
    folder = unwrapped(folder)
    parts = parts_of(folder, test)
    if list(parts) == ["train"] and is_class(parts["train"], _beside(folder, parts)):
        parts = {"": folder}
    parts = {split: unwrapped(part) if split else part for split, part in parts.items()}
    doubtful = check_classes(parts)
    note = nested(parts.get("train", folder))
    listing = list_classes(folder, parts, called=lambda name: (class_names or {}).get(name, name))
    check_second_copy(folder, listing.images.names)
    below = _below_classes(listing, folder, parts)
    if not series:
        groups, copies = originals(listing.images.names)
        drawn = not {"validation", "test"} <= parts.keys()
        serial = told_of_series(listing.images.names, below, listing.labels) if drawn else None
    else:  # an image and its copies are of one
        groups, copies = series_of(listing.images.names, below), []
        serial = told_of_kept(groups, listing.splits)
    notes = (*filter(None, [note, serial]), *doubtful, *copies, *_notes_on_others(folder, parts))
    return dataclasses.replace(listing, groups=groups).noted(*notes)


def _below_classes(listing: Listing, folder: Path, parts: dict[str, Path]) -> list[str]:
    """The paths of the images below the folders of their classes."""
    above = {
        split: f"{os.path.relpath(part, folder)}{os.sep}".removeprefix(f".{os.sep}") for split, part in parts.items()
    }
    rows = zip(listing.images.names, listing.splits.tolist(), strict=True)
    return [name.removeprefix(above[split]).partition(os.sep)[2] for name, split in rows]


def list_classes(
    folder: Path,
    parts: dict[str, Path],
    *,
    class_of: Callable[[str], str] = lambda image: image.partition(os.sep)[0],
    called: Callable[[str], str] = str,
    without: Collection[Path] = (),
) -> Listing:
    """The images of `folder`, whose `parts` hold a folder for each class.

    `class_of`: the class of an image, from its path below its part; classes are in the order of these words, by default
    of the folders' names. `called`: the name of a class. `without`: folders that are no classes.
    """
    files: list[str] = []
    classes: list[str] = []
    splits: list[str] = []
    ignored: list[str] = []
    masking: list[str] = []
    for split, part in parts.items():
        for class_folder in (below for below in folders(part) if below not in without):
            found, others = images_below(class_folder, linked=True)
            ignored += others
            if not found:
                raise UserError(_empty(class_folder, others), where=str(class_folder))
            of_others = set(masks(found))
            masking += sorted(of_others)
            found = [file for file in found if file not in of_others]
            files += [file.removeprefix(f"{folder}{os.sep}") for file in found]
            classes += [_plain(class_of(file.removeprefix(f"{part}{os.sep}"))) for file in found]
            splits += [split] * len(found)
    if not files:
        expected = "a folder of images for each class, train/ and test/ of such folders, or a table of labels (--csv)"
        raise UserError(_held(folder, expected), where=str(folder))
    names, labels = np.unique(classes, return_inverse=True)
    unknown = f"left out, since they are no images of a known format: {kinds(ignored)}"
    told = "; ".join(filter(None, [unknown, how_to_read(ignored)]))
    return Listing(
        tuple(called(str(name)) for name in names),
        ImageFiles(folder, files),
        labels.astype(np.int64),
        np.array(splits),
        notes=(
            *([told] if ignored else []),
            *([left_out(masking, "called as masks of others")] if masking else []),
            *_unseen(list(parts.values())),
        ),
    )


def _beside(folder: Path, parts: dict[str, Path]) -> list[Path]:
    """The folders beside those that the parts are, or are in."""
    if parts.keys() == {""}:
        return []
    return [below for below in folders(folder) if not any(part.is_relative_to(below) for part in parts.values())]


def _notes_on_others(folder: Path, parts: dict[str, Path]) -> Iterator[str]:
    """What is said of images that no class has: beside the folders of classes, or beside those of the parts."""
    unreadable: list[UserError] = []
    lost = [image for part in {folder, *parts.values()} for image in _loose(part)]
    for below in _beside(folder, parts):
        lost += images_below(below, linked=True, unreadable=unreadable)[0]
    if lost:
        yield left_out(lost, "in no class's folder")
    yield from map(str, unreadable)


def _unseen(parts: Collection[Path]) -> Iterator[str]:
    """What is said of classes whose folders are hidden, or links to nothing."""
    lost: list[str] = []
    unreadable: list[UserError] = []
    for below in (below for part in parts for below in hidden_folders(part)):
        lost += images_below(below, unreadable=unreadable)[0]
    if lost:
        yield left_out(lost, "in folders whose names begin with a dot or with __")
    yield from map(str, unreadable)
    yield from (f"{link} is a link that leads nowhere" for part in parts for link in broken_links(part))


def _empty(folder: Path, others: list[str]) -> str:
    """What is said of the folder of a class without images, which holds `others`."""
    if others:
        told = f"holds no images of a known format, but {kinds(others)}: an empty class cannot be learnt"
        return f"{told}, {how_to_read(others) or 'convert images to JPEG or PNG'}"
    if real(folder) in real(folder.parent / "_").parents:
        return "is a link to a folder that holds it: remove the link"
    return "holds no images: an empty class cannot be learnt, remove the folder"


def _plain(name: str) -> str:
    """The name of a class with an accent written in one way, and without blanks around it."""
    return unicodedata.normalize("NFC", name.strip() or name)


def _held(folder: Path, expected: str) -> str:
    """What is in a folder that holds no class, where something else is `expected`."""
    if loose := _loose(folder):
        told = f"holds {len(loose):,} images outside folders, of which nobody knows the class"
        return f"{told}: expected {expected}{table_told(folder)}{classes_told(loose)}"
    others = images_below(folder)[1]
    told = f"holds no images of a known format, but {kinds(others)}" if others else "holds no images"
    return "; ".join(filter(None, [f"{told}: expected {expected}", how_to_read(others)]))


def _loose(folder: Path) -> list[str]:
    return [entry.path for entry in within(folder) if is_image(entry.name) and os.path.isfile(entry)]  # noqa: PTH113


def parts_of(folder: Path, test: str | None = None) -> dict[str, Path]:
    """The folders of the parts by split; "" for the folder itself where it has none.

    A folder called train or test that holds images, not folders, is a class. `test`: as the option of `read`.
    """
    parts: dict[str, Path] = {}
    inside = folders(folder)
    for below, split in zip(inside, parts_named([below.name for below in inside]), strict=True):
        if test is not None and (below.name == test or split == "test"):
            split = "test" if below.name == test else ""
        if split and folders(below):
            if split in parts:
                raise UserError(f"{parts[split].name}/ and {below.name}/ both hold the {split} part", where=str(folder))
            parts[split] = below
    if parts and "train" not in parts:
        raise UserError(
            f"has {' and '.join(part.name for part in parts.values())} but no train folder", where=str(folder)
        )
    return parts or {"": folder}
