"""A folder of images with a metadata.csv or .jsonl, as Hugging Face's image folders have, or Roboflow's _classes.csv: beside
the images of each part (train/metadata.csv), or one for all, of which images in train/ and test/ are of these parts."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from archlab.data.listing import ImageFiles, Listing
from archlab.data.readers.csv import read_rows
from archlab.data.readers.finding import ImageFinder
from archlab.data.readers.labels import SPLIT_NAMES, Row, parts_named, table_listing
from archlab.data.readers.places import folders, images_below, notes_on_others
from archlab.foundation import UserError
from archlab.foundation.files import is_file

FILES = {
    "metadata.csv": "file_name",
    "metadata.jsonl": "file_name",
    "_classes.csv": "filename",
}  # the column of the image


def tables(folder: Path) -> dict[str, Path]:
    """The tables below `folder`, by split ("": one for all).

    Raises UserError for two of one part, and where the folder cannot be read.
    """
    found = {"": table} if (table := _table_in(folder)) else {}
    for split, part in _parts(folder):
        if table := _table_in(part):
            if split in found:
                both = f"{found[split].parent.name}/ and {part.name}/"
                raise UserError(f"{both} both hold a {table.name} of the {split} part", where=str(folder))
            found[split] = table
    return found


def _table_in(folder: Path) -> Path | None:
    return next((folder / name for name in FILES if is_file(folder / name)), None)


def _parts(folder: Path) -> list[tuple[str, Path]]:
    inside = folders(folder)
    named = zip(parts_named([below.name for below in inside]), inside, strict=True)
    return [(split, below) for split, below in named if split]


def read(
    root: Path | None,
    *,
    path: Path,
    label: str,
    image: str | None = None,
    group: str | None = None,
    split: str | None = None,
) -> Listing:
    """Options: `path` of the folder; columns `image` (default: that of such a table), `label`, `group`, `split`."""
    folder = root or path
    found = tables(folder)
    if not found:
        raise UserError(f"holds no {' or '.join(FILES)}", where=str(folder))
    _check_parts(folder, found)
    rows = sorted(
        row._replace(file=str(table.parent.relative_to(folder) / row.file), split=row.split or part)
        for part, table in found.items()
        for row in read_rows(table, image or FILES[table.name], label, group, split)
    )
    files = _found(folder, [row.file for row in rows])
    notes = notes_on_others(folder, files, f"that {next(iter(found.values())).name} does not name")
    return table_listing(ImageFiles(folder, files), _in_parts(rows, files), folder).noted(*notes)


def _in_parts(rows: Sequence[Row], files: Sequence[str]) -> Sequence[Row]:
    """The rows, those of no part in that which the folder of their image is called as, if training and another are there."""
    parts = [next((SPLIT_NAMES.get(word.lower(), "") for word in Path(file).parts[:-1]), "") for file in files]
    if "train" not in parts or not {"validation", "test"} & set(parts):
        return rows
    return [row._replace(split=row.split or part) for row, part in zip(rows, parts, strict=True)]


def _found(folder: Path, names: Sequence[str]) -> list[str]:
    """The paths that are named; of files that are spelled otherwise, the real one."""
    finder = ImageFinder(folder)
    return [name if is_file(folder / name) else finder.find(name) or name for name in names]


def _check_parts(folder: Path, found: dict[str, Path]) -> None:
    """Raises UserError for a part that is in folders of classes where others have tables."""
    for _, part in _parts(folder) if "" not in found else ():
        if not _table_in(part) and any(images_below(below, linked=True)[0] for below in folders(part)):
            table = next(iter(found.values()))
            told = f"holds folders of images and no {table.name}, but there is {table.relative_to(folder)}"
            raise UserError(f"{told}: give every part one, or none", where=str(part))
