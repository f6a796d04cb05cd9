"""Stanford Dogs: folders of images, and MATLAB lists of the training and test parts where they are needed."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Literal

import numpy as np

from archlab.data.listing import ImageFiles, Listing
from archlab.data.readers.class_folders import find_classes, training_and_test
from archlab.data.readers.folder import list_classes
from archlab.data.readers.places import find
from archlab.foundation import UserError, check_file


def read(root: Path | None, *, split: Literal["official", "random"] = "official") -> Listing:
    """Option `split`: "official" by the lists, or by train/ and test/; "random" leaves 80/20 to the shares of the
    catalogue's entry, and needs neither."""
    folder = find_classes(root, "no Stanford Dogs here: expected a folder of images for each breed (images.tar)")
    parts = training_and_test(folder)
    if split == "random":
        listing = list_classes(folder, parts, called=_breed)
        return dataclasses.replace(listing, splits=np.full(len(listing.labels), ""))
    if "test" in parts:
        return list_classes(folder, parts, called=_breed)
    lists = find(root, "train_list.mat", "test_list.mat")
    if lists is None:
        raise UserError(
            "train_list.mat and test_list.mat are missing: they are in lists.tar, at "
            "http://vision.stanford.edu/aditya86/ImageNetDogs/lists.tar, to be put beside the images; "
            "stanford_dogs@published needs none",
            where=str(root),
        )
    return _listed(folder, lists)


def _breed(folder: str) -> str:
    """n02085620-Chihuahua: Chihuahua."""
    return folder.split("-", 1)[-1].replace("_", " ")


def _listed(images: Path, lists: Path) -> Listing:
    files, labels, splits = [], [], []
    for part in ("train", "test"):
        of_part, numbers = _list(lists / f"{part}_list.mat")
        files += of_part
        labels.append(numbers)
        splits += [part] * len(of_part)
    targets = np.concatenate(labels)
    if set(targets) != set(range(targets.max() + 1)):
        raise UserError("the lists skip a class", where=str(lists))
    breeds = dict(zip(targets.tolist(), files, strict=True))
    names = [_breed(breeds[label].split("/")[0]) for label in range(len(breeds))]
    return Listing(tuple(names), ImageFiles(images, files), targets, np.array(splits))


def _list(path: Path) -> tuple[list[str], np.ndarray]:
    """Paths below Images, and classes from 0."""
    from scipy.io import loadmat

    try:
        content = loadmat(check_file(path))
        files = [str(cell[0]) for cell in content["file_list"].ravel()]
        labels = content["labels"].ravel().astype(np.int64) - 1
    except Exception as error:  # a damaged file raises nearly anything
        raise UserError(f"is not a list of Stanford Dogs: {error}", where=str(path)) from None
    if len(files) != len(labels) or not len(files):
        raise UserError(f"{len(files)} files but {len(labels)} labels", where=str(path))
    return files, labels
