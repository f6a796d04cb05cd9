"""MIT Indoor-67 as published: a folder of images a scene, and a text list for each part."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from archlab.data.listing import ImageFiles, Listing
from archlab.data.readers.places import locate


def read(root: Path | None) -> Listing:
    images = locate(root, "Images")
    lists = locate(root, "TrainImages.txt", "TestImages.txt")
    files: list[str] = []
    splits: list[str] = []
    for part, name in (("train", "TrainImages.txt"), ("test", "TestImages.txt")):
        text = (lists / name).read_text(encoding="utf-8", errors="surrogateescape")
        of_part = [line.strip() for line in text.splitlines() if line.strip()]
        files += of_part
        splits += [part] * len(of_part)
    scenes, labels = np.unique([file.split("/")[0] for file in files], return_inverse=True)
    return Listing(
        tuple(map(str, scenes)), ImageFiles(images / "Images", files), labels.astype(np.int64), np.array(splits)
    )
