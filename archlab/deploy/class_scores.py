"""What a file says of images, as class scores, of which every metric can be computed."""

from __future__ import annotations

import numpy as np

from archlab.training.class_scores import ClassScores


def class_scores_of(probabilities: np.ndarray, labels: np.ndarray) -> ClassScores:
    """Of probabilities, float (N, classes), and labels, int (N,)."""
    outputs = np.log(np.maximum(probabilities.astype(np.float64), np.finfo(np.float32).tiny))
    return ClassScores.of(outputs, labels)
