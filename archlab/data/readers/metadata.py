"""A folder of images with a metadata.csv, as Hugging Face's image folders have: beside the images of each part
(train/metadata.csv), or one for all."""

from __future__ import annotations

from pathlib import Path

from archlab.data.listing import ImageFiles, Listing
from archlab.data.readers.csv import read_rows
from archlab.data.readers.labels import SPLIT_NAMES, table_listing
from archlab.foundation import UserError

FILE = "metadata.csv"


def tables(folder: Path) -> dict[str, Path]:
    """The tables below `folder`, by split ("": one for all); empty where it is no such folder."""
    found = {
        "": folder / FILE,
        **{SPLIT_NAMES[p.parent.name]: p for p in folder.glob(f"*/{FILE}") if p.parent.name in SPLIT_NAMES},
    }
    return {split: path for split, path in found.items() if path.is_file()}


def read(
    root: Path | None,
    *,
    path: Path,
    label: str,
    image: str = "file_name",
    group: str | None = None,
    split: str | None = None,
) -> Listing:
    """Options: `path` of the folder; columns `image`, `label`, `group`, `split`."""
    folder = root or path
    found = tables(folder)
    if not found:
        raise UserError(f"holds no {FILE}", where=str(folder))
    rows = sorted(
        row._replace(file=str(table.parent.relative_to(folder) / row.file), split=row.split or part)
        for part, table in found.items()
        for row in read_rows(table, image, label, group, split)
    )
    return table_listing(ImageFiles(folder, [row.file for row in rows]), rows, folder)
