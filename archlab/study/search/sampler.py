"""The next design to try: within the budget, and not tried before.

Proposals are made on a copy of the history, so that one that cannot keep the budget, or was tried before, never becomes a
trial. Every proposal has a random stream of its own, so a resumed search goes on like one that was never interrupted.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Sequence
from contextlib import suppress
from typing import Any

import numpy as np
import optuna
from optuna.distributions import BaseDistribution, CategoricalDistribution, FloatDistribution, IntDistribution
from optuna.samplers import BaseSampler, PartialFixedSampler, RandomSampler, TPESampler
from optuna.trial import FrozenTrial, TrialState, create_trial

from archlab.foundation import UserError
from archlab.study.search.basis import Basis
from archlab.study.search.designs import Design, Designs
from archlab.study.search.rungs import score_at
from archlab.study.search.trials import experimental, has_failed, is_above
from archlab.study.search_settings import Sampler
from archlab.study.variables import Ask, Value, Variable

# Searches replayed on the landscape `first` took 33.4 epochs on average (standard error 1.8, n = 100) with these values.
STARTUP = 5  # designs before the model of what is good: 33.1 with 2, 40.1 with 10
CANDIDATES = 32  # at random, of which the most promising is taken: 38.7 with 8
LENGTH_SCALE = 0.375  # squared, as a share of the variables: 32.8 with half of it, 33.8 with twice as much
NOISE = 0.3  # variance of a score, as a share of that of all scores: 33.9 with 0.1, 33.7 with 1
NOISE_OF_LATENCY = 0.01  # likewise of the logarithm of a latency, which a design decides but for a few per cent
CLEVER = 8  # attempts with a sampler that the study names, then at random: small spaces are nearly tried out
ATTEMPTS = 200

TPE = Sampler(
    "TPESampler", TPESampler, {"n_startup_trials": STARTUP, "multivariate": True, "group": True, "constant_liar": True}
)


class ExhaustedError(Exception):
    """Raised where the space seems to hold no design that keeps the budget and was not tried."""


def check_sampler(designs: Designs) -> None:
    """Raises UserError where the user's own sampler cannot propose anything of the space."""
    if designs.study.search.sampler:
        with suppress(ExhaustedError):  # a search says so in the end
            propose(designs, None, [], (), designs.study.search.seed)


def propose(
    designs: Designs, basis: Basis | None, history: Sequence[FrozenTrial], taken: Collection[str], seed: int
) -> Design:
    """A design that is within the budget and not among `taken` (digests). Raises ExhaustedError, and UserError where the
    user's own sampler fails.

    What the study's sampler proposes. Where it names none: the most promising of several random ones, after the first few; with
    a second objective, what Optuna's TPE proposes. A limit of latency is a constraint to Optuna's samplers; among random ones
    those that are expected to be above it come last. The same arguments give the same design.
    """
    search, limit = designs.study.search, designs.study.budget.latency
    named = search.sampler or (TPE if search.second_objective else None)
    choosing = named is None and basis is not None and len(history) >= STARTUP
    copy = optuna.create_study(directions=["maximize", "minimize"] if search.second_objective else ["maximize"])
    if named and basis:
        copy.add_trials(_scored(basis, history, limit))
    found: dict[str, tuple[Design, FrozenTrial]] = {}
    for attempt in range(ATTEMPTS):
        stream = int(np.random.SeedSequence([seed, len(history), attempt]).generate_state(1)[0])
        copy.sampler = named(stream) if named and attempt < CLEVER else RandomSampler(stream)
        try:
            design, ended = _attempt(copy, designs)
        except Exception as error:
            if named and (its := named.fault(error)):
                raise its from error
            raise
        if design and design.digest not in taken:
            found.setdefault(design.digest, (design, ended))
        if found and (not choosing or attempt + 1 >= CANDIDATES):
            break
    if not found:
        raise ExhaustedError
    candidates = list(found.values())
    if not (basis and choosing):
        return candidates[0][0]
    return candidates[_most_promising(basis, history, [ended for _, ended in candidates], limit)][0]


def _attempt(study: optuna.Study, designs: Designs) -> tuple[Design | None, FrozenTrial]:
    """What the study's sampler proposes; None where that is not within the budget."""
    trial = study.ask()
    try:
        design = designs.sample(asker(trial))
    except UserError:
        design = None
    return design, study.tell(trial, state=TrialState.FAIL)


def _most_promising(
    basis: Basis, history: Sequence[FrozenTrial], candidates: Sequence[FrozenTrial], limit: float | None
) -> int:
    """The place of the best expected score among the candidates that are expected to keep the limit of latency; where none
    is, of the lowest expected latency."""
    expected = expected_scores(basis, history, candidates)
    if expected is None:
        expected = -np.arange(float(len(candidates)))  # the first
    latencies = expected_latencies(history, candidates) if limit else None
    if limit and latencies is not None:
        if latencies.min() > limit:
            return int(np.argmin(latencies))
        expected = np.where(latencies <= limit, expected, -np.inf)
    return int(np.argmax(expected))


def _scored(basis: Basis, history: Sequence[FrozenTrial], limit: float | None) -> list[FrozenTrial]:
    """What samplers are told: those at work, every design that has a score as a complete trial of it, and with a constraint
    that is violated those above the limit of latency."""
    told = []
    for trial, score in zip(history, scores_at_first_rung(basis, history), strict=True):
        if trial.state == TrialState.RUNNING:
            told.append(trial)
        elif len(trial.values or ()) > 1:
            told.append(_told(trial, limit, values=trial.values))
        elif is_above(trial):
            told.append(_told(trial, limit, state=TrialState.PRUNED))
        elif math.isfinite(score) and not has_failed(trial):
            told.append(_told(trial, limit, value=float(score)))
    return told


def _told(trial: FrozenTrial, limit: float | None, **result: Any) -> FrozenTrial:
    """The trial with this result, and with Optuna's constraint, above 0 where it is violated."""
    constraint = {"constraints": [_excess(trial, limit)]} if limit else {}
    return create_trial(params=trial.params, distributions=trial.distributions, system_attrs=constraint, **result)


def _excess(trial: FrozenTrial, limit: float) -> float:
    """By how much it is above the limit, as a share of that; of a form other than the main one at least a little."""
    excess = trial.user_attrs.get("latency_ms", limit) / limit - 1
    return max(excess, np.finfo(float).eps) if is_above(trial) else min(excess, 0.0)


def scores_at_first_rung(basis: Basis, trials: Sequence[FrozenTrial]) -> np.ndarray:
    """Of each trial, whatever rung it came to; NaN where it has come to none.

    It is that of the last one, less how much higher or lower scores are there than at the first: on average over those that
    came from each rung to the next, references among them. So those that go on are, as a group, taken to be as good as they
    were at the first rung.
    """
    rungs = [*basis.rungs, len(basis.order)]
    at = np.array([[score_at(basis, rung, trial) for rung in rungs] for trial in trials], dtype=float)
    at = at.reshape(-1, len(rungs))
    references = np.array([basis.reference_scores_at(rung) for rung in rungs]).T
    higher = np.nanmean(np.diff(np.vstack([at, references]), axis=1), axis=0)
    at[:, 1:] -= np.cumsum(higher)
    last = np.isfinite(at).cumsum(axis=1).argmax(axis=1)
    return at[np.arange(len(at)), last]


def expected_scores(
    basis: Basis, trials: Sequence[FrozenTrial], candidates: Sequence[FrozenTrial]
) -> np.ndarray | None:
    """What a Gaussian process over the values of the choices expects of each candidate. None where too little is known."""
    return _expected(trials, scores_at_first_rung(basis, trials), candidates, NOISE)


def expected_latencies(trials: Sequence[FrozenTrial], candidates: Sequence[FrozenTrial]) -> np.ndarray | None:
    """In milliseconds, likewise."""
    known = np.array([trial.user_attrs.get("latency_ms", np.nan) for trial in trials], dtype=float)
    expected = _expected(trials, np.log(known), candidates, NOISE_OF_LATENCY)
    return None if expected is None else np.exp(expected)


def _expected(
    trials: Sequence[FrozenTrial], scores: np.ndarray, candidates: Sequence[FrozenTrial], noise: float
) -> np.ndarray | None:
    known = np.isfinite(scores)
    if known.sum() < 2 or np.std(scores[known]) == 0:
        return None
    from sklearn.gaussian_process import GaussianProcessRegressor
    from sklearn.gaussian_process.kernels import RBF

    tried = [trial for trial, is_known in zip(trials, known, strict=True) if is_known]
    values = _encoded([*tried, *candidates])
    length_scale = math.sqrt(LENGTH_SCALE * len({name for trial in tried for name in trial.params}))
    process = GaussianProcessRegressor(RBF(length_scale), alpha=noise, optimizer=None, normalize_y=True)
    process.fit(values[: len(tried)], scores[known])
    return process.predict(values[len(tried) :])


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


def distribution(variable: Variable) -> BaseDistribution:
    if variable.options is not None:
        return CategoricalDistribution(list(variable.options))
    if variable.continuous:
        return FloatDistribution(variable.low, variable.high, log=variable.log)
    if isinstance(variable.low, int):
        return IntDistribution(int(variable.low), int(variable.high), step=int(variable.step or 1), log=variable.log)
    return FloatDistribution(variable.low, variable.high, step=variable.step)


def asker(trial: optuna.Trial) -> Ask:
    """Asks a trial for the values of variables."""

    def ask(variable: Variable) -> Value:
        kind = distribution(variable)
        if isinstance(kind, CategoricalDistribution):
            return str(trial.suggest_categorical(variable.name, kind.choices))
        if isinstance(kind, IntDistribution):
            return trial.suggest_int(variable.name, kind.low, kind.high, step=kind.step, log=kind.log)
        assert isinstance(kind, FloatDistribution)
        value = float(trial.suggest_float(variable.name, kind.low, kind.high, step=kind.step, log=kind.log))
        return value if kind.step is None else round(value, 12)  # of a step as the variable has it, 0.3

    return ask


def given(values: dict[str, Value]) -> BaseSampler:
    """Makes the next trial one of these values; what is not among them is left to chance."""
    with experimental():
        return PartialFixedSampler(values, RandomSampler(seed=0))
