"""Electroluminescence photographs of solar cells, from elpv-dataset: 2,624 of 300x300 pixels.

Four classes: monocrystalline or polycrystalline, intact or defective (defect probability above one half).

The cells were cut out of photographs of 44 modules and are numbered module after module. Cells of one module share its
age, its lighting and often its blemishes, so modules are kept together. How many cells each has is not published, but
plain to see when the images are laid out in order. One module was photographed twice.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from archlab.data.listing import ImageFiles, Listing
from archlab.data.readers.packages import package_folder

_CLASSES = ("mono intact", "mono defective", "poly intact", "poly defective")
_CELLS = [60] * 21 + [54] + [60] * 7 + [50] + [60] * 6 + [72] + [60] * 3 + [48] + [60] * 3  # of each module, in order
_TWICE = (29, 38)  # the two that are one, counted from 0


def read(root: Path | None = None) -> Listing:
    data = package_folder("elpv_dataset") / "data"
    rows = [line.split() for line in (data / "labels.csv").read_text().splitlines()]
    names = [name for name, _, _ in rows]
    poly = np.array([kind == "poly" for _, _, kind in rows])
    defective = np.array([float(probability) > 0.5 for _, probability, _ in rows])
    labels = 2 * poly.astype(np.int64) + defective
    modules = np.repeat(np.arange(len(_CELLS)), _CELLS)
    modules[modules == _TWICE[1]] = _TWICE[0]
    return Listing(_CLASSES, ImageFiles(data, names), labels, np.full(len(names), ""), modules)
