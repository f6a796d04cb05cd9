"""Images that are nearly one: equal but for compression, brightness, contrast, size."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from archlab.data.download import Progress

NEAR_BITS = 8  # of the 64 of a perceptual hash, in which near-duplicates may differ
NEAR_CORRELATION = 0.985  # at least, of what sets them apart from the mean image: hashes alone confuse simple shapes
SIDE = 32  # pixels, at which images are compared
_ROWS = 256  # compared at a time with all others
_CANDIDATES = 50  # of an image, at most: blank images and simple shapes have thousands
_TOLD = 500  # images between two tellings of how far it is


def near_pairs(images: Sequence[np.ndarray], progress: Progress | None = None) -> np.ndarray:
    """int64 (M, 2): indices of nearly identical images, uint8 (R, R, 3) each, as `archlab.data.inspect` tells them."""
    hashes, greys = looked_at(images, len(images), progress)
    mean = mean_of(greys)
    pairs: set[tuple[int, int]] = set()  # of many that are alike only the first are close to each
    for i, j in close(hashes, hashes):
        if i == j and progress and (i % _TOLD == 0 or i + 1 == len(images)):
            progress("looking for copies", i + 1, len(images))
        if i != j and correlation(standard(greys[i]) - mean, standard(greys[j]) - mean) >= NEAR_CORRELATION:
            pairs.add((min(i, j), max(i, j)))
    return np.array(sorted(pairs), np.int64).reshape(-1, 2)


def looked_at(
    images: Iterable[np.ndarray], count: int, progress: Progress | None = None
) -> tuple[np.ndarray, np.ndarray]:
    """As so many images are compared: float32 (count, 64) of hashes, and uint8 (count, SIDE, SIDE) of small grey images."""
    hashes, greys = np.empty((count, 64), np.float32), np.empty((count, SIDE, SIDE), np.uint8)
    for row, image in enumerate(images):
        hashes[row], greys[row] = perceived(image)
        if progress and ((row + 1) % _TOLD == 0 or row + 1 == count):
            progress("comparing", row + 1, count)
    return hashes, greys


def mean_of(greys: np.ndarray) -> np.ndarray:
    """float64 (SIDE * SIDE,): what small grey images have in common, of `standard` form."""
    return sum(map(standard, greys), np.zeros(SIDE**2)) / len(greys)


def perceived(image: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """64 bits of perceptual hash as -1 and 1, so that a product counts those in common; and a small grey image."""
    import imagehash
    from PIL import Image

    grey = Image.fromarray(image).convert("L")
    return imagehash.phash(grey).hash.ravel() * 2.0 - 1.0, small_grey(image)


def small_grey(image: np.ndarray) -> np.ndarray:
    """uint8 (SIDE, SIDE), of uint8 (R, R, 3)."""
    from PIL import Image

    return np.asarray(Image.fromarray(image).convert("L").resize((SIDE, SIDE), Image.Resampling.BOX))


@dataclass(frozen=True)
class Seen:
    """Images as they are compared: float32 (N, 64) of hashes, and the small grey image of each row."""

    hashes: np.ndarray
    grey: Callable[[int], np.ndarray]


def nearest(queries: Seen, others: Seen, mean: np.ndarray) -> list[tuple[int, int]]:
    """Rows of `queries` that some of `others` nearly are, each with the row of that which is nearest.

    Args:
        mean: float64 (SIDE * SIDE,): what all images have in common, of `standard` form.
    """
    best: dict[int, tuple[float, int]] = {}
    for query, other in close(queries.hashes, others.hashes):
        likeness = correlation(standard(queries.grey(query)) - mean, standard(others.grey(other)) - mean)
        if likeness >= NEAR_CORRELATION:
            best[query] = max(best.get(query, (0.0, other)), (likeness, other))
    return [(query, other) for query, (_, other) in sorted(best.items())]


def close(queries: np.ndarray, others: np.ndarray) -> Iterator[tuple[int, int]]:
    """Rows of `queries` with the nearest rows of `others` whose hashes differ in at most `NEAR_BITS` bits."""
    for start in range(0, len(queries), _ROWS):
        in_common = queries[start : start + _ROWS] @ others.T
        for row in np.flatnonzero(in_common.max(axis=1) >= 64 - 2 * NEAR_BITS).tolist():
            near = np.flatnonzero(in_common[row] >= 64 - 2 * NEAR_BITS)
            nearest = near[np.argsort(-in_common[row, near], kind="stable")[:_CANDIDATES]]
            yield from ((start + row, other) for other in nearest.tolist())


def standard(grey: np.ndarray) -> np.ndarray:
    """float64 (n,): without its mean, of standard deviation 1 (0 where the image is of one value)."""
    values = grey.ravel() - grey.mean()
    return values / (values.std() or 1.0)


def correlation(a: np.ndarray, b: np.ndarray) -> float:
    norm = np.sqrt((a @ a) * (b @ b))
    return float(a @ b / norm) if norm else 0.0
