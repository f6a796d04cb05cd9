"""Training images in folders of classes, and a flat folder of others with a list: as ImageNet, Tiny ImageNet and
MiniPlaces have their validation images."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from archlab.data.listing import ImageFiles, Listing
from archlab.data.readers.csv import IMAGE, LABEL, read_rows
from archlab.data.readers.file_names import originals
from archlab.data.readers.finding import ImageFinder, find_all
from archlab.data.readers.folder import list_classes, parts_of
from archlab.data.readers.labels import SPLIT_NAMES, in_one_spelling, named_again
from archlab.data.readers.places import folders, holds_images, notes_on_others
from archlab.foundation import UserError


def read(
    root: Path | None,
    *,
    path: Path,
    table: Path,
    image: str = IMAGE,
    label: str = LABEL,
    split: str | None = None,
    images: Path | None = None,
) -> Listing:
    """Options: `path` of the folder; `table`, the list; its columns `image`, `label` and `split`; `images`, the flat
    folder, where it is not called as a part.

    A label is the name of a class's folder, or its number among them, from 0. Without a column `split` an image belongs
    to the part that its folder is called as, else to the one that the list is called as, else to validation.
    """
    folder = root or path
    if not folder.is_dir():
        raise UserError("there is no such folder", where=str(folder))
    rows = read_rows(table, image, label, split=split)
    flat = [images] if images else _flat_folders(folder, table)
    files, notes = find_all(ImageFinder(folder, [*flat[:1], table.parent]), [row.file for row in rows], table)
    listed = list_classes(folder, _labelled_parts(folder, files), without=flat)
    twice = sorted(set(files) & set(listed.images.names))
    if twice:
        raise UserError(f"{twice[0]} stands in the list and in a class's folder", where=str(table))
    numbers = _numbers(in_one_spelling([row.label for row in rows]), listed.class_names, table)
    found = [*listed.images.names, *files]
    others = notes_on_others(folder, found, "in no class's folder and not in the list")
    splits = [row.split or _part(file, table) for row, file in zip(rows, files, strict=True)]
    groups, copies = originals(found)
    return Listing(
        listed.class_names,
        ImageFiles(folder, found),
        np.concatenate([listed.labels, numbers]),
        np.concatenate([listed.splits, splits]),
        groups,
        (*listed.notes, *notes, *named_again(files), *copies, *others),
    )


def _flat_folders(folder: Path, table: Path) -> list[Path]:
    """Folders of images called as parts; first that of the list's name, else one beside the list, else of validation."""
    parts = {
        below: split for below in folders(folder) if (split := SPLIT_NAMES.get(below.name.lower(), "train")) != "train"
    }
    called = SPLIT_NAMES.get(table.stem.lower())

    def rank(part: Path) -> tuple[bool, bool, bool]:
        return parts[part] != called, part not in table.parents, parts[part] != "validation"

    inside = {part: folders(part) for part in parts}
    places = [inside[part][0] if len(inside[part]) == 1 else part for part in sorted(parts, key=rank)]
    return [place for place in places if holds_images(place)]


def _labelled_parts(folder: Path, listed: Sequence[str]) -> dict[str, Path]:
    """The parts that hold folders of classes: not those of listed images, nor images that nobody has labelled."""
    parts = parts_of(folder)
    classes = {below.name for below in folders(parts.get("train", folder))}
    return {
        split: part
        for split, part in parts.items()
        if split in ("", "train")
        or (
            classes & {below.name for below in folders(part)}
            and not any(file.startswith(f"{part.name}/") for file in listed)
        )
    }


def _numbers(labels: Sequence[str], classes: Sequence[str], table: Path) -> np.ndarray:
    """int64 (N,): the labels as indices of the classes."""
    index = {name: number for number, name in enumerate(classes)}
    if not set(labels) & set(index) and all(label.isdecimal() for label in labels):
        index = {str(number): number for number in range(len(classes))}
        labels = [label.lstrip("0") or "0" for label in labels]
    for label in labels:
        if label not in index:
            expected = f"a class's folder, or a number below {len(classes)}"
            raise UserError(f"the label {label!r} is not {expected}", where=str(table), name=label, known=classes)
    return np.array([index[label] for label in labels], np.int64)


def _part(file: str, table: Path) -> str:
    words = (*Path(file).parts[:-1], table.stem)
    return next((SPLIT_NAMES[word.lower()] for word in words if word.lower() in SPLIT_NAMES), "validation")
