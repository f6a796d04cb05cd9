"""What archlab's metrics are, each of a whole split: of probabilities, float64 (N, classes), and labels, int (N,).

A class counts where an image of it is there, but in `macro_f1` also where a model says it. NaN is a value that is not defined.
"""

from __future__ import annotations

import math

import numpy as np

BINS = 15  # of the calibration error


def accuracy(probabilities: np.ndarray, labels: np.ndarray) -> float:
    """The share of images whose most probable class is the right one."""
    return float((probabilities.argmax(1) == labels).mean())


def balanced_accuracy(probabilities: np.ndarray, labels: np.ndarray) -> float:
    """The mean recall of the classes."""
    right, seen = probabilities.argmax(1) == labels, np.bincount(labels)
    return float((np.bincount(labels, right) / np.maximum(seen, 1))[seen > 0].mean())


def macro_f1(probabilities: np.ndarray, labels: np.ndarray) -> float:
    """The mean over classes of the harmonic mean of precision and recall, as scikit-learn's `f1_score` has it."""
    from sklearn.metrics import f1_score

    return float(f1_score(labels, probabilities.argmax(1), average="macro", zero_division=0))


def auroc(probabilities: np.ndarray, labels: np.ndarray) -> float:
    """The mean over classes of the area under the receiver operating characteristic of each against the rest.

    It is the share of pairs, an image of the class and another, in which the former has the higher probability of the class,
    ties counting half (Hanley, McNeil 1982): scikit-learn's `roc_auc_score`, which takes 4 to 15 times as long. NaN where
    all images are of one class.
    """
    from scipy.stats import rankdata

    classes, counts = np.unique(labels, return_counts=True)
    if len(classes) < 2:
        return math.nan
    ranks = rankdata(probabilities[:, classes], axis=0)
    sums = np.array([ranks[labels == label, column].sum() for column, label in enumerate(classes)])
    return float(((sums - counts * (counts + 1) / 2) / (counts * (len(labels) - counts))).mean())


def log_loss(probabilities: np.ndarray, labels: np.ndarray) -> float:
    """The mean negative logarithm of the right class's probability, which counts as 2e-16 at least: cross entropy in nats."""
    if probabilities.shape[1] == 1:
        return 0.0
    from sklearn import metrics

    return float(metrics.log_loss(labels, probabilities, labels=range(probabilities.shape[1])))


def calibration_error(probabilities: np.ndarray, labels: np.ndarray) -> float:
    """How far the highest probability lies from the accuracy of images with one like it: the expected calibration error.

    In 15 bins of equal width, weighted by their images: Guo et al., "On Calibration of Modern Neural Networks", ICML 2017.
    """
    confidence = probabilities.max(1)
    excess = confidence - (probabilities.argmax(1) == labels)
    bins = np.clip(np.ceil(confidence * BINS).astype(int) - 1, 0, BINS - 1)  # their upper ends belong to them
    return float(np.abs(np.bincount(bins, excess, BINS)).sum() / len(labels))
