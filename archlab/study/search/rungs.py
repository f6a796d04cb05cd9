"""Which designs go on.

Designs are compared in the middle of their first run, and after so many datasets: datasets are the resource, so every run has
its full schedule and all are comparable. One goes on where it is among the best share of all that have come to that rung, the
references among them; otherwise it waits, and is promoted later where it is among the best share then (asynchronous successive
halving, Li et al. 2020, arXiv 1810.05934). At the first rung all wait until so many designs are there that the share of them
is a few.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from optuna.trial import FrozenTrial, TrialState

from archlab.study.search.basis import Basis
from archlab.study.search.trials import accuracies, counts, middle_accuracy


def goes_on(basis: Basis, rung: int, score: float, others: Sequence[FrozenTrial], last: bool) -> bool:
    """Whether a design that comes to a rung with this score goes on at once.

    Args:
        others: The history without it.
        last: Whether no design will come after those that have begun.
    """
    there = [score, *(each for _, each in trials_at(basis, rung, others))]
    return _is_open(basis, rung, len(there), last) and _is_among_best(basis, rung, score, there)


def promoted(basis: Basis, history: Sequence[FrozenTrial], last: bool) -> FrozenTrial | None:
    """The best design of those that wait and may go on, at the last rung where there is one."""
    for rung in reversed(basis.rungs):
        there = trials_at(basis, rung, history)
        waiting = [(trial, score) for trial, score in there if _waits(trial, rung)]
        if waiting and _is_open(basis, rung, len(there), last):
            best, score = max(waiting, key=lambda each: each[1])
            if _is_among_best(basis, rung, score, [each for _, each in there]):
                return best
    return None


def score_at(basis: Basis, rung: int, trial: FrozenTrial) -> float | None:
    """The score of a trial at a rung; None where it has not come there."""
    return basis.score_at(rung, accuracies(trial), middle_accuracy(trial))


def trials_at(basis: Basis, rung: int, trials: Sequence[FrozenTrial]) -> list[tuple[FrozenTrial, float]]:
    """The trials that have come to a rung, and their scores there."""
    return [(trial, score) for trial in trials if (score := score_at(basis, rung, trial)) is not None]


def _waits(trial: FrozenTrial, rung: int) -> bool:
    return trial.state == TrialState.PRUNED and counts(trial) and len(accuracies(trial)) == rung


def _is_open(basis: Basis, rung: int, there: int, last: bool) -> bool:
    """Whether enough designs are at a rung that one may go on."""
    return last or rung != basis.rungs[0] or there >= math.ceil(basis.few / basis.keep)


def _is_among_best(basis: Basis, rung: int, score: float, of_designs: Sequence[float]) -> bool:
    scores = [*of_designs, *basis.reference_scores_at(rung)]
    return sum(each > score for each in scores) < basis.keep * len(scores)
