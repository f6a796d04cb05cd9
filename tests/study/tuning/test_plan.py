"""What a plan of a tuned study and the command that runs it say."""

import dataclasses
import json
from collections import Counter

import pytest
import standin_executor

from archlab.foundation import UserError
from archlab.study.ablating import ablate, check_time, planned_with_tries, runs_of
from archlab.study.progress import Progress
from archlab.study.resolving import resolve
from archlab.training.reading import load_recipe
from tests.study.tuned_study import (
    STAND_IN,
    STUDY,
    documents_in,
    net,
    tuned,
    without,
)


def test_a_plan_counts_what_will_be_computed_and_then_knows_what_was_chosen(store):
    study = resolve(STUDY, store.home)
    planned = planned_with_tries(study, store)
    found = tuned(store)
    assert len({run.key for run in planned}) == found.computed
    assert Counter(run.recipe["steps"] for run in planned) == {25: 30, 100: 18, 400: 6}
    assert all(run.key in store for run in planned_with_tries(study, store))
    assert {run.key for run in found.runs} <= {run.key for run in planned_with_tries(study, store)}


def test_the_untuned_study_s_runs_are_named_and_its_tries_are_runs_that_recipes_read_back(store):
    found = tuned(store)
    plain = runs_of(resolve(without(STUDY, "tune"), store.home), store.home)
    assert [each["key"] for each in found.tuning["untuned"]] == [run.key for run in plain]
    for document in documents_in(store):
        recipe = document["run"]["recipe"]
        assert load_recipe(recipe).canonical() == recipe


def test_tries_that_do_not_end_in_time_are_not_begun(store, monkeypatch):
    monkeypatch.setattr("archlab.forecast.planning.Plan.wall", property(lambda plan: 200.0))
    study = {**STUDY, "base": net("low", 8), "choices": {"change": {"none": [], "wide": [{"set": {"out": 32}}]}}}
    with pytest.raises(UserError, match="the tries and the first round take about 3 min 20 s"):
        ablate(study, store, STAND_IN, until="decided", within="90s")
    assert not list(store.keys())


def test_tries_are_planned_for_the_workers_that_a_cluster_has_room_for(store, monkeypatch):
    monkeypatch.setattr("archlab.forecast.planning.Plan.wall", property(lambda plan: 400.0 / plan.workers))
    settled, four = resolve(STUDY, store.home), dataclasses.replace(STAND_IN, workers=4)
    with pytest.raises(UserError, match="take about 3 min 20 s"):
        check_time(settled, store, STAND_IN, 150.0, Progress())
    monkeypatch.setattr("archlab.study.ablating.with_workers", lambda settings, runs, store: four)
    check_time(settled, store, STAND_IN, 150.0, Progress())


@pytest.mark.slow
def test_the_command_plans_the_tries_and_prints_what_was_chosen(store, command, tmp_path, workers):
    path = tmp_path / "tuned.yaml"
    path.write_text(json.dumps(STUDY))  # JSON is YAML
    given = ("ablate", "--spec", path, "--executor", standin_executor.PATH, "--store", store.home)
    code, out, err = command(*given, "--dry-run")
    assert code == 0, err
    assert (
        "54 runs, 0 stored" in out and "48 of them are tries, 5 of 25 steps, then 3 of 100 steps, for each model" in out
    )
    assert json.loads(command(*given, "--dry-run", "--json")[1])["tries"] == 48
    code, out, err = command(*given)
    assert code == 0, err
    table = out.partition("Chosen by validation images")[2]
    assert "at the edge of the grid" in table and "lr (smallest)" in table
    assert ["high", "digits", "0.016"] in [line.split()[:3] for line in table.splitlines()]
    assert "4 of 6 choices are other values than the recipe's own; 3 lie at the edge of what was tried" in err
    code, out, err = command(*given, "--json")
    assert json.loads(out)["tuning"]["per"] == "cell" and "nothing was trained" in err
