"""Measuring the metrics of a run: archlab's, and the user's own.

A user's own metric is a function `metric(scores, labels, **arguments) -> float` of a whole split: the network's outputs
before any softmax, less the largest of each image, float32 (N, classes), and the index of the right class of each image,
int64 (N,), as NumPy arrays. Its attributes `higher_is_better` (True without) and `unit` say how it is read.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from archlab.foundation import UserError
from archlab.foundation.metric import METRICS, RENAMED, SHARE, Metric
from archlab.foundation.own_code import OwnCode, own_code
from archlab.foundation.settings import read_arguments

if TYPE_CHECKING:
    import numpy as np

    from archlab.training.class_scores import ClassScores

OWN = ("scores", "labels")  # what a user's own metric is given by position


def check_names(calls: Iterable[dict[str, dict[str, Any]]], at: str | None) -> None:
    """Raises UserError where two metrics of a run would have one name."""
    seen = {*METRICS, *RENAMED}
    for name in (name_of(reference) for call in calls for reference in call):
        if name in seen:
            raise UserError(f"two metrics are called {name!r}: call the function otherwise", where=at)
        seen.add(name)


def own_metric(given: Any, *, folder: Path | None = None, at: str | None = None) -> Metric:
    """The metric that `FILE.py:NAME` or `{FILE.py:NAME: {argument: value}}` names. Raises UserError."""
    reference, arguments = next(iter(given.items())) if isinstance(given, dict) and len(given) == 1 else (given, {})
    code, arguments = own_code(str(reference), folder=folder, at=at), arguments or {}
    read_arguments(code.value, arguments, str(reference), at, leading=OWN)
    name = name_of(code.canonical)
    check_names([{code.canonical: {}}], at)
    return _described(name, code, {f"{code.file}:{name}": dict(arguments)}, at)


def recipe_metric(call: dict[str, dict[str, Any]]) -> Metric:
    """The metric of a user's own that a recipe names, which runs keep; its file is loaded."""
    ((reference, _),) = call.items()
    return _described(name_of(reference), own_code(reference), None, None)


def with_call(metric: Metric, recipe: Mapping[str, Any]) -> Metric:
    """The metric as `measured` takes it: one that runs keep with the call by which their canonical recipe names it."""
    calls = [call for call in recipe.get("metrics", ()) if metric.name in map(name_of, call)]
    return replace(metric, own=calls[0]) if calls and metric.own is None else metric


def _described(name: str, code: OwnCode, own: dict[str, dict[str, Any]] | None, at: str | None) -> Metric:
    higher, unit = getattr(code.value, "higher_is_better", True), getattr(code.value, "unit", SHARE)
    if not isinstance(higher, bool) or not isinstance(unit, str):
        raise UserError(f"{name}: higher_is_better is True or False, and unit a word", where=at or str(code.file))
    return Metric(name, higher, unit, own)


def metrics_of(
    class_scores: Mapping[str, ClassScores], own: Iterable[dict[str, dict[str, Any]]] = ()
) -> dict[str, dict[str, float]]:
    """By split and name: METRICS, those that are defined, and the user's `own`, as a recipe names them.

    Raises UserError where one of the user's fails or is no finite number.
    """
    calls = list(own)
    return {split: {**_shipped(each), **_own_metrics(calls, each)} for split, each in class_scores.items()}


def measured(metric: Metric, class_scores: ClassScores) -> float | None:
    """A metric of a split; None where it is not defined. Raises UserError where a user's own fails."""
    if metric.own is None:
        value = _measure(metric.name, class_scores.probabilities(), class_scores.labels)
        return None if math.isnan(value) else value
    return _own_metrics([metric.own], class_scores)[metric.name]


def _shipped(given: ClassScores) -> dict[str, float]:
    probabilities = given.probabilities()
    found = {name: _measure(name, probabilities, given.labels) for name in METRICS}
    return {name: value for name, value in found.items() if not math.isnan(value)}


def _measure(name: str, probabilities: np.ndarray, labels: np.ndarray) -> float:
    from archlab.training import measures

    return getattr(measures, name)(probabilities, labels)


def _own_metrics(calls: Iterable[dict[str, dict[str, Any]]], given: ClassScores) -> dict[str, float]:
    found = {}
    for call in calls:
        ((reference, arguments),) = call.items()
        own, name = own_code(reference), name_of(reference)
        value = own(given.scores.astype("float32"), given.labels.astype("int64"), **arguments)
        try:
            found[name] = float(value)
        except (TypeError, ValueError):
            found[name] = math.nan
        if not math.isfinite(found[name]):
            raise UserError(f"{name} must give a finite number, not {value!r}", where=str(own.file))
    return found


def name_of(reference: str) -> str:
    """The name under which a run keeps an own metric, written as `DIGEST:NAME` or `FILE.py:NAME`."""
    return reference.rpartition(":")[2]
