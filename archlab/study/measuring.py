"""What stored runs are worth in a study's metric: as they keep it, else computed of the class scores that they keep."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from archlab.foundation import UserError, with_store
from archlab.foundation.metric import METRICS, UNDEFINED, Metric
from archlab.foundation.words import first_of
from archlab.runs import DamagedRunError, Run, Store
from archlab.training.metrics import measured

ALWAYS = ("accuracy", "balanced_accuracy", "log_loss")  # what every run keeps that was ever stored
KEPT_WITH_ALL = "macro_f1"  # which every split has whose run keeps all of METRICS
NAMED = 3  # runs in a message


def check_measurable(metric: Metric, runs: Iterable[Run], store: Store) -> None:
    """Raises UserError where stored ones among the runs keep neither the metric nor the class scores to compute it of."""
    if metric.name in ALWAYS:
        return
    lacking = [run for run in runs if run.key in store and not _is_measurable(metric, run.key, store)]
    if lacking:
        named = first_of([f"{run} ({run.key[:12]})" for run in lacking], NAMED)
        command = with_store("archlab runs gc --without-class-scores", store.home)
        raise UserError(
            f"stored runs keep neither {metric.words} nor class scores to compute it of: {named}; after `{command}` they are "
            "trained anew"
        )


def with_metric(document: dict[str, Any], metric: Metric, store: Store) -> dict[str, Any]:
    """The document of a stored run, with the metric in each split where it is defined.

    Raises UserError where the run keeps neither it nor class scores, or a user's own metric fails.
    """
    kept = document["metrics"]
    if metric.own is None and all(_is_kept(metric, values) for values in kept.values()):
        return document
    key = document["key"]
    try:
        class_scores = store.class_scores(key)
    except DamagedRunError as damage:
        command = with_store("archlab runs check", store.home)
        raise UserError(f"stored run {key[:12]} is damaged: {damage}; `{command}` sets it aside") from None
    if not class_scores:
        raise UserError(f"run {key[:12]} keeps neither {metric.words} nor class scores to compute it of")
    values = {split: measured(metric, each) for split, each in class_scores.items()}
    found = {split: {metric.name: value} for split, value in values.items() if value is not None}
    return {**document, "metrics": {split: {**of, **found.get(split, {})} for split, of in kept.items()}}


def value_of(document: dict[str, Any], metric: Metric, split: str, store: Store) -> float | None:
    """The metric of a stored run on one split; None where it is not defined. Raises UserError as `with_metric`."""
    return with_metric(document, metric, store)["metrics"].get(split, {}).get(metric.name)


def value_or_why(document: dict[str, Any] | None, metric: Metric, split: str, store: Store) -> tuple[float | None, str]:
    """As `value_of`; and where there is none, why."""
    if document is None:
        return None, "its run is gone from the store"
    try:
        value = value_of(document, metric, split, store)
    except UserError as error:
        return None, str(error)
    return (
        value,
        "" if value is not None else f"{metric.words} is not defined on {document['run']['dataset']}: {UNDEFINED}",
    )


def _is_measurable(metric: Metric, key: str, store: Store) -> bool:
    if store.keeps_class_scores(key):
        return True
    document = None if metric.own else store.get(key)
    return document is not None and all(_is_kept(metric, values) for values in document["metrics"].values())


def _is_kept(metric: Metric, values: dict[str, float]) -> bool:
    """Among the metrics of a split; or its run keeps all of METRICS, and this one is not defined there."""
    return metric.name in values or (metric.name in METRICS and KEPT_WITH_ALL in values)
