"""MIT Indoor-67: a folder of images a scene, and a text list for each part, or train/ and test/ of such folders."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from archlab.data.listing import ImageFiles, Listing
from archlab.data.readers.class_folders import find_classes, training_and_test
from archlab.data.readers.folder import list_classes
from archlab.data.readers.places import find
from archlab.foundation import UserError, check_file

_LISTS = {"train": "TrainImages.txt", "test": "TestImages.txt"}


def read(root: Path | None) -> Listing:
    """Without lists and parts, the test part is left to the shares of the catalogue's entry, and a note says so."""
    folder = find_classes(
        root,
        "no MIT Indoor-67 here: expected a folder of images for each scene (indoorCVPR_09.tar), or train/ and test/ "
        "of such folders",
    )
    parts = training_and_test(folder)
    if "test" in parts:
        return list_classes(folder, parts)
    lists = {part: found / name for part, name in _LISTS.items() if (found := find(root, name))}
    if len(lists) == 1:
        missing = next(name for part, name in _LISTS.items() if part not in lists)
        raise UserError(
            f"{missing} is missing beside the other list: it is at http://web.mit.edu/torralba/www/{missing}",
            where=str(root),
        )
    if lists:
        return _listed(folder, lists)
    return list_classes(folder, parts).noted(
        "without TrainImages.txt and TestImages.txt (http://web.mit.edu/torralba/www/) the test part is drawn at random"
    )


def _listed(images: Path, lists: dict[str, Path]) -> Listing:
    files: list[str] = []
    splits: list[str] = []
    for part, path in lists.items():
        text = check_file(path).read_text(encoding="utf-8-sig", errors="surrogateescape")
        of_part = [line.strip() for line in text.splitlines() if line.strip()]
        files += of_part
        splits += [part] * len(of_part)
    scenes, labels = np.unique([file.split("/")[0] for file in files], return_inverse=True)
    return Listing(tuple(map(str, scenes)), ImageFiles(images, files), labels.astype(np.int64), np.array(splits))
