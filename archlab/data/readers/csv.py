"""A table with a row an image: its file, its label and, where there are such columns, its group and its part."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from archlab.data.listing import ImageFiles, Listing
from archlab.data.readers.finding import ImageFinder, find_all
from archlab.data.readers.labels import Row, column, part_named, table_listing
from archlab.data.readers.places import is_image, notes_on_others
from archlab.foundation import UserError
from archlab.foundation.separated import read_separated

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
    suffix or without."""
    file = root or path
    rows = sorted(read_rows(file, image, label, group, split))  # so that the order of the table decides no split
    folder = images or file.parent
    files, notes = find_all(ImageFinder(folder), [row.file for row in rows], file)
    listing = table_listing(ImageFiles(folder, files), rows, file)
    others = notes_on_others(folder, files, f"that {file.name} does not name") if images else ()
    return listing.noted(*notes, *others)


def read_rows(path: Path, image: str, label: str, group: str | None = None, split: str | None = None) -> list[Row]:
    """The rows of a CSV file, from the columns of these names; of a list without headings, the columns are 1, 2, ...

    A first line `sep=;` says what parts the columns. Rows of empty fields alone are none. Raises UserError with the line.
    """
    columns = {name.strip() for name in (image, label, group, split) if name}
    table, delimiter = read_separated(path, lambda heading: _delimiter(heading, columns))
    first = table[0][1] if table else []
    if not any(first):
        told = "begins with an empty line" if any(any(fields) for _, fields in table) else "is empty"
        raise UserError(told, where=str(path))
    if _is_row(first, image, label):
        known = [str(number) for number in range(1, len(first) + 1)]
        image, label = {IMAGE: "1"}.get(image, image), {LABEL: "2"}.get(label, label)
    else:
        known = first
        del table[0]
    names = [column(name.strip(), known, path) if name else "" for name in (image, label, group, split)]
    return [_row(at, fields, known, names, _CALLED[delimiter]) for at, fields in table if any(fields)]


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


def _is_row(first: Sequence[str], image: str, label: str) -> bool:
    """Whether a table begins with a row, not with headings: an image stands there, or columns are asked for by number."""
    named = image in first or label in first
    return not named and (any(map(is_image, first)) or (image.isdecimal() and label.isdecimal()))
