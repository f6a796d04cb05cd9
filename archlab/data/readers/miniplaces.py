"""MiniPlaces as published: one archive of images, and the development kit's lists.

The labels of the test images were never published, so the validation images are the test part.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from archlab.data.listing import ImageFiles, Listing
from archlab.data.readers.places import locate
from archlab.foundation import UserError


def read(root: Path | None) -> Listing:
    images = locate(root, "images/train", "images/val")
    lists = locate(root, "categories.txt", "train.txt", "val.txt")
    categories = [name for name, _ in sorted(_numbered(lists / "categories.txt"), key=lambda pair: pair[1])]
    files, labels, splits = [], [], []
    for part, name in (("train", "train.txt"), ("test", "val.txt")):
        for file, label in _numbered(lists / name):
            if label >= len(categories):
                raise UserError(f"{file} has class {label}, of {len(categories)}", where=str(lists / name))
            files.append(file)
            labels.append(label)
            splits.append(part)
    names = tuple(category.split("/", 2)[-1] for category in categories)  # /b/bakery/shop: bakery/shop
    return Listing(names, ImageFiles(images / "images", files), np.array(labels, np.int64), np.array(splits))


def _numbered(path: Path) -> list[tuple[str, int]]:
    """Lines of a name and a number."""
    pairs = []
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), start=1):
        name, _, label = line.strip().rpartition(" ")
        if line.strip():
            if not name or not label.isdigit():
                raise UserError("expected a name and a number", where=f"{path}:{number}")
            pairs.append((name, int(label)))
    return pairs
