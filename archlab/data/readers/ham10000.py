"""HAM10000 as published: two archives of images and a table that names each image's lesion and diagnosis."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Literal

import numpy as np

from archlab.data.listing import ImageFiles, Listing
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
    rows = _rows(folder / "HAM10000_metadata.csv")
    places = {path.stem: str(path.relative_to(folder)) for path in sorted(folder.rglob("*.jpg"))}
    missing = [row["image_id"] for row in rows if row["image_id"] not in places]
    if missing:
        raise UserError(
            f"{len(missing)} images of the table are missing, {missing[0]}.jpg the first", where=str(folder)
        )
    order = list(_DIAGNOSES)
    labels = np.array([order.index(row["dx"]) for row in rows], np.int64)
    lesions = np.array([row["lesion_id"] for row in rows])
    images = ImageFiles(folder, [places[row["image_id"]] for row in rows])
    if split == "lesion":
        return Listing(tuple(_DIAGNOSES.values()), images, labels, np.full(len(rows), ""), lesions)
    return Listing(tuple(_DIAGNOSES.values()), images, labels, _by_image(labels))


def _rows(path: Path) -> list[dict[str, str]]:
    """The table, whose columns are divided by commas or, as the archive serves it too, by tabs."""
    with path.open(encoding="utf-8", newline="") as file:
        heading = file.readline()
        file.seek(0)
        rows = list(csv.DictReader(file, delimiter="\t" if "\t" in heading else ","))
    for line, row in enumerate(rows, start=2):
        if not row.get("image_id") or not row.get("lesion_id") or row.get("dx") not in _DIAGNOSES:
            raise UserError("expected lesion_id, image_id and a known diagnosis dx", where=f"{path}:{line}")
    return rows


def _by_image(labels: np.ndarray) -> np.ndarray:
    """70/15/15, stratified, seed 42: with the official table, the very split of Zhang et al. (arXiv 2511.00335)."""
    from sklearn.model_selection import train_test_split

    rest, test = train_test_split(np.arange(len(labels)), test_size=0.15, stratify=labels, random_state=42)
    _, validation = train_test_split(rest, test_size=0.15 / (1 - 0.15), stratify=labels[rest], random_state=42)
    splits = np.full(len(labels), "train", "U10")
    splits[test] = "test"
    splits[validation] = "validation"
    return splits
