"""Images that are nearly one: equal but for compression, brightness, contrast, size."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np

NEAR_BITS = 8  # of the 64 of a perceptual hash, in which near-duplicates may differ
NEAR_CORRELATION = 0.985  # at least, of what sets them apart from the mean image: hashes alone confuse simple shapes
SIDE = 32  # pixels, at which images are compared
_ROWS = 256  # compared at a time with all others
_CANDIDATES = 50  # of an image, at most: blank images and simple shapes have thousands


def near_pairs(images: Sequence[np.ndarray]) -> np.ndarray:
    """int64 (M, 2): indices of nearly identical images, uint8 (R, R, 3) each, as `archlab.data.inspect` tells them."""
    seen = [perceived(image) for image in images]
    hashes = np.array([bits for bits, _ in seen], np.float32)
    greys = np.array([standard(grey) for _, grey in seen])
    greys -= greys.mean(axis=0)
    pairs = {
        (min(i, j), max(i, j))  # of many that are alike only the first are close to each
        for i, j in close(hashes, hashes)
        if i != j and correlation(greys[i], greys[j]) >= NEAR_CORRELATION
    }
    return np.array(sorted(pairs), np.int64).reshape(-1, 2)


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
