"""Stopping a design in the middle of its first run.

After the last epoch before the middle of the training on the first dataset, a design ends where it is under the median of all
that have come so far, the references among them, at the same epoch of the same schedule (the median rule of Golovin et al.
2017, "Google Vizier"). Where the order there agrees too little with the final order, nobody ends.
"""

from __future__ import annotations

import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from archlab.runs import Run
from archlab.study.search.rungs import LEAST_CORRELATION, rank_correlation

MIDDLE = 0.6  # of the steps, at most: later it would save too little


@dataclass(frozen=True)
class Halfway:
    """The epoch at which designs are compared, and the references' validation accuracies there, by name."""

    dataset: str
    epoch: int
    recipe: Mapping[str, Any]
    references: Mapping[str, float]

    def concerns(self, run: Run) -> bool:
        """Whether a run has the dataset and schedule that the references had."""
        return run.dataset == self.dataset and run.recipe == self.recipe

    def correlation(self, complete: Sequence[tuple[float, float]]) -> float | None:
        """Spearman's, over the accuracy here and the xScore of complete designs; None where they are too few."""
        return rank_correlation([early for early, _ in complete], [xscore for _, xscore in complete])

    def goes_on(self, accuracy: float, others: Sequence[float], complete: Sequence[tuple[float, float]]) -> bool:
        """Whether a design goes on, where `others` have come so far."""
        correlation = self.correlation(complete)
        if correlation is not None and correlation < LEAST_CORRELATION:
            return True
        return not others or accuracy >= statistics.median(others)


def halfway(runs: Sequence[tuple[Run, dict[str, Any]]]) -> Halfway | None:
    """Of the references' stored runs on the first dataset; None where they differ in schedule or have no middle."""
    first, document = runs[0]
    if len(document["history"]) < 2 or any(run.recipe != first.recipe for run, _ in runs):
        return None
    steps = [entry["steps"] for entry in document["history"]]
    epoch = sum(each <= MIDDLE * steps[-1] for each in steps)
    if epoch == 0:
        return None
    accuracies = {run.model: found["history"][epoch - 1]["validation_accuracy"] for run, found in runs}
    return Halfway(first.dataset, epoch, first.recipe, accuracies)
