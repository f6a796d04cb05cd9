"""A table with a row an image: its file, its label and, where there are such columns, its group and its part."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from pathlib import Path

from archlab.data.listing import ImageFiles, Listing
from archlab.data.readers.finding import ImageFinder, find_all
from archlab.data.readers.labels import Row, column, part_named, table_listing
from archlab.data.readers.places import is_image, notes_on_others
from archlab.foundation import UserError, check_file

IMAGE, LABEL = "image", "label"  # the columns, unless others are named
_CALLED = {",": "commas", ";": "semicolons", "\t": "tabs", " ": "blanks"}


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

    Raises UserError with the line.
    """
    try:
        with check_file(path).open(encoding="utf-8-sig", newline="") as file:
            delimiter = _delimiter(file.readline(), {image, label, group, split} - {None})
            file.seek(0)
            first = next(csv.reader(file, delimiter=delimiter, strict=True), [])
            if not any(map(str.strip, first)):
                raise UserError("begins with an empty line" if file.read().strip() else "is empty", where=str(path))
            file.seek(0)
            known = first
            if _is_row(first, image, label):
                known = [str(number) for number in range(1, len(first) + 1)]
                image, label = {IMAGE: "1"}.get(image, image), {LABEL: "2"}.get(label, label)
            for name in (image, label, group, split):
                if name is not None:
                    column(name, known, path)
            reader = csv.DictReader(file, known if known is not first else None, delimiter=delimiter, strict=True)
            rows = [(f"{path}:{reader.line_num}", row) for row in reader]
    except OSError as error:
        raise UserError(f"cannot be read: {error.strerror}", where=str(path)) from None
    except UnicodeDecodeError:
        raise UserError("is not UTF-8 text", where=str(path)) from None
    except csv.Error as error:
        raise UserError(f"is not a CSV file: {error}", where=str(path)) from None
    for at, row in rows:
        if any(field.strip() for field in row.get(None) or ()):  # fields beyond the columns
            count = len(known) + len(row[None])
            raise UserError(
                f"has {count} fields, but there are {len(known)} columns: quote what holds {_CALLED[delimiter]}",
                where=at,
            )
        for name in (image, label, group, split):
            if name is not None and not (row[name] or "").strip():
                raise UserError(f"the column {name!r} is empty", where=at)
    return [
        Row(
            file=row[image].strip(),
            label=row[label].strip(),
            split=part_named(row[split], at) if split else "",
            group=row[group].strip() if group else "",
        )
        for at, row in rows
    ]


def _delimiter(heading: str, columns: set[str | None]) -> str:
    """What parts the headings: that by which the columns are among them, else what there is most of."""
    fitting = [each for each in ",;\t" if columns <= set(next(csv.reader([heading], delimiter=each), []))]
    best = max(fitting or ",;\t", key=heading.count)
    return best if best in heading else " "


def _is_row(first: Sequence[str], image: str, label: str) -> bool:
    """Whether a table begins with a row, not with headings: an image stands there, or columns are asked for by number."""
    named = image in first or label in first
    return not named and (any(map(is_image, first)) or (image.isdecimal() and label.isdecimal()))
