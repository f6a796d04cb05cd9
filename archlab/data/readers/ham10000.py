"""HAM10000: images, in as many folders as may be, and a table that names each image's lesion and diagnosis."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Literal

import numpy as np

from archlab.data.listing import ImageFiles, Listing
from archlab.data.readers.csv import read_rows
from archlab.data.readers.places import folders, images_below, levels
from archlab.foundation import UserError

_DIAGNOSES = {
    "akiec": "actinic keratosis",
    "bcc": "basal cell carcinoma",
    "bkl": "benign keratosis",
    "df": "dermatofibroma",
    "mel": "melanoma",
    "nv": "melanocytic nevus",
    "vasc": "vascular lesion",
}
_COLUMNS = ("lesion_id", "image_id", "dx")
_TABLES = (".csv", ".tab", ".tsv", ".txt", "")


def read(root: Path | None, *, split: Literal["lesion", "image"] = "lesion") -> Listing:
    """Option `split`: "lesion" keeps a lesion's images together; "image" is the published study's split by image."""
    assert root is not None, "the catalogue names archives"
    table = next(_tables(root), None)
    if table is None:
        raise UserError(
            f"no table with the columns {', '.join(_COLUMNS)} here: HAM10000_metadata.csv (or .tab) says which images "
            "show one lesion, and is at https://doi.org/10.7910/DVN/DBW86T",
            where=str(root),
        )
    rows = read_rows(table, "image_id", "dx", group="lesion_id")
    places = _images(root)
    missing = [row.file for row in rows if row.file not in places]
    if missing:
        raise UserError(
            f"{len(missing):,} of the {len(rows):,} images of {table.name} are missing, {missing[0]}.jpg the first",
            where=str(root),
        )
    for row in rows:
        if row.label not in _DIAGNOSES:
            raise UserError(f"{row.file} has an unknown diagnosis, {row.label!r}", where=str(table))
    order = list(_DIAGNOSES)
    labels = np.array([order.index(row.label) for row in rows], np.int64)
    lesions = np.array([row.group for row in rows])
    images = ImageFiles(root, [places[row.file] for row in rows])
    splits = np.full(len(rows), "") if split == "lesion" else _by_image(labels)
    return Listing(tuple(_DIAGNOSES.values()), images, labels, splits, lesions)


def _tables(root: Path) -> Iterator[Path]:
    """Tables with the columns, those called HAM10000_metadata first."""
    named = [
        path
        for folder in levels(root)
        for path in sorted(folder.iterdir())
        if path.suffix.lower() in _TABLES and "metadata" in path.name.lower() and path.is_file()
    ]
    for path in sorted(named, key=lambda path: not path.name.startswith("HAM10000_metadata")):
        with path.open("rb") as file:
            heading = file.readline(10_000)
        if all(column.encode() in heading for column in _COLUMNS):
            yield path


def _images(root: Path) -> dict[str, str]:
    """Paths below `root` by name without suffix; Kaggle's archive holds every image twice."""
    linked = [folder for folder in folders(root) if folder.is_symlink()]
    paths = [Path(path) for top in (root, *linked) for path in images_below(top)[0]]
    return {path.stem: str(path.relative_to(root)) for path in reversed(paths)}


def _by_image(labels: np.ndarray) -> np.ndarray:
    """70/15/15, stratified, seed 42: with the official table, the very split of Zhang et al. (arXiv 2511.00335)."""
    from sklearn.model_selection import train_test_split

    rest, test = train_test_split(np.arange(len(labels)), test_size=0.15, stratify=labels, random_state=42)
    _, validation = train_test_split(rest, test_size=0.15 / (1 - 0.15), stratify=labels[rest], random_state=42)
    splits = np.full(len(labels), "train", "U10")
    splits[test] = "test"
    splits[validation] = "validation"
    return splits
