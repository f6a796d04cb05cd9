"""What each test image contributes to a metric: how the metric moves as the image counts more.

A metric of resampled images, of which image i is drawn w_i times, is to first order the metric plus the sum of
(w_i - 1) * contribution_i (the infinitesimal jackknife; B. Efron, R. Tibshirani: "An Introduction to the Bootstrap", 1993).
Images are resampled within classes, so how many each class has is fixed.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from scipy.special import softmax

from archlab.foundation import UserError

GROUPS = 100  # of images, left out in turn, where a metric is a user's own
BINS = 15  # of the calibration error, as in `archlab.training.measures`


def contributions(metric: str, scores: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """float64 (N,): of each image, from class scores (N, classes), which a softmax makes probabilities, and labels (N,).

    Raises UserError for a metric that is not known; `grouped_contributions` takes any.
    """
    if metric not in _KNOWN:
        raise UserError(f"how test images move {metric.replace('_', ' ')} is not known", name=metric, known=_KNOWN)
    return _KNOWN[metric](scores, labels)


def grouped_contributions(
    measure: Callable[[np.ndarray, np.ndarray], float], scores: np.ndarray, labels: np.ndarray
) -> np.ndarray:
    """float64 (groups,): of groups of images with like shares of the classes, by leaving each out: for any metric."""
    groups = image_groups(labels)
    whole, count = measure(scores, labels), groups.max() + 1
    without = [measure(scores[groups != group], labels[groups != group]) for group in range(count)]
    return (whole - np.array(without)) * (count - 1) / count


def image_groups(labels: np.ndarray) -> np.ndarray:
    """The group of each image, int (N,): the images of each class go round the groups."""
    order = np.argsort(labels, kind="stable")
    groups = np.empty(len(labels), dtype=np.int64)
    groups[order] = np.arange(len(labels)) % min(GROUPS, len(labels))
    return groups


def _accuracy(scores: np.ndarray, labels: np.ndarray) -> np.ndarray:
    return (scores.argmax(1) == labels) / len(labels)


def _balanced_accuracy(scores: np.ndarray, labels: np.ndarray) -> np.ndarray:
    counts = np.bincount(labels)
    return (scores.argmax(1) == labels) / counts[labels] / np.count_nonzero(counts)


def _macro_f1(scores: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """F1 of a class is 2 TP / (n + P) with P images said to be of it; the mean is over classes that are there or said."""
    said, classes = scores.argmax(1), scores.shape[1]
    right = np.bincount(labels[said == labels], minlength=classes)
    total = np.bincount(labels, minlength=classes) + np.bincount(said, minlength=classes)
    with np.errstate(divide="ignore", invalid="ignore"):
        by_right, by_said = 2 / total, -2 * right / total**2
    return ((said == labels) * by_right[labels] + by_said[said]) / np.count_nonzero(total)


def _log_loss(scores: np.ndarray, labels: np.ndarray) -> np.ndarray:
    likelihoods = softmax(scores.astype(float), axis=1)[np.arange(len(labels)), labels]
    return -np.log(np.maximum(likelihoods, np.finfo(float).eps)) / len(labels)


def _calibration_error(scores: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """Of the sum over bins of |confidence - accuracy|, each weighed by its images. Of a calibrated bin it is too large."""
    confidence = softmax(scores.astype(float), axis=1).max(1)
    excess = confidence - (scores.argmax(1) == labels)
    bins = np.clip(np.ceil(confidence * BINS).astype(int) - 1, 0, BINS - 1)
    return np.sign(np.bincount(bins, excess, BINS))[bins] * excess / len(labels)


def _auroc(scores: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """Placements (DeLong, DeLong, Clarke-Pearson 1988): of an image of a class, the share of others below; and of these."""
    probabilities, found = softmax(scores.astype(float), axis=1), np.zeros(len(labels))
    classes = [each for each in np.unique(labels) if (labels != each).any()]
    for each in classes:
        is_of, said = labels == each, probabilities[:, each]
        for mine, others, sign in ((is_of, ~is_of, 1), (~is_of, is_of, -1)):
            ordered = np.sort(sign * said[others])
            below = np.searchsorted(ordered, sign * said[mine], "left") + np.searchsorted(
                ordered, sign * said[mine], "right"
            )
            found[mine] += below / 2 / len(ordered) / mine.sum() / len(classes)
    return found


_KNOWN: dict[str, Callable[[np.ndarray, np.ndarray], np.ndarray]] = {
    "accuracy": _accuracy,
    "balanced_accuracy": _balanced_accuracy,
    "macro_f1": _macro_f1,
    "auroc": _auroc,
    "log_loss": _log_loss,
    "calibration_error": _calibration_error,
}
