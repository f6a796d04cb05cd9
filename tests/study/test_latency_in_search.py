"""A budget of latency in a search: designs above it are timed, never trained, and samplers learn of them."""

from __future__ import annotations

from collections import Counter

import numpy as np
import optuna
import pytest
from made_up_times import SLOW, called
from search_program import run
from small_search import STUDY, computed, study_of
from test_sampler import BASIS, trial_of
from test_sampler import designs as values_of_designs

from archlab.executors import Interrupted
from archlab.study.search import scheduler
from archlab.study.search.sampler import _most_promising, _scored, expected_latencies

SEARCH = STUDY.replace("params: 20k", "params: 20k, latency: 5ms")


@pytest.mark.slow
def test_a_search_trains_no_design_above_it_and_does_not_count_them(place, times):
    asked, home, said = times(), place(), []
    found = run(study_of(home, SEARCH), home, on_trial=lambda trial, best: said.append(trial))
    trials = found.document["trials"]
    above = [trial for trial in trials if trial["state"] == "above budget"]
    trained = [trial for trial in trials if trial not in above]
    assert above and all(SLOW in trial["model"] and trial["latency_ms"] == 9.0 for trial in above)
    assert len(trained) == 12 and all(trial["latency_ms"] == 3.0 and trial["runs"] for trial in trained)
    assert not any(trial["runs"] for trial in above) and not found.failures
    assert found.document["cost"]["trials"] == 12
    assert (
        found.document["search"]["latency"]["above"] == len(above)
        and found.document["search"]["latency"]["limit_ms"] == 5.0
    )
    assert SLOW not in found.document["best"]["name"] and len(found.document["finalists"]) == 2
    assert {trial.user_attrs["above"] for trial in said if trial.user_attrs.get("above")} == {
        "it takes 9 ms, above 5 ms of latency"
    }
    times_of_designs = Counter(name for name in asked if "+" in name)
    assert set(times_of_designs) == {trial["model"] for trial in trials} and set(times_of_designs.values()) == {1}

    again = run(study_of(home, SEARCH), home)
    assert again.document["trials"] == trials and again.document["computed"] == 0


@pytest.mark.slow
def test_an_interrupted_search_decides_as_one_that_was_not(place, times, monkeypatch):
    whole, broken = place("whole"), place("broken")
    times()
    undisturbed = run(study_of(whole, SEARCH), whole).document["trials"]
    asked = times()
    del asked[:]
    ended = Counter()

    def stop(trial, best):
        ended["trials"] += 1
        if ended["trials"] == 4:
            monkeypatch.setattr("archlab.deploy.latencies._measured", interrupted)

    def interrupted(*_):
        raise Interrupted(None)

    with pytest.raises(Interrupted):
        run(study_of(broken, SEARCH), broken, on_trial=stop)
    before = list(asked)
    times()
    resumed = run(study_of(broken, SEARCH), broken, resume=True).document["trials"]
    assert [(trial["values"], trial["state"], trial["latency_ms"]) for trial in resumed] == [
        (trial["values"], trial["state"], trial["latency_ms"]) for trial in undisturbed
    ]
    again = Counter(name for name in asked if "+" in name)
    assert before and set(again.values()) == {1}, "what was timed before the interruption is not timed after it"


@pytest.mark.slow
def test_a_search_does_not_build_on_stored_designs_above_it(searched, after_search, times):
    (_, free), home = searched, after_search
    times()
    assert any(SLOW in trial["model"] for trial in free.document["trials"])
    before = len(computed(home))
    found = run(study_of(home, SEARCH), home, trials=2)
    known = [trial for trial in found.document["trials"] if trial["known"]]
    assert known and not any(SLOW in trial["model"] for trial in known) and len(computed(home)) > before
    assert all(trial["latency_ms"] == 3.0 for trial in known)
    assert not any(SLOW in each["name"] for each in found.document["finalists"])


@pytest.mark.slow
def test_a_search_whose_designs_are_all_above_it_ends(place, times, monkeypatch):
    assert scheduler.MOST_ABOVE == 50
    monkeypatch.setattr(scheduler, "MOST_ABOVE", 12)
    home = place()
    times(slow=called("net"))
    found = run(study_of(home, SEARCH.replace("trials: 12", "trials: 3")), home).document
    assert {trial["state"] for trial in found["trials"]} == {"above budget"} and len(found["trials"]) == 12
    assert found["search"]["exhausted"] and found["search"]["latency"]["above"] == 12 and found["best"] is None
    assert any("beside the 12 above the limit of latency" in warning for warning in found["warnings"])


def latency_of(values):
    return 2.0 * values["depth"] * (3 if values["block"] == "y" else 1)


def timed_trial(values, limit):
    trial = trial_of(None if latency_of(values) > limit else 0.5 + 0.1 * values["depth"], **values)
    trial.user_attrs["latency_ms"] = latency_of(values)
    if latency_of(values) > limit:
        trial.user_attrs["above"] = "above"
    return trial


def test_designs_that_are_expected_above_it_come_last():
    history = [timed_trial(values, 5.0) for values in values_of_designs(30)]
    candidates = list(values_of_designs(40, seed=1))
    ended = [trial_of(**values) for values in candidates]
    expected = expected_latencies(history, ended)
    assert np.corrcoef(np.log(expected), np.log([latency_of(values) for values in candidates]))[0, 1] > 0.95
    chosen = candidates[_most_promising(BASIS, history, ended, 5.0)]
    assert latency_of(chosen) == 4.0, "the best of those within it are as deep as it allows"
    free = candidates[_most_promising(BASIS, history, ended, None)]
    assert free["depth"] == 4
    slow = [trial for trial, values in zip(ended, candidates, strict=True) if latency_of(values) > 10]
    fastest = _most_promising(BASIS, history, slow, 5.0)
    assert expected_latencies(history, slow)[fastest] == expected_latencies(history, slow).min()


def test_samplers_of_optuna_are_told_of_a_constraint():
    history = [timed_trial(values, 5.0) for values in values_of_designs(30)]
    told = _scored(BASIS, history, 5.0)
    assert len(told) == len(history)
    for trial, given in zip(told, history, strict=True):
        (excess,) = trial.system_attrs["constraints"]
        assert excess == pytest.approx(given.user_attrs["latency_ms"] / 5.0 - 1)
        assert (trial.state.name == "PRUNED") == (excess > 0)
    study = optuna.create_study(direction="maximize", sampler=optuna.samplers.TPESampler(seed=0, n_startup_trials=5))
    study.add_trials(told)
    asked = [study.ask({"block": KINDS["block"], "depth": KINDS["depth"]}).params for _ in range(20)]
    assert np.mean([latency_of(values) <= 5.0 for values in asked]) > 0.7
    assert all(not trial.system_attrs for trial in _scored(BASIS, [trial_of(0.5, block="x", depth=1, ratio=0.1)], None))


KINDS = {
    "block": optuna.distributions.CategoricalDistribution(["x", "y"]),
    "depth": optuna.distributions.IntDistribution(1, 4),
}
