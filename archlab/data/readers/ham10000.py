"""HAM10000 as published: two archives of images and a table that names each image's lesion and diagnosis."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

import numpy as np

from archlab.data.listing import ImageFiles, Listing
from archlab.data.readers.csv import read_rows
from archlab.data.readers.places import locate
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


def read(root: Path | None, *, split: Literal["lesion", "image"] = "lesion") -> Listing:
    """Option `split`: "lesion" keeps a lesion's images together; "image" is the published study's split by image."""
    folder = locate(root, "HAM10000_metadata.csv")
    rows = read_rows(folder / "HAM10000_metadata.csv", "image_id", "dx", group="lesion_id")
    places = {path.stem: str(path.relative_to(folder)) for path in sorted(folder.rglob("*.jpg"))}
    missing = [row.file for row in rows if row.file not in places]
    if missing:
        raise UserError(
            f"{len(missing)} images of the table are missing, {missing[0]}.jpg the first", where=str(folder)
        )
    for row in rows:
        if row.label not in _DIAGNOSES:
            raise UserError(f"{row.file} has an unknown diagnosis, {row.label!r}", where=str(folder))
    order = list(_DIAGNOSES)
    labels = np.array([order.index(row.label) for row in rows], np.int64)
    images = ImageFiles(folder, [places[row.file] for row in rows])
    if split == "lesion":
        lesions = np.array([row.group for row in rows])
        return Listing(tuple(_DIAGNOSES.values()), images, labels, np.full(len(rows), ""), lesions)
    return Listing(tuple(_DIAGNOSES.values()), images, labels, _by_image(labels))


def _by_image(labels: np.ndarray) -> np.ndarray:
    """70/15/15, stratified, seed 42: with the official table, the very split of Zhang et al. (arXiv 2511.00335)."""
    from sklearn.model_selection import train_test_split

    rest, test = train_test_split(np.arange(len(labels)), test_size=0.15, stratify=labels, random_state=42)
    _, validation = train_test_split(rest, test_size=0.15 / (1 - 0.15), stratify=labels[rest], random_state=42)
    splits = np.full(len(labels), "train", "U10")
    splits[test] = "test"
    splits[validation] = "validation"
    return splits
