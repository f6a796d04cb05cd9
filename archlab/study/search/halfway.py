"""The middle of a design's first run: after the last epoch before the middle of the training on the first dataset, designs are
compared with all that came to the same epoch of the same schedule."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from archlab.runs import Run

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
