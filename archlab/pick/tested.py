"""What a network is worth on the test images, as plain JSON values, with intervals over images."""

from __future__ import annotations

from typing import Any

import numpy as np

from archlab.deploy.class_scores import class_scores_of
from archlab.foundation.metric import METRICS, Metric
from archlab.training.class_scores import ClassScores
from archlab.training.metrics import measured

FEWEST = 5  # images of a class that tell something of its noise
DRAWS = 100, 1000  # the fewest, where there are many images and classes
MOST_PROBABILITIES = 2e8  # in all draws
ACCURACY = METRICS["accuracy"]
NOTHING: dict[str, Any] = {"images": 0, "metrics": {}, "guess": None, "recall": [], "confusion": []}
"""Where there was nothing to test on."""


def tested(
    probabilities: np.ndarray, labels: np.ndarray, class_names: list[str], metric: Metric, largest: str
) -> dict[str, Any]:
    """Of probabilities, float (N, classes), and labels, int (N,), of one image at least.

    Gives `images`; `metrics`, by name accuracy and the one asked for, each with value, low and high; `guess`, what always
    saying the class `largest` would be worth: class and accuracy; `recall`, in the order of the classes: class, images, recall,
    low and high, null without images; `confusion`, how many images of each class (rows) are taken for each (columns).

    Intervals are of 95 %: Wilson's for accuracy and recall, percentiles over test sets with as many images of each class,
    drawn with replacement, for other metrics.
    """
    from sklearn.metrics import confusion_matrix

    confusion = confusion_matrix(labels, probabilities.argmax(1), labels=range(len(class_names)))
    right, images = np.diag(confusion), confusion.sum(1)
    metrics = {"accuracy": share(int(right.sum()), len(labels))}
    if metric != ACCURACY:
        metrics[metric.name] = _resampled(metric, class_scores_of(probabilities, labels))
    recalls = [share(int(each), int(count)) for each, count in zip(right, images, strict=True)]
    largest_images = int(images[class_names.index(largest)]) if largest in class_names else 0
    return {
        "images": len(labels),
        "metrics": metrics,
        "guess": {"class": largest, "accuracy": largest_images / len(labels)},
        "recall": [
            {"class": name, "images": int(count), "recall": of["value"], "low": of["low"], "high": of["high"]}
            for name, count, of in zip(class_names, images, recalls, strict=True)
        ],
        "confusion": confusion.tolist(),
    }


def share(right: int, images: int) -> dict[str, float | None]:
    """The share of images that are right, and its interval of 95 % (Wilson 1927, JASA 22, 209); nulls without images."""
    from scipy.stats import binomtest

    if not images:
        return {"value": None, "low": None, "high": None}
    ends = binomtest(right, images).proportion_ci(0.95, method="wilson")
    return {"value": right / images, "low": float(ends.low), "high": float(ends.high)}


def _resampled(metric: Metric, given: ClassScores) -> dict[str, float | None]:
    """A metric, null where it is not defined, with percentiles over images drawn within their classes; without these where a
    class has too few to draw from."""
    value = measured(metric, given)
    if value is None:
        return {"value": None, "low": None, "high": None}
    chance = np.random.default_rng(0)
    by_class = [np.flatnonzero(given.labels == each) for each in np.unique(given.labels)]
    if min(map(len, by_class)) < FEWEST:
        return {"value": value, "low": None, "high": None}
    drawn = []
    for _ in range(int(np.clip(MOST_PROBABILITIES / given.scores.size, *DRAWS))):
        rows = np.concatenate([chance.choice(rows, len(rows)) for rows in by_class])
        drawn.append(measured(metric, ClassScores(given.scores[rows], given.labels[rows])))
    low, high = np.quantile(np.array(drawn, dtype=float), [0.025, 0.975])
    return {"value": value, "low": float(low), "high": float(high)}
