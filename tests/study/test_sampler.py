"""What proposes designs: a Gaussian process that chooses among random ones, or the sampler that a study names."""

from __future__ import annotations

import dataclasses
import sys

import numpy as np
import optuna
import pytest
from search_program import run
from small_search import STUDY, study_of

from archlab.foundation import UserError, read_yaml_text
from archlab.scoring import Frame
from archlab.study.loading import load_study
from archlab.study.search.basis import Basis
from archlab.study.search.designs import Designs
from archlab.study.search.sampler import expected_scores, propose
from archlab.study.search_settings import Sampler, parse_search
from tests.study.test_search_parts import SMALL

FRAME = Frame("references", (), "validation", dict.fromkeys("abcd", (0.0, 1.0)))
BASIS = Basis(
    FRAME, tuple("abcd"), 0.5, 0.25, {f"r{at}": dict.fromkeys("abcd", skill) for at, skill in enumerate((0.0, 1.0))}
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
        if score := BASIS.score(trial.user_attrs["accuracies"]):
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
    expected = expected_scores(BASIS, tried, [trial_of(**values) for values in candidates])
    assert np.corrcoef(expected, [skill_of(values) for values in candidates])[0, 1] > 0.9


def test_where_a_design_came_to_is_no_advantage():
    """Scores on later datasets are higher for all: the few that came there are judged as if they had not."""
    values = list(designs(30))
    here = [trial_of(skill_of(each), **each) for each in values]
    there = [trial_of(skill_of(each), met=2 if at % 3 else 1, shift=0.4, **each) for at, each in enumerate(values)]
    candidates = [trial_of(**each) for each in designs(40, seed=1)]
    expected = pytest.approx(expected_scores(BASIS, here, candidates), abs=0.02)
    assert expected_scores(BASIS, there, candidates) == expected


def test_nothing_is_expected_where_scores_say_nothing():
    values = list(designs(3))
    candidates = [trial_of(**each) for each in designs(3, seed=1)]
    assert expected_scores(BASIS, [], candidates) is None
    assert expected_scores(BASIS, [trial_of(**each) for each in values], candidates) is None
    assert expected_scores(BASIS, [trial_of(0.5, **each) for each in values], candidates) is None


@pytest.mark.parametrize(
    ("given", "name"),
    [
        ("tpe", "TPESampler"),
        ("random", "RandomSampler"),
        ("GPSampler", "GPSampler"),
        ({"TPESampler": {"multivariate": True}}, "TPESampler"),
        ({"nsgaii": {"population_size": 10}}, "NSGAIISampler"),
    ],
)
def test_a_study_names_a_sampler_of_optuna(given, name, tmp_path):
    sampler = parse_search({"sampler": given}, None, tmp_path).sampler
    assert type(sampler(3)).__name__ == sampler.name == name


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ("tpee", "there is no sampler 'tpee' - did you mean 'tpe'"),
        ("RandmSampler", "there is no sampler 'RandmSampler' - did you mean 'RandomSampler'"),
        ("BaseSampler", "there is no sampler 'BaseSampler'"),
        ("PartialFixedSampler", "there is no sampler 'PartialFixedSampler'"),
        ({"tpe": {"multivariat": True}}, "the sampler TPESampler cannot be made: .*multivariat"),
        ({"tpe": {"n_ei_candidates": 1}, "random": {}}, "a sampler is a name"),
        ("mine.py:make", "mine.py cannot be read"),
    ],
)
def test_what_is_wrong_with_a_sampler_is_said_in_one_line(given, message, tmp_path):
    with pytest.raises(UserError, match=message) as raised:
        parse_search({"sampler": given}, "study.yaml:7", tmp_path)
    assert "\n" not in str(raised.value) and str(raised.value).startswith("study.yaml:7: ")


def test_a_sampler_of_ones_own_that_cannot_be_made_is_refused_before_anything_runs(tmp_path):
    (tmp_path / "mine.py").write_text("def make(seed):\n    return {}['rate']\n")
    with pytest.raises(UserError, match=r"study\.yaml:7: search: the sampler .*:make cannot be made: KeyError: 'rate'"):
        parse_search({"sampler": "mine.py:make"}, "study.yaml:7", tmp_path)


@pytest.mark.parametrize("given", ["RandomSampler(seed)", "return RandomSampler"], ids=["forgotten", "a class"])
def test_what_gives_no_sampler_is_refused_before_anything_runs(given, tmp_path):
    (tmp_path / "mine.py").write_text(f"from optuna.samplers import RandomSampler\n\ndef make(seed):\n    {given}\n")
    with pytest.raises(UserError, match=r"study\.yaml:7: search: .*:make must give a sampler of Optuna, not a \w+$"):
        parse_search({"sampler": "mine.py:make"}, "study.yaml:7", tmp_path)


NUMBERS = """from optuna.samplers import RandomSampler

class Numbers(RandomSampler):
    def sample_independent(self, study, trial, name, distribution):
        return distribution.low
"""


def test_a_sampler_of_ones_own_that_cannot_propose_what_the_space_holds_is_refused_before_anything_runs(place):
    home = place()
    study = study_of(home, STUDY.replace("trials: 12", "trials: 12, sampler: mine.py:Numbers"))
    (study.parent / "mine.py").write_text(NUMBERS)
    with pytest.raises(
        UserError, match=r"tiny\.yaml:\d+: search: the sampler .*:Numbers cannot propose: AttributeError"
    ):
        run(study, home)
    assert not (home / "executions").exists()


FAILING = """from optuna.samplers import RandomSampler

class Failing(RandomSampler):
    def sample_independent(self, study, trial, name, distribution):
        if study.get_trials(states=[TrialState.COMPLETE])[1:]:
            return {}["rate"]
        return super().sample_independent(study, trial, name, distribution)
"""


def test_a_sampler_of_ones_own_that_fails_later_is_told_in_one_line(tmp_path):
    (tmp_path / "mine.py").write_text(f"from optuna.trial import TrialState\n{FAILING}")
    sampler = parse_search({"sampler": "mine.py:Failing"}, "study.yaml:7", tmp_path).sampler
    study = load_study(read_yaml_text(SMALL, "small.yaml"), home=tmp_path)
    designs = Designs(dataclasses.replace(study, search=dataclasses.replace(study.search, sampler=sampler)), tmp_path)
    values = {"block": "x", "depth": 2, "ratio": 0.1}
    assert propose(designs, BASIS, [trial_of(0.3, **values)], set(), 0)
    with pytest.raises(
        UserError, match=r"study\.yaml:7: search: the sampler .*:Failing cannot propose: KeyError: 'rate'"
    ):
        propose(designs, BASIS, [trial_of(0.3, **values), trial_of(0.7, met=4, **values)], set(), 0)


def test_faults_that_are_not_of_its_file_stay_what_they_are(tmp_path, monkeypatch):
    (tmp_path / "mine.py").write_text(
        "from optuna.samplers import RandomSampler\n\ndef make(seed):\n    return RandomSampler(seed)\n"
    )
    sampler = parse_search({"sampler": "mine.py:make"}, "study.yaml:7", tmp_path).sampler
    study = load_study(read_yaml_text(SMALL, "small.yaml"), home=tmp_path)
    designs = Designs(dataclasses.replace(study, search=dataclasses.replace(study.search, sampler=sampler)), tmp_path)
    monkeypatch.setattr(designs, "sample", lambda ask: {}["rate"])
    with pytest.raises(KeyError, match="rate"):
        propose(designs, BASIS, [], set(), 0)


def test_a_sampler_whose_package_is_not_there_is_refused_before_anything_runs(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "cmaes", None)
    with pytest.raises(UserError, match=r"the sampler CmaEsSampler cannot propose: .*cmaes"):
        parse_search({"sampler": "cmaes"}, "study.yaml:7", tmp_path)


def test_a_sampler_is_told_of_every_design_that_has_a_score_and_of_those_at_work(tmp_path):
    told = []

    class Listening(optuna.samplers.RandomSampler):
        def sample_independent(self, study, trial, *rest):
            told[:] = [each for each in study.get_trials() if each.number != trial.number]
            return super().sample_independent(study, trial, *rest)

    study = load_study(read_yaml_text(SMALL, "small.yaml"), home=tmp_path)
    search = dataclasses.replace(study.search, sampler=Sampler("Listening", Listening))
    designs = Designs(dataclasses.replace(study, search=search), tmp_path)
    values = {"block": "x", "depth": 2, "ratio": 0.1}
    history = [trial_of(0.3, **values), trial_of(0.7, met=4, **values), trial_of(None, **values)]
    running = optuna.create_study().ask()
    propose(designs, BASIS, [*history, running.study.trials[0]], set(), 0)
    states = [each.state.name for each in told]
    assert states == ["COMPLETE", "COMPLETE", "RUNNING"]
    assert [each.value for each in told[:2]] == pytest.approx([0.3, 0.7], abs=0.05)
