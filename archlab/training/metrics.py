"""Metrics of a run: those that every run has, and the user's own.

A user's own metric is a function `metric(scores, labels, **arguments) -> float` of a whole split: the network's outputs
before any softmax, float32 (N, classes), and the index of the right class of each image, int64 (N,), as NumPy arrays.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any

import numpy as np

from archlab.foundation import UserError
from archlab.foundation.own_code import own_code

ALWAYS = ("accuracy", "balanced_accuracy", "loss")
OWN = ("scores", "labels")  # what a user's own metric is given by position


def check_names(calls: Iterable[dict[str, dict[str, Any]]], at: str | None) -> None:
    """Raises UserError where two metrics of a run would have one name."""
    seen = set(ALWAYS)
    for name in (_name(reference) for call in calls for reference in call):
        if name in seen:
            raise UserError(f"two metrics are called {name!r}", where=at)
        seen.add(name)


def own_metrics(calls: Iterable[dict[str, dict[str, Any]]], scores: np.ndarray, labels: np.ndarray) -> dict[str, float]:
    """By name, of a split. Raises UserError where one fails or is no finite number."""
    found = {}
    for reference, arguments in (item for call in calls for item in call.items()):
        own = own_code(reference)
        value = own(scores, labels, **arguments)
        try:
            found[_name(reference)] = float(value)
        except (TypeError, ValueError):
            found[_name(reference)] = math.nan
        if not math.isfinite(found[_name(reference)]):
            raise UserError(f"{_name(reference)} must give a finite number, not {value!r}", where=str(own.file))
    return found


def _name(reference: str) -> str:
    return reference.partition(":")[2]
