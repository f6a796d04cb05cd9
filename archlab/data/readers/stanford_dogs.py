"""Stanford Dogs as published: folders of images, and MATLAB lists of the training and test parts."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

import numpy as np

from archlab.data.listing import ImageFiles, Listing
from archlab.data.readers.places import locate
from archlab.foundation import UserError


def read(root: Path | None, *, split: Literal["official", "random"] = "official") -> Listing:
    """Option `split`: "official" lists, or "random", which leaves 80/20 to the shares of the catalogue's entry."""
    images = locate(root, "Images")
    lists = locate(root, "train_list.mat", "test_list.mat")
    files, labels, splits = [], [], []
    for part in ("train", "test"):
        of_part, numbers = _list(lists / f"{part}_list.mat")
        files += of_part
        labels.append(numbers)
        splits += [part if split == "official" else ""] * len(of_part)
    targets = np.concatenate(labels)
    if set(targets) != set(range(targets.max() + 1)):
        raise UserError("the lists skip a class", where=str(lists))
    breeds = dict(zip(targets.tolist(), files, strict=True))
    names = [breeds[label].split("/")[0].split("-", 1)[-1].replace("_", " ") for label in range(len(breeds))]
    return Listing(tuple(names), ImageFiles(images / "Images", files), targets, np.array(splits))


def _list(path: Path) -> tuple[list[str], np.ndarray]:
    """Paths below Images, and classes from 0."""
    from scipy.io import loadmat

    try:
        content = loadmat(path)
        files = [str(cell[0]) for cell in content["file_list"].ravel()]
        labels = content["labels"].ravel().astype(np.int64) - 1
    except Exception as error:  # a damaged file raises nearly anything
        raise UserError(f"is not a list of Stanford Dogs: {error}", where=str(path)) from None
    if len(files) != len(labels) or not len(files):
        raise UserError(f"{len(files)} files but {len(labels)} labels", where=str(path))
    return files, labels
