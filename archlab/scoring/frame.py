"""xScore: the mean of min-max normalised accuracies over datasets, less a share of their variance.

Zhang, Ding, Liu: "xScore: A Simple Metric for Cross-Domain Robustness in Lightweight Vision Models",
Algorithms 2026, 19(1), 14.
"""

from __future__ import annotations

import math
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd

from archlab.foundation import UserError, check_keys
from archlab.foundation.settings import read_value

LAMBDA = 0.5  # as published
FEWEST_DATASETS = 2  # a sample variance needs two


@dataclass(frozen=True)
class Frame:
    """The per-dataset worst and best value that normalise accuracies, or another metric: scores of one frame can be compared.

    Args:
        kind: `references` (named models span it), `cohort` (all complete models of the table do) or `file`.
        models: The models that span it.
        split: The split that it was measured on; None where the source does not say.
        datasets: The worst and the best value by dataset, in the unit of the table: of a metric that is better when higher
            the minimum and the maximum, else the other way round.
        dropped: Datasets that do not count, since worst and best are equal there.
        weak: Datasets whose span is under twice the deviation between seeds.
    """

    kind: str
    models: tuple[str, ...]
    split: str | None
    datasets: dict[str, tuple[float, float]]
    dropped: tuple[str, ...] = ()
    weak: tuple[str, ...] = ()

    @property
    def higher_is_better(self) -> bool:
        """Whether this is how the metric counts that it was made of."""
        return all(worst < best for worst, best in self.datasets.values())

    def span(self, dataset: str) -> float:
        """How far worst and best value of a dataset lie apart."""
        worst, best = self.datasets[dataset]
        return abs(best - worst)

    def document(self) -> dict[str, Any]:
        """As plain JSON values."""
        return {
            "kind": self.kind,
            "models": list(self.models),
            "split": self.split,
            "datasets": {dataset: list(span) for dataset, span in self.datasets.items()},
            "dropped": list(self.dropped),
            "weak": list(self.weak),
        }

    @classmethod
    def from_document(cls, document: Any, where: str | None = None, *, higher_is_better: bool = True) -> Frame:
        """The frame of a JSON document (or of one that holds it under "frame"), checked. Its kind is `file`.

        `higher_is_better`: the metric that it is to normalise.
        """
        if isinstance(document, Mapping) and isinstance(document.get("frame"), Mapping):
            document = document["frame"]
        if not isinstance(document, Mapping) or not isinstance(document.get("datasets"), Mapping):
            raise UserError(
                f'holds no frame: expected {{"datasets": {{NAME: [{_ENDS[higher_is_better]}]}}}}', where=where
            )
        check_keys(dict(document), ["kind", "models", "split", "datasets", "dropped", "weak"], "a frame", where)
        spans = {str(name): _span(name, span, where, higher_is_better) for name, span in document["datasets"].items()}
        if len(spans) < FEWEST_DATASETS:
            raise UserError(f"the frame has {len(spans)} dataset(s); a variance needs two", where=where)
        names = tuple[str, ...] | None
        models, dropped, weak = (
            tuple(read_value(names, document.get(key), f"the frame's {key}", where) or ())
            for key in ("models", "dropped", "weak")
        )
        split = read_value(str | None, document.get("split"), "the frame's split", where)
        for name in weak:
            if name not in spans:
                raise UserError(
                    f"the frame has no dataset {name!r} that could be weak", where=where, name=name, known=spans
                )
        return cls("file", models, split, spans, dropped, weak)

    def normalised(self, accuracies: pd.DataFrame) -> pd.DataFrame:
        """Models x the frame's datasets: 0 is the worst, 1 the best; nothing is clipped."""
        spans = pd.DataFrame(self.datasets, index=["worst", "best"])
        return (accuracies[list(self.datasets)] - spans.loc["worst"]) / (spans.loc["best"] - spans.loc["worst"])

    def only(self, datasets: Sequence[str]) -> Frame:
        """The same values, of these datasets alone."""
        return Frame("file", (), None, {name: self.datasets[name] for name in datasets})

    def scaled(self, factor: float) -> Frame:
        """The same frame in another unit."""
        return replace(self, datasets={name: (a * factor, b * factor) for name, (a, b) in self.datasets.items()})


def xscore(
    accuracies: pd.DataFrame,
    lam: float = LAMBDA,
    frame: Frame | Mapping[str, Any] | None = None,
    *,
    higher_is_better: bool = True,
) -> pd.DataFrame:
    """xScore of each model: `mean - lam * variance` of its normalised accuracies.

    Args:
        accuracies: Models (index) x datasets (columns), in any one unit.
        lam: Weight of the variance; 0.5 as published.
        frame: Normalises each dataset, such as `.document["frame"]` of what `archlab.ablate` gives; without one, the
            table's own minima and maxima do. Accuracies outside the frame normalise to values outside [0, 1]; nothing
            is clipped.
        higher_is_better: Without a `Frame`: whether the maximum is the best, or the minimum.

    Returns:
        Models x (mean, variance, xscore), in the order of `accuracies`. `mean` and `variance` (ddof 1) are over the
        datasets' normalised accuracies.

    Raises:
        UserError: a value is missing or no finite number; a model or dataset appears twice; fewer than two datasets,
            or (without a frame) fewer than two models; a dataset's minimum and maximum are equal; a dataset that the
            frame lacks, or the other way round.
    """
    if not math.isfinite(lam):
        raise UserError(f"lambda must be a finite number, not {lam}")
    values = _numbers(accuracies)
    if isinstance(frame, Mapping):
        frame = Frame.from_document(frame, higher_is_better=higher_is_better)
    if frame is None:
        if len(values) < 2:
            raise UserError("one model alone spans no frame: give at least two, or a frame")
        ends = {str(dataset): (column.min(), column.max()) for dataset, column in values.items()}
        spans = ends if higher_is_better else {dataset: span[::-1] for dataset, span in ends.items()}
    else:
        values = values.drop(columns=[dataset for dataset in frame.dropped if dataset in values])
        spans = _matching(values, frame)
    if len(spans) < FEWEST_DATASETS:
        raise UserError(f"{len(spans)} dataset: a variance over datasets needs at least two")
    for dataset, (worst, best) in spans.items():
        if worst == best:
            raise UserError(f"dataset {dataset!r} tells no models apart: its minimum and maximum are both {worst:g}")
    limits = np.array([spans[str(dataset)] for dataset in values.columns])
    scores = normalised_scores(values.to_numpy(), limits[:, 0], limits[:, 1], lam)
    return pd.DataFrame(dict(zip(["mean", "variance", "xscore"], scores, strict=True)), index=values.index)


def normalised_scores(values: np.ndarray, worst: np.ndarray, best: np.ndarray, lam: float) -> tuple[np.ndarray, ...]:
    """Mean, variance and xScore over the last axis (datasets) of `values`, normalised to [worst, best]."""
    normalised = (values - worst) / (best - worst)
    mean, variance = normalised.mean(axis=-1), normalised.var(axis=-1, ddof=1)
    return mean, variance, mean - lam * variance


def _numbers(accuracies: pd.DataFrame) -> pd.DataFrame:
    for axis, what in ((accuracies.index, "model"), (accuracies.columns, "dataset")):
        if axis.has_duplicates:
            raise UserError(f"{what} {axis[axis.duplicated()][0]!r} appears twice")
    for dataset, column in accuracies.items():
        if not pd.api.types.is_numeric_dtype(column):
            raise UserError(f"column {dataset!r} holds text; models belong in the index, accuracies in the columns")
        bad = accuracies.index[~np.isfinite(column.to_numpy(dtype=float))]
        if len(bad):
            raise UserError(f"no finite accuracy of {bad[0]!r} on {dataset!r}")
    if accuracies.empty:
        raise UserError("the table of accuracies is empty")
    return accuracies.astype(float)


def _matching(values: pd.DataFrame, frame: Frame) -> dict[str, tuple[float, float]]:
    for dataset in values.columns:
        if dataset not in frame.datasets:
            raise UserError(f"the frame has no dataset {dataset!r}", name=dataset, known=frame.datasets)
    for dataset in frame.datasets:
        if dataset not in values:
            raise UserError(f"the table lacks the frame's dataset {dataset!r}")
    return frame.datasets


_ENDS = {True: "MINIMUM, MAXIMUM", False: "MAXIMUM, MINIMUM"}  # by whether higher is better


def _span(name: str, span: Any, where: str | None, higher_is_better: bool) -> tuple[float, float]:
    numbers = isinstance(span, (list, tuple)) and all(
        isinstance(end, (int, float)) and not isinstance(end, bool) and abs(end) <= sys.float_info.max for end in span
    )
    if not numbers or len(span) != 2:
        raise UserError(f"the frame's dataset {name!r} needs [{_ENDS[higher_is_better]}], not {span!r}", where=where)
    if not span[0] < span[1] and higher_is_better:
        raise UserError(f"the frame's dataset {name!r} has minimum {span[0]:g}, maximum {span[1]:g}", where=where)
    if not span[0] > span[1] and not higher_is_better:
        message = f"the frame's dataset {name!r} has worst {span[0]:g}, best {span[1]:g}, but lower is better"
        raise UserError(message, where=where)
    return float(span[0]), float(span[1])
