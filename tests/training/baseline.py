"""What a dataset is worth without a network: a forest on raw pixels."""

from __future__ import annotations

from typing import Any

import numpy as np

SIDE = 32  # pixels at most: more features cost time and help a forest little


def pixel_baseline(prepared: Any, *, trees: int = 300, seed: int = 0) -> dict[str, dict[str, float]]:
    """Accuracy and balanced accuracy of extremely randomised trees (Geurts et al. 2006) on pixels, and of the majority.

    Returns `{"majority": {"validation", "test"}, "extra_trees": {"validation", "test"}, "extra_trees_balanced": {...}}`.
    Larger images are averaged down to SIDE pixels.
    """
    from sklearn.ensemble import ExtraTreesClassifier
    from sklearn.metrics import balanced_accuracy_score

    labels = prepared.labels("train")
    forest = ExtraTreesClassifier(trees, random_state=seed, n_jobs=1).fit(_pixels(prepared.images("train")), labels)
    majority = np.bincount(labels).argmax()
    scores: dict[str, dict[str, float]] = {"majority": {}, "extra_trees": {}, "extra_trees_balanced": {}}
    for split in ("validation", "test"):
        truth, found = prepared.labels(split), forest.predict(_pixels(prepared.images(split)))
        scores["majority"][split] = float((truth == majority).mean())
        scores["extra_trees"][split] = float((truth == found).mean())
        scores["extra_trees_balanced"][split] = float(balanced_accuracy_score(truth, found))
    return scores


def _pixels(images: np.ndarray) -> np.ndarray:
    """(N, features) out of uint8 (N, R, R, 3)."""
    factor = max(images.shape[1] // SIDE, 1)
    side = images.shape[1] // factor
    tiles = images[:, : side * factor, : side * factor].reshape(len(images), side, factor, side, factor, 3)
    return tiles.mean((2, 4), dtype=np.float32).reshape(len(images), -1)
