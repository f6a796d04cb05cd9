"""What single classes are taken for, of the class scores that runs have kept."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from archlab.foundation import UserError
from archlab.report.material import Material
from archlab.runs import DamagedRunError, Store

MOST_MODELS = 5  # of which recalls are shown: the best ones, and the base


@dataclass(frozen=True)
class ByClass:
    """A dataset's test images, of all seeds together.

    Args:
        classes: Their names.
        confusions: By model, best first: int64 (classes, classes), images of each class (rows) taken for each (columns).
        pictured: The models whose confusion is shown: the best, and the base.
    """

    dataset: str
    classes: list[str]
    confusions: dict[str, np.ndarray]
    pictured: list[str]

    @property
    def recall(self) -> pd.DataFrame:
        """Classes x models; NaN for a class without an image."""
        return pd.DataFrame({model: _recall(each) for model, each in self.confusions.items()}, index=self.classes)

    def document(self) -> dict[str, Any]:
        """As plain JSON values: classes, recall and confusion by model."""
        return {
            "classes": self.classes,
            "recall": {
                str(model): [None if np.isnan(value) else float(value) for value in values]
                for model, values in self.recall.items()
            },
            "confusion": {model: self.confusions[model].tolist() for model in self.pictured},
        }


def by_class(material: Material, ranking: list[str]) -> tuple[list[ByClass], list[str]]:
    """Of each dataset whose runs have kept class scores; and the names of the others. `ranking`: models, best first.

    Left out are models that were tested on other images than the best, as where a dataset was added anew in between.
    """
    if material.home is None or not material.runs:
        return [], []
    store, keys = Store(material.home), dict[tuple[str, str], list[str]]()
    for run in material.runs:
        keys.setdefault((run["dataset"], run["model"]), []).append(run["key"])
    found, without = [], []
    for dataset in dict.fromkeys(dataset for dataset, _ in keys):
        there = [model for model in ranking if (dataset, model) in keys]
        chosen = [model for at, model in enumerate(there) if at < MOST_MODELS or model == material.base]
        known = {model: each for model in chosen if (each := _confusion(store, keys[dataset, model])) is not None}
        if not known:
            without.append(dataset)
            continue
        best, first = next(iter(known.items()))
        known = {model: each for model, each in known.items() if _of_the_same_images(each, first)}
        pictured = [model for model in known if model in (best, material.base)]
        found.append(ByClass(dataset, _names(store, keys[dataset, best][0], len(first)), known, pictured))
    return found, without


def _confusion(store: Store, keys: list[str]) -> np.ndarray | None:
    """Of a model on one dataset, its seeds added up; None where a run has kept no class scores."""
    from sklearn.metrics import confusion_matrix

    total: np.ndarray | None = None
    for key in keys:
        try:
            kept = store.class_scores(key).get("test")
        except (DamagedRunError, UserError):
            kept = None
        if kept is None:
            return None
        each = confusion_matrix(kept.labels, kept.classes, labels=range(kept.scores.shape[1]))
        total = each if total is None else total + each
    return total


def _of_the_same_images(one: np.ndarray, other: np.ndarray) -> bool:
    """As far as the share of each class tells, however many seeds were added up."""
    return one.shape == other.shape and np.array_equal(one.sum(1) * other.sum(), other.sum(1) * one.sum())


def _recall(confused: np.ndarray) -> np.ndarray:
    images = confused.sum(1)
    return np.where(images > 0, np.diag(confused) / np.maximum(images, 1), np.nan)


def _names(store: Store, key: str, count: int) -> list[str]:
    from archlab.runs.stored import read_model

    with suppress(DamagedRunError, UserError):
        names = (read_model(store.directory(key)) or {}).get("class_names", [])
        if len(names) == count:
            return [str(name) for name in names]
    return [str(index) for index in range(count)]
