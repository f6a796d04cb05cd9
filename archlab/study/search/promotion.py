"""Which designs go on.

Designs are compared in the middle of their first run, and after so many datasets. One goes on where it is among the best share
of all that have come to that place, the references among them; otherwise it waits, and goes on later where it is among the best
share then (asynchronous successive halving, Li et al. 2020, arXiv 1810.05934). At the first place all wait until so many
designs are there that the share of them is a few. Where the order at a place agrees too little with the final one, those that
come there go on.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from optuna.trial import FrozenTrial, TrialState

from archlab.study.search.beginning import Basis
from archlab.study.search.rungs import agreement, says_enough
from archlab.study.search.trials import accuracies, counts

A_FEW = 3


def goes_on(basis: Basis, place: int, score: float, others: Sequence[FrozenTrial], last: bool) -> bool:
    """Whether a design that comes to a place with this score goes on at once.

    Args:
        others: The history without it.
        last: Whether no design will come after those that have begun.
    """
    came = basis.came(place, others)
    if not says_enough(agreement(came)):
        return True
    return _open(basis, place, others, 1, last) and _among_best(score, [*(early for early, _ in came), score], basis)


def promoted(basis: Basis, history: Sequence[FrozenTrial], last: bool) -> FrozenTrial | None:
    """The best design of those that wait and may go on, at the last place where there is one."""
    for place in reversed(basis.places):
        waiting = {
            trial.number: score
            for trial in history
            if _waits(trial, place) and (score := basis.early(trial, place)) is not None
        }
        if waiting and _open(basis, place, history, 0, last):
            best = max(waiting, key=lambda number: waiting[number])
            if _among_best(waiting[best], [early for early, _ in basis.came(place, history)], basis):
                return next(trial for trial in history if trial.number == best)
    return None


def _waits(trial: FrozenTrial, place: int) -> bool:
    return trial.state == TrialState.PRUNED and counts(trial) and len(accuracies(trial)) == place


def _open(basis: Basis, place: int, trials: Sequence[FrozenTrial], more: int, last: bool) -> bool:
    """Whether enough designs are at a place, besides `more`, that one may go on."""
    if last or place != basis.places[0]:
        return True
    there = sum(basis.early(trial, place) is not None for trial in trials)
    return there + more >= math.ceil(A_FEW / basis.rungs.keep)


def _among_best(score: float, scores: Sequence[float], basis: Basis) -> bool:
    return sum(each > score for each in scores) < basis.rungs.keep * len(scores)
