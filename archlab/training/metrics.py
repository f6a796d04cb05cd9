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
    for name in (name_of(reference) for call in calls for reference in call):
        if name in seen:
            raise UserError(f"two metrics are called {name!r}", where=at)
        seen.add(name)


def own_metrics(calls: Iterable[dict[str, dict[str, Any]]], scores: np.ndarray, labels: np.ndarray) -> dict[str, float]:
    """By name, of a split. Raises UserError where one fails or is no finite number."""
    found = {}
    for call in calls:
        ((reference, arguments),) = call.items()
        own, name = own_code(reference), name_of(reference)
        value = own(scores, labels, **arguments)
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
