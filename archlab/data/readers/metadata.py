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
    files: list[str] = []
    labels: list[str] = []
    splits: list[str] = []
    groups: list[str] = []
    for part, table in found.items():
        of_part, its_labels, its_splits, its_groups = read_rows(table, image, label, group, split)
        files += [str(table.parent.relative_to(folder) / file) for file in of_part]
        labels += its_labels
        splits += its_splits if split else [part] * len(of_part)
        groups += its_groups or []
    return table_listing(ImageFiles(folder, files), labels, splits, groups if group else None, folder)
