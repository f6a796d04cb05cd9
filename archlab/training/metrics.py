"""Metrics of a run: those that every run has, and the user's own.

A user's own metric is a function `metric(scores, labels, **arguments) -> float` of a whole split: the network's outputs
before any softmax, less the largest of each image, float32 (N, classes), and the index of the right class of each image,
int64 (N,), as NumPy arrays.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np

from archlab.foundation import UserError
from archlab.foundation.own_code import own_code
from archlab.training.class_scores import ClassScores

ALWAYS = ("accuracy", "balanced_accuracy", "loss")
OWN = ("scores", "labels")  # what a user's own metric is given by position


def check_names(calls: Iterable[dict[str, dict[str, Any]]], at: str | None) -> None:
    """Raises UserError where two metrics of a run would have one name."""
    seen = set(ALWAYS)
    for name in (name_of(reference) for call in calls for reference in call):
        if name in seen:
            raise UserError(f"two metrics are called {name!r}", where=at)
        seen.add(name)


def metrics_of(
    class_scores: Mapping[str, ClassScores], own: Iterable[dict[str, dict[str, Any]]] = ()
) -> dict[str, dict[str, float]]:
    """By split and name: accuracy, balanced accuracy (the mean recall of the classes that occur), loss (cross entropy).

    And the user's `own`, as a recipe names them. Raises UserError where one fails or is no finite number.
    """
    calls = list(own)
    return {split: {**_always(each), **_own_metrics(calls, each)} for split, each in class_scores.items()}


def _always(given: ClassScores) -> dict[str, float]:
    labels, right = given.labels, given.classes == given.labels
    seen = np.bincount(labels)
    recalls = (np.bincount(labels, right) / np.maximum(seen, 1))[seen > 0]
    likelihoods = given.probabilities()[np.arange(len(labels)), labels]
    return {
        "accuracy": float(right.mean()),
        "balanced_accuracy": float(recalls.mean()),
        "loss": float(-np.log(np.maximum(likelihoods, np.finfo(float).tiny)).mean()),
    }


def _own_metrics(calls: Iterable[dict[str, dict[str, Any]]], given: ClassScores) -> dict[str, float]:
    found = {}
    for call in calls:
        ((reference, arguments),) = call.items()
        own, name = own_code(reference), name_of(reference)
        value = own(given.scores.astype(np.float32), given.labels.astype(np.int64), **arguments)
        try:
            found[name] = float(value)
        except (TypeError, ValueError):
            found[name] = math.nan
        if not math.isfinite(found[name]):
            raise UserError(f"{name} must give a finite number, not {value!r}", where=str(own.file))
    return found


def name_of(reference: str) -> str:
    """The name under which a run keeps an own metric, written as `DIGEST:NAME`."""
    return reference.partition(":")[2]
