"""What a study scores: a metric that every run keeps, one of the user's own that the recipe names, or one of a file."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from archlab.foundation import UserError, where
from archlab.foundation.metric import METRICS, Metric
from archlab.foundation.own_code import is_own
from archlab.training.metrics import name_of, own_metric, recipe_metric
from archlab.training.recipe import Recipe


def read_metric(document: Mapping[str, Any], recipes: Sequence[Recipe], folder: Path) -> Metric:
    """The metric of a study's document, whose runs are trained by these recipes. Raises UserError."""
    given, at = document.get("metric", "accuracy"), where(document, "metric")  # type: ignore[arg-type]
    if isinstance(given, dict) or is_own(given):
        if document.get("class_scores", True) is False:
            raise UserError(
                "a metric of a file is computed of class scores, which `class_scores: false` leaves out", where=at
            )
        return own_metric(given, folder=folder, at=at)
    kept = [_own_of(recipe) for recipe in recipes]
    known = METRICS | {name: metric for name, metric in kept[0].items() if all(name in each for each in kept)}
    if not isinstance(given, str) or given not in known:
        names = list(known)
        message = f"metric must be {', '.join(names[:-1])} or {names[-1]}, or one of yours, FILE.py:NAME, not {given!r}"
        raise UserError(message, where=at, name=str(given), known=names)
    return known[given]


def kept_metric(metric: Metric, recipe: Recipe, study: str) -> Metric:
    """A study's metric where its runs are trained by another recipe. Raises UserError where they keep no such."""
    if metric.own:
        return metric
    known = METRICS | _own_of(recipe)
    if metric.name not in known:
        message = f"override recipe: {recipe.name} keeps no metric {metric.name!r}, which {study} scores"
        raise UserError(message, name=metric.name, known=known)
    return known[metric.name]


def _own_of(recipe: Recipe) -> dict[str, Metric]:
    return {name_of(reference): recipe_metric(call) for call in recipe.metrics for reference in call}
