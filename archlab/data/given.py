"""Which of archlab's readers reads a folder or a table that somebody names, and with which options."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from archlab.data.archives import is_archive
from archlab.data.readers.metadata import tables
from archlab.data.readers.places import holds_images, is_image, is_table, levels
from archlab.foundation import UserError, check_file
from archlab.foundation.separated import text_of


def source_given(
    places: Mapping[str, Path | None],
    columns: Mapping[str, str | None],
    image_folder: Path | None = None,
    *,
    series: bool = False,
) -> tuple[str, dict[str, Any]]:
    """The reader and its options, paths in them absolute, as in an entry's `source`.

    Args:
        places: By `folder`, `csv` or `parquet` where the images are, or by `folder` and `csv`: the list of its flat part.
        columns: The names of the columns `image`, `label`, `group` and `split` of the table, where they are not as usual.
        image_folder: Where the images of the CSV are.
        series: Whether images of a series are of one group (see `archlab.data.readers.series`).

    Raises UserError for what is not there, or is none of these.
    """
    named = {reader: path for reader, path in places.items() if path is not None}
    for path in named.values():
        if not check_file(path).exists():
            raise UserError("there is no such file or folder", where=str(path.absolute()))
    reader, path = next(iter(named.items()))
    options: dict[str, Any] = {key: column for key, column in columns.items() if column}
    if reader == "folder" and not path.is_dir():
        raise UserError(f"is not a folder{_but(path)}", where=str(path.absolute()))
    if len(named) == 2:
        if "group" in options:
            raise UserError("--group-column is for a table of all images, not for the list of a flat part")
        reader, options["table"] = "listed", str(named["csv"].absolute())
    elif reader == "folder" and _is_of_parquet(path):
        reader = "parquet"
    elif reader == "folder" and (options or any(map(_has_labels, tables(path).values()))):
        reader = "metadata"
    if reader in ("csv", "metadata"):
        options.setdefault("label", "label")
    if reader == "csv":
        options.setdefault("image", "image")
    if series:
        if reader != "folder":
            raise UserError("--series is for folders of classes alone: a table of all images has --group-column")
        options["series"] = True
    if image_folder:
        options["images"] = str(image_folder.absolute())
    return reader, {"path": str(path.absolute()), **options}


def _is_of_parquet(folder: Path) -> bool:
    """Whether Parquet files lie in the folder, or in data/ as Hugging Face has them, and no images."""
    files = (*folder.glob("*.parquet"), *folder.glob("data/*.parquet"))
    return bool(files) and not any(map(holds_images, levels(folder)))


def _has_labels(table: Path) -> bool:
    """Whether a table tells classes; a metadata.jsonl may hold captions, beside folders of classes."""
    return table.suffix != ".jsonl" or '"label"' in text_of(table)


def _but(path: Path) -> str:
    """What a file is that is given for a folder."""
    if is_archive(path):
        return ": unpack the archive first"
    if is_image(path.name):
        return " but one image: expected a folder of images for each class"
    if path.suffix.lower() == ".parquet":
        return " but Parquet: name the folder that it is in"
    return " but a table: it is given by --csv" if is_table(path.name) else ""
