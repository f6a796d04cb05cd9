"""What the designs tried so far say about others: a Gaussian process over the values of the choices.

Every design that has a score counts, whatever place it came to. Its score is that of the last place, less how much higher or
lower scores are there than at the first: on average over those that came from each place to the next, references among them.
So those that go on are, as a group, taken to be as good as they were at the first place.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from optuna.trial import FrozenTrial

from archlab.study.search.beginning import Basis

LENGTH_SCALE = 0.375  # squared, as a share of the variables
NOISE = 0.3  # variance of a score, as a share of that of all scores
EXPLORATION = 0.5  # deviations


def upper_confidence_bounds(
    basis: Basis, trials: Sequence[FrozenTrial], candidates: Sequence[FrozenTrial]
) -> np.ndarray | None:
    """How good each candidate may be, by its values: what is expected, and half a deviation. None where too little is known."""
    scores = _scores(basis, trials)
    known = np.isfinite(scores)
    if known.sum() < 2 or np.std(scores[known]) == 0:
        return None
    from sklearn.gaussian_process import GaussianProcessRegressor
    from sklearn.gaussian_process.kernels import RBF

    tried = [trial for trial, is_known in zip(trials, known, strict=True) if is_known]
    values = _encoded([*tried, *candidates])
    length_scale = math.sqrt(LENGTH_SCALE * len({name for trial in tried for name in trial.params}))
    process = GaussianProcessRegressor(RBF(length_scale), alpha=NOISE, optimizer=None, normalize_y=True)
    process.fit(values[: len(tried)], scores[known])
    mean, deviation = process.predict(values[len(tried) :], return_std=True)
    return mean + EXPLORATION * deviation


def _scores(basis: Basis, trials: Sequence[FrozenTrial]) -> np.ndarray:
    """Of each trial, as at the first place; NaN where it has come to none."""
    last = len(basis.rungs.order)
    places = [*basis.places, last]
    at = np.array([[_or_nan(basis.early(trial, place)) for place in places] for trial in trials]).reshape(
        -1, len(places)
    )
    at[:, -1] = [_or_nan(trial.user_attrs.get("xscore")) for trial in trials]
    of_references = np.array([[early for early, _ in basis.came(place, ())] for place in places]).T
    of_references[:, -1] = [final for _, final in basis.came(last, ())]
    higher = np.nanmean(np.diff(np.vstack([at, of_references]), axis=1), axis=0)
    at[:, 1:] -= np.cumsum(higher)
    deepest = np.isfinite(at).cumsum(axis=1).argmax(axis=1)
    return at[np.arange(len(at)), deepest]


def _or_nan(value: float | None) -> float:
    return math.nan if value is None else value


def _encoded(trials: Sequence[FrozenTrial]) -> np.ndarray:
    """A row for each trial: numbers from 0 to 1, words as indicators, so that two that differ are at most one apart."""
    columns = []
    for name in sorted({name for trial in trials for name in trial.params}):
        given = [trial.params.get(name) for trial in trials]
        if any(isinstance(value, str) for value in given):
            words = sorted({value for value in given if value is not None})
            columns += [[(value == word) / math.sqrt(2) for value in given] for word in words]
        else:
            logarithmic = any(getattr(trial.distributions.get(name), "log", False) for trial in trials)
            numbers = [None if value is None else math.log(value) if logarithmic else value for value in given]
            low = min(number for number in numbers if number is not None)
            span = max(number for number in numbers if number is not None) - low or 1
            columns.append([0.5 if number is None else (number - low) / span for number in numbers])
    return np.array(columns, dtype=float).T
