"""Electroluminescence photographs of solar cells, from elpv-dataset: 2,624 of 300x300 pixels.

Four classes: monocrystalline or polycrystalline, intact or defective (defect probability above one half).
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from archlab.data.listing import ImageFiles, Listing
from archlab.data.readers.packages import package_folder

_CLASSES = ("mono intact", "mono defective", "poly intact", "poly defective")


def read(root: Path | None = None) -> Listing:
    data = package_folder("elpv_dataset") / "data"
    rows = [line.split() for line in (data / "labels.csv").read_text().splitlines()]
    names = [name for name, _, _ in rows]
    labels = np.array([2 * (kind == "poly") + (float(probability) > 0.5) for _, probability, kind in rows], np.int64)
    return Listing(_CLASSES, ImageFiles(data, names), labels, np.full(len(names), ""))
