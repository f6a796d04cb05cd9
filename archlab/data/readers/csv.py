"""A CSV file with a row an image: its file, its label and, where there are such columns, its group and its part."""

from __future__ import annotations

import csv
from pathlib import Path

from archlab.data.listing import ImageFiles, Listing
from archlab.data.readers.labels import Row, column, part_named, table_listing
from archlab.foundation import UserError


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
    relative to (default: that of the CSV file)."""
    file = root or path
    rows = read_rows(file, image, label, group, split)
    return table_listing(ImageFiles(images or file.parent, [row.file for row in rows]), rows, file)


def read_rows(path: Path, image: str, label: str, group: str | None = None, split: str | None = None) -> list[Row]:
    """The rows of a CSV file, from the columns of these names. Raises UserError with the line."""
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            heading = file.readline()
            file.seek(0)
            reader = csv.DictReader(file, delimiter=max(",;\t", key=heading.count), strict=True)
            known = list(reader.fieldnames or [])
            for name in (image, label, group, split):
                if name is not None:
                    column(name, known, path)
            rows = [(f"{path}:{reader.line_num}", row) for row in reader]
    except OSError as error:
        raise UserError(f"cannot be read: {error.strerror}", where=str(path)) from None
    except UnicodeDecodeError:
        raise UserError("is not UTF-8 text", where=str(path)) from None
    except csv.Error as error:
        raise UserError(f"is not a CSV file: {error}", where=str(path)) from None
    for at, row in rows:
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
