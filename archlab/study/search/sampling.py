"""What Optuna's samplers propose to try next, and the choice among it.

Proposals are made on a copy of the history, so that one that cannot keep the budget, or was tried before, never becomes a
trial. Every proposal has a random stream of its own, so a resumed search goes on like one that was never interrupted.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import optuna
from optuna.distributions import BaseDistribution, CategoricalDistribution, FloatDistribution, IntDistribution
from optuna.samplers import BaseSampler, RandomSampler, TPESampler
from optuna.trial import FrozenTrial, TrialState

from archlab.foundation import UserError
from archlab.study.search.beginning import Basis
from archlab.study.search.designs import Design, Designs
from archlab.study.search.surrogate import upper_confidence_bounds
from archlab.study.search.trials import experimental, has_failed
from archlab.study.variables import Ask, Value, Variable

STARTUP = 5  # trials before the model of what is good: a search of fifty cannot spend ten on chance
CLEVER = 8  # attempts with the model of what is good; then at random
CANDIDATES = 32  # attempts of which the most promising is taken
ATTEMPTS = 200


class ExhaustedError(Exception):
    """Raised where the space seems to hold no design that keeps the budget and was not tried."""


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
        return round(trial.suggest_float(variable.name, kind.low, kind.high, step=kind.step, log=kind.log), 12)

    return ask


class Given(BaseSampler):
    """Makes the next trial one of these values; what is not among them takes its first."""

    def __init__(self, values: dict[str, Value]):
        self.values = values

    def infer_relative_search_space(self, study: optuna.Study, trial: FrozenTrial) -> dict[str, BaseDistribution]:
        return {}

    def sample_relative(self, study: optuna.Study, trial: FrozenTrial, search_space: Any) -> dict[str, Any]:
        return {}

    def sample_independent(
        self, study: optuna.Study, trial: FrozenTrial, param_name: str, param_distribution: BaseDistribution
    ) -> Any:
        if param_name in self.values:
            return self.values[param_name]
        if isinstance(param_distribution, CategoricalDistribution):
            return param_distribution.choices[0]
        assert isinstance(param_distribution, (IntDistribution, FloatDistribution))
        return param_distribution.low


def propose(
    designs: Designs,
    study: optuna.Study,
    history: list[FrozenTrial],
    seed: int,
    taken: set[str],
    basis: Basis | None = None,
) -> Design:
    """A design that is within the budget and not among `taken` (digests); after the first few trials, and where the xScore is
    all that counts, the most promising of several. Raises ExhaustedError.

    The same history, seed and `taken` give the same design.
    """
    copy = optuna.create_study(directions=study.directions)
    copy.add_trials([trial for trial in history if not has_failed(trial)])
    choosing = basis is not None and len(study.directions) == 1 and len(history) >= STARTUP
    found: dict[str, tuple[Design, FrozenTrial]] = {}
    for attempt in range(ATTEMPTS):
        stream = int(np.random.SeedSequence([seed, len(history), attempt]).generate_state(1)[0])
        copy.sampler = _sampler(stream) if attempt < CLEVER else RandomSampler(seed=stream)
        trial = copy.ask()
        try:
            design = designs.sample(asker(trial))
        except UserError:  # not within the budget
            design = None
        ended = copy.tell(trial, state=TrialState.FAIL)
        if design and design.digest not in taken:
            found.setdefault(design.digest, (design, ended))
        if found and (not choosing or attempt + 1 >= CANDIDATES):
            break
    if not found:
        raise ExhaustedError
    candidates = list(found.values())
    bounds = None
    if basis and choosing:
        bounds = upper_confidence_bounds(basis, history, [ended for _, ended in candidates])
    return candidates[0 if bounds is None else int(np.argmax(bounds))][0]


def _sampler(seed: int) -> BaseSampler:
    with experimental():
        return TPESampler(n_startup_trials=STARTUP, multivariate=True, group=True, constant_liar=True, seed=seed)
