"""MiniPlaces: training images in a folder for each category, validation images in one folder with a list, or in folders.

The labels of the test images were never published, so the validation images are the test part.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from archlab.data.listing import ImageFiles, Listing
from archlab.data.readers.class_folders import find_classes, training_and_test
from archlab.data.readers.folder import list_classes
from archlab.data.readers.places import find, folders, holds_images, images_below, levels
from archlab.foundation import UserError, check_file

_KIT = "https://raw.githubusercontent.com/CSAILVision/miniplaces/master/data"


def read(root: Path | None) -> Listing:
    """Without a part to test on, that is left to the shares of the catalogue's entry, and a note says so."""
    flat = next((folder for folder in levels(root) if _has_flat_validation(folder)), None)
    if flat:
        return _listed(flat, root)
    folder = find_classes(
        root,
        "no MiniPlaces here: expected images/train and images/val (data.tar.gz) with val.txt, or a folder of images "
        "for each category, below train/ and test/ or not",
    )
    if len(folder.name) == 1:  # a/abbey, a/airport_terminal: the letters are no categories
        folder = folder.parent
    listing = list_classes(folder, training_and_test(folder), class_of=_category_of)
    if (listing.splits == "test").any():
        return listing
    return listing.noted("without val/ and val.txt the test part is drawn at random")


def _has_flat_validation(folder: Path) -> bool:
    train, validation = folder / "train", folder / "val"
    return train.is_dir() and bool(folders(train)) and validation.is_dir() and holds_images(validation)


def _listed(images: Path, root: Path | None) -> Listing:
    """Validation images by val.txt, training images by train.txt or their folders."""
    lists = {name: found / name for name in ("categories.txt", "train.txt", "val.txt") if (found := find(root, name))}
    if "val.txt" not in lists:
        raise UserError(
            f"val.txt, which says what the images in val/ show, is missing: it is at {_KIT}/val.txt", where=str(root)
        )
    training = _numbered(lists["train.txt"]) if "train.txt" in lists else []
    in_folders = [] if "train.txt" in lists else _in_folders(images)
    numbers = _categories(lists, images, training, sorted({category for _, category in in_folders}))
    training += [(file, numbers[category]) for file, category in in_folders]
    test = [(f"val/{Path(file).name}", number) for file, number in _numbered(lists["val.txt"])]
    for name, of_part in (("train.txt", training), ("val.txt", test)):
        for file, number in of_part:
            if number >= len(numbers):
                raise UserError(f"{file} has class {number}, of {len(numbers)}", where=str(lists[name]))
    labels = np.array([number for _, number in (*training, *test)], np.int64)
    splits = np.array(["train"] * len(training) + ["test"] * len(test))
    names = tuple(sorted(numbers, key=lambda category: numbers[category]))
    return Listing(names, ImageFiles(images, [file for file, _ in (*training, *test)]), labels, splits)


def _categories(
    lists: dict[str, Path], images: Path, training: list[tuple[str, int]], in_folders: list[str]
) -> dict[str, int]:
    """The number of every category: by categories.txt, else by train.txt, else in the order of the folders' names.

    `training`: the lines of train.txt; `in_folders`: the categories of the folders, without such a list.
    """
    if "categories.txt" in lists:
        numbers = {_category_of(f"{name.lstrip('/')}/"): number for name, number in _numbered(lists["categories.txt"])}
    elif "train.txt" in lists:
        numbers = {_category_of(file.removeprefix("train/")): n for file, n in training}
    else:
        numbers = {name: number for number, name in enumerate(in_folders)}
    origin = lists.get("categories.txt", lists.get("train.txt", images))
    if sorted(numbers.values()) != list(range(len(numbers))):
        raise UserError(
            f"the numbers of its {len(numbers)} categories are not 0 to {len(numbers) - 1}", where=str(origin)
        )
    unknown = [name for name in in_folders if name not in numbers]
    if unknown:
        raise UserError(f"holds no category {unknown[0]!r}, but train/ does", where=str(origin))
    return numbers


def _in_folders(images: Path) -> list[tuple[str, str]]:
    """Training images, and the category of each."""
    files = [path.removeprefix(f"{images}/") for path in images_below(images / "train")[0]]
    return [(file, _category_of(file.removeprefix("train/"))) for file in files]


def _category_of(image: str) -> str:
    """b/bakery/shop/00000001.jpg and bakery/shop/00000001.jpg: bakery/shop."""
    *path, _ = image.split("/")
    return "/".join(path[1:] if len(path[0]) == 1 and len(path) > 1 else path)


def _numbered(path: Path) -> list[tuple[str, int]]:
    """Lines of a name and a number."""
    pairs = []
    text = check_file(path).read_text(encoding="utf-8-sig", errors="surrogateescape")
    for number, line in enumerate(text.splitlines(), start=1):
        name, _, label = line.strip().rpartition(" ")
        if line.strip():
            if not name or not label.isdecimal() or len(label) > 9:
                raise UserError("expected a name and a number", where=f"{path}:{number}")
            pairs.append((name, int(label)))
    return pairs
