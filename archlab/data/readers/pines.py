"""Indian Pines, a hyperspectral scene of fields and woods from the air, out of tensorly: patches of 5x5 pixels.

The scene is cut into blocks of 10x10 pixels and every block belongs to one part. Training pixels within 4 of a
block of another part, and validation pixels within 4 of a test block, are left out, so that no two patches of
different parts share a pixel. The 200 bands become three by a principal component analysis of the training pixels.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from archlab.data.listing import ImageArray, Listing
from archlab.data.readers.packages import package_folder

_CLASSES = {  # by the number in the ground truth; the other four have fewer than 200 pixels
    2: "corn, no till",
    3: "corn, min till",
    4: "corn",
    5: "grass, pasture",
    6: "grass, trees",
    8: "hay, windrowed",
    10: "soybean, no till",
    11: "soybean, min till",
    12: "soybean, clean",
    13: "wheat",
    14: "woods",
    15: "buildings, grass, trees, drives",
}
_BLOCK, _GUARD, _RADIUS = 10, 4, 2  # pixels
_TEST, _VALIDATION = 0.15, 0.07  # of the blocks; the guard costs the training part as much again
_SEED = 1848  # of 36,000, the one that leaves the smallest class of each part the most pixels
_MOST = {"train": 250, "validation": 40, "test": 100}  # patches of a class


def read(root: Path | None = None) -> Listing:
    data = package_folder("tensorly") / "datasets" / "data"
    scene = np.load(data / "Indian_pines_corrected.npy").astype(np.float64)
    truth = np.load(data / "Indian_pines_gt.npy")
    random = np.random.RandomState(0)
    parts = _parts(truth.shape)
    image = _three_components(scene, (parts == "train") & np.isin(truth, list(_CLASSES)))
    padded = np.pad(image, ((_RADIUS, _RADIUS), (_RADIUS, _RADIUS), (0, 0)), mode="reflect")
    size = 2 * _RADIUS + 1
    pixels, labels, splits, groups, names = [], [], [], [], []
    for split, most in _MOST.items():
        for label, number in enumerate(_CLASSES):
            places = random.permutation(np.argwhere((truth == number) & (parts == split)))[:most]
            for row, column in places:
                pixels.append(padded[row : row + size, column : column + size])
                labels.append(label)
                splits.append(split)
                groups.append(row // _BLOCK * 1000 + column // _BLOCK)
                names.append(f"row {row} column {column}")
    return Listing(
        tuple(_CLASSES.values()),
        ImageArray(np.stack(pixels), names),
        np.array(labels),
        np.array(splits),
        np.array(groups),
    )


def _parts(shape: tuple[int, ...]) -> np.ndarray:
    """The part that each pixel of the scene belongs to, "" where it is left out."""
    from scipy.ndimage import maximum_filter

    blocks = np.random.RandomState(_SEED).random_sample([-(-side // _BLOCK) for side in shape])
    draw = np.kron(blocks, np.ones((_BLOCK, _BLOCK)))[: shape[0], : shape[1]]
    test = draw < _TEST
    validation = ~test & (draw < _TEST + _VALIDATION)

    def around(mask: np.ndarray) -> np.ndarray:
        return maximum_filter(mask, 2 * _GUARD + 1)

    parts = np.full(shape, "", "U10")
    parts[test] = "test"
    parts[validation & ~around(test)] = "validation"
    parts[~around(test | validation)] = "train"
    return parts


def _three_components(scene: np.ndarray, training: np.ndarray) -> np.ndarray:
    """uint8 (H, W, 3): three principal components, each from the 1st to the 99th percentile of training pixels."""
    _, axes = np.linalg.eigh(np.cov(scene[training], rowvar=False))
    axes = axes[:, :-4:-1]
    components = scene @ (axes * np.sign(axes.sum(axis=0)))  # the sign of an axis is the solver's whim
    low, high = np.percentile(components[training], [1, 99], axis=0)
    return np.round(np.clip((components - low) / (high - low), 0, 1) * 255).astype(np.uint8)
