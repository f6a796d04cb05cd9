"""The process that chooses among proposals of a search."""

from __future__ import annotations

import numpy as np
import optuna
import pytest

from archlab.scoring import Frame
from archlab.study.search.beginning import Basis
from archlab.study.search.rungs import Rungs
from archlab.study.search.surrogate import upper_confidence_bounds

FRAME = Frame("references", (), "validation", dict.fromkeys("abcd", (0.0, 1.0)))
BASIS = Basis(
    Rungs(FRAME, tuple("abcd"), 0.5, 0.25),
    {f"r{at}": dict.fromkeys("abcd", skill) for at, skill in enumerate((0.0, 1.0))},
)
KINDS = {
    "block": optuna.distributions.CategoricalDistribution(["x", "y"]),
    "depth": optuna.distributions.IntDistribution(1, 4),
    "ratio": optuna.distributions.FloatDistribution(0.01, 1.0, log=True),
    "gate": optuna.distributions.CategoricalDistribution(["no", "yes"]),  # of block y alone
}


def trial_of(skill=None, met=1, shift=0.0, **values):
    """One that has met so many datasets: equally good on the first, and higher by `shift` on later ones."""
    trial = optuna.trial.create_trial(
        state=optuna.trial.TrialState.PRUNED, params=values, distributions={name: KINDS[name] for name in values}
    )
    if skill is not None:
        trial.user_attrs["accuracies"] = {"a": skill, **dict.fromkeys("bcd"[: met - 1], skill + shift)}
        if score := BASIS.rungs.score(trial.user_attrs["accuracies"]):
            trial.user_attrs["xscore"] = score.xscore
    return trial


def designs(count, seed=0):
    chance = np.random.default_rng(seed)
    for _ in range(count):
        block = chance.choice(["x", "y"])
        inside = {"gate": str(chance.choice(["no", "yes"]))} if block == "y" else {}
        yield {
            "block": str(block),
            "depth": int(chance.integers(1, 5)),
            "ratio": float(np.exp(chance.uniform(np.log(0.01), 0))),
            **inside,
        }


def skill_of(values):
    return 0.3 + 0.3 * (values["block"] == "x") + 0.05 * values["depth"] + 0.04 * np.log(values["ratio"])


def test_designs_are_promising_as_far_as_those_like_them_were_good():
    tried = [trial_of(skill_of(values), **values) for values in designs(30)]
    candidates = list(designs(40, seed=1))
    bounds = upper_confidence_bounds(BASIS, tried, [trial_of(**values) for values in candidates])
    assert np.corrcoef(bounds, [skill_of(values) for values in candidates])[0, 1] > 0.9


def test_where_a_design_came_to_is_no_advantage():
    """Scores on later datasets are higher for all: the few that came there are judged as if they had not."""
    values = list(designs(30))
    here = [trial_of(skill_of(each), **each) for each in values]
    there = [trial_of(skill_of(each), met=2 if at % 3 else 1, shift=0.4, **each) for at, each in enumerate(values)]
    candidates = [trial_of(**each) for each in designs(40, seed=1)]
    expected = pytest.approx(upper_confidence_bounds(BASIS, here, candidates), abs=0.02)
    assert upper_confidence_bounds(BASIS, there, candidates) == expected


def test_what_nothing_is_known_of_may_be_good():
    tried = [trial_of(0.5 + at / 1000, block="x", depth=1 + at % 2, ratio=0.1) for at in range(8)]
    known, unknown = trial_of(block="x", depth=1, ratio=0.1), trial_of(block="y", depth=4, ratio=1.0, gate="yes")
    bounds = upper_confidence_bounds(BASIS, tried, [known, unknown])
    assert bounds[1] > bounds[0]


def test_nothing_is_promised_where_scores_say_nothing():
    values = list(designs(3))
    candidates = [trial_of(**each) for each in designs(3, seed=1)]
    assert upper_confidence_bounds(BASIS, [], candidates) is None
    assert upper_confidence_bounds(BASIS, [trial_of(**each) for each in values], candidates) is None
    assert upper_confidence_bounds(BASIS, [trial_of(0.5, **each) for each in values], candidates) is None
