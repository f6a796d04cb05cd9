"""A table with a row an image: its file, its label and, where there are such columns, its group and its part.

It is CSV, or JSON (see `records`).
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from archlab.data.listing import ImageFiles, Listing
from archlab.data.readers.finding import ImageFinder, find_all
from archlab.data.readers.labels import PART_WORDS, SPLIT_NAMES, Row, column, in_one_spelling, part_named, table_listing
from archlab.data.readers.one_hot import with_labels
from archlab.data.readers.places import folders, is_image, notes_on_others, within
from archlab.data.readers.records import is_json, records
from archlab.foundation import UserError
from archlab.foundation.files import is_file
from archlab.foundation.separated import separated, text_of

IMAGE, LABEL = "image", "label"  # the columns, unless others are named
_CALLED = {",": "commas", ";": "semicolons", "\t": "tabs", "|": "bars", " ": "blanks"}
_LOOKED_FOR = ",;\t"


def read(
    root: Path | None,
    *,
    path: Path,
    image: str,
    label: str,
    group: str | None = None,
    split: str | None = None,
    images: Path | None = None,
) -> Listing:
    """Options: `path` of the file; columns `image`, `label`, `group`, `split`; `images`, the folder that files are
    relative to (default: that of the CSV file). An image is a path, or what a file at any depth is called, with its
    suffix or without. Beside a table called train, those called as the other parts are read too."""
    file = root or path
    folder = images or file.parent
    columns = (image, label, group, split)
    finder = ImageFinder(folder)
    rows, files, told = _named_in(file, columns, finder)
    notes = [*told]
    classes = set(in_one_spelling([row.label for row in rows]))
    for part, table in [] if split else _beside(file):
        beside = f"{table.name} beside {file.name} is"
        try:
            of_part, found, told = _named_in(table, columns, finder)
        except UserError as error:
            notes.append(f"{beside} not read: {error.message}")
            continue
        if new := set(in_one_spelling([row.label for row in of_part])) - classes:
            notes.append(f"{beside} not read: has the class {min(new)!r}, and {file.name} has not")
            continue
        rows += [row._replace(split=row.split or part) for row in of_part]
        files += found
        notes += [f"{beside} the {part} part", *told]
    listing = table_listing(ImageFiles(folder, files), rows, file)
    others = notes_on_others(folder, files, f"that {file.name} does not name") if images else ()
    return listing.noted(*notes, *others)


def _named_in(
    table: Path, columns: tuple[str, str, str | None, str | None], finder: ImageFinder
) -> tuple[list[Row], list[str], tuple[str, ...]]:
    """The rows of a table, their images, and notes on these. Where the table is called as a part, images in a folder called so
    come first: of two images 0001.jpg, train.csv means train/0001.jpg."""
    rows = sorted(read_rows(table, *columns))  # so that no order in it decides a split
    split = SPLIT_NAMES.get(table.stem.lower())
    inside = [below.name for below in folders(finder.folder)] if split else []
    finder.bases = [name for name in inside if SPLIT_NAMES.get(name.lower()) == split]
    return rows, *find_all(finder, [row.file for row in rows], table)


def _beside(file: Path) -> list[tuple[str, Path]]:
    """The tables of the other parts, with their split, beside one of training images: test.txt beside train.txt."""
    if SPLIT_NAMES.get(file.stem.lower()) != "train":
        return []
    tables = sorted(Path(entry) for entry in within(file.parent) if entry.name.endswith(file.suffix))
    named = [(SPLIT_NAMES.get(path.stem.lower(), "train"), path) for path in tables if path.suffix == file.suffix]
    return [(split, path) for split, path in named if split != "train" and is_file(path)]


def read_rows(path: Path, image: str, label: str, group: str | None = None, split: str | None = None) -> list[Row]:
    """The rows of a table, from the columns of these names; of a list without headings, the columns are 1, 2, ...

    A first line `sep=;` says what parts the columns. Rows of empty fields alone are none. Where there is no column `label`, it
    may be one-hot (see `with_labels`). Raises UserError with the line.
    """
    columns = {name.strip() for name in (image, label, group, split) if name}
    table, delimiter = _table(path, columns)
    first = table[0][1] if table else []
    if not any(first):
        told = "begins with an empty line" if any(any(fields) for _, fields in table) else "is empty"
        raise UserError(told, where=str(path))
    if _is_row(first, image, label):
        known = [str(number) for number in range(1, len(first) + 1)]
        image, label, split = _numbered(first, image, label, split)
    else:
        known = first
        del table[0]
        if label == LABEL and image in known and label not in known:
            known, table = with_labels(known, table, LABEL, {image, group, split})
    names = [column(name.strip(), known, path) if name else "" for name in (image, label, group, split)]
    return [_row(at, fields, known, names, _CALLED[delimiter]) for at, fields in table if any(fields)]


def _table(path: Path, columns: set[str]) -> tuple[list[tuple[str, list[str]]], str]:
    """The line (FILE:LINE) and the cells of each row, without blanks around them, and what parts these."""
    text = text_of(path)
    if is_json(text):
        return records(text, path), ","
    return separated(text, path, lambda heading: _delimiter(heading, columns))


def _row(at: str, fields: list[str], known: Sequence[str], names: Sequence[str], called: str) -> Row:
    """A row, of which `names` are the columns of image, label, group and split; empty where there is no such column."""
    if any(fields[len(known) :]):
        raise UserError(
            f"has {len(fields)} fields, but there are {len(known)} columns: quote what holds {called}", where=at
        )
    cells = {**dict(zip(known, fields, strict=False)), "": ""}
    for name in names:
        if name and not cells.get(name):
            raise UserError(f"the column {name!r} is empty", where=at)
    file, label, group, split = (cells[name] for name in names)
    return Row(file, label, part_named(split, at) if split else "", group)


def _delimiter(heading: str, columns: set[str]) -> str:
    """What parts the first line: that by which the columns are among its fields, or else an image is, else what there is most
    of."""
    fields = {each: [field.strip().strip('"') for field in heading.split(each)] for each in _LOOKED_FOR}
    named = [each for each in fields if columns <= set(fields[each])]
    fitting = named or [each for each in fields if any(map(is_image, fields[each]))]
    best = max(fitting or _LOOKED_FOR, key=heading.count)
    return best if best in heading else " "


def _numbered(first: Sequence[str], image: str, label: str, split: str | None) -> tuple[str, str, str | None]:
    """The columns of a list without headings: as they are named, else that of the first image and the next one; the one
    before, where it names a part (as Vertex AI has it)."""
    within_reach = first[:-1] if label == LABEL else first  # the label stands behind it
    at = next((number for number, field in enumerate(within_reach, start=1) if is_image(field)), 1)
    if image == IMAGE and at > 1 and first[at - 2].lower() in PART_WORDS:
        split = split or str(at - 1)
    return {IMAGE: str(at)}.get(image, image), {LABEL: str(at + 1)}.get(label, label), split


def _is_row(first: Sequence[str], image: str, label: str) -> bool:
    """Whether a table begins with a row, not with headings: an image stands there, or columns are asked for by number."""
    named = image in first or label in first
    return not named and (any(map(is_image, first)) or (image.isdecimal() and label.isdecimal()))
