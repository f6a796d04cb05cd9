"""A study whose runs stand on others, which are trained first: what is computed, and what becomes of it where one fails."""

from __future__ import annotations

import dataclasses

import pytest
from small_study import STAND_IN

from archlab.foundation import UserError
from archlab.runs import Store
from archlab.study.ablating import ablate, planned_with_tries
from archlab.study.resolving import resolve

PRETRAINED = {
    "compare": ["starnet", "mobilenetv2"],
    "suite": ["digits"],
    "recipe": {"like": "quick", "steps": 2, "init": {"pretrain": {"dataset": "textures", "recipe": "quick"}}},
}


def trained(store):
    runs = [store.get(key)["run"] for key in list(store.keys())]
    return sorted(f"{run['model']} on {run['dataset']}" for run in runs)


@pytest.mark.slow
def test_they_are_trained_once_counted_and_not_again(store, stand_in):
    found = ablate({**PRETRAINED, "seeds": 2}, store, STAND_IN)
    assert (found.computed, found.failed) == (6, [])
    assert trained(store) == 2 * ["mobilenetv2 on digits"] + ["mobilenetv2 on textures"] + 2 * ["starnet on digits"] + [
        "starnet on textures"
    ]
    assert ablate({**PRETRAINED, "seeds": 2}, store, STAND_IN).computed == 0


def test_a_plan_has_them_before_what_stands_on_them(store, stand_in):
    planned = planned_with_tries(resolve(PRETRAINED, store.home), store)
    assert [f"{run.model} on {run.dataset}" for run in planned] == [
        "starnet on textures",
        "mobilenetv2 on textures",
        "starnet on digits",
        "mobilenetv2 on digits",
    ]


@pytest.mark.slow
def test_nothing_is_trained_for_runs_that_are_there(store, stand_in):
    ablate(PRETRAINED, store, STAND_IN)
    results_alone = Store(store.home)
    for key in list(store.keys()):
        if store.get(key)["run"]["dataset"] == "textures":
            results_alone.directory(key).rename(store.home / key)
    assert ablate(PRETRAINED, Store(store.home), STAND_IN).computed == 0


@pytest.mark.slow
def test_where_one_fails_the_others_go_on_and_the_cause_is_said(store, stand_in):
    stand_in("starnet on textures, seed 0")
    found = ablate(PRETRAINED, store, STAND_IN)
    assert trained(store) == ["mobilenetv2 on digits", "mobilenetv2 on textures"]
    (failure,) = found.failed
    assert str(failure.run) == "starnet on digits, seed 0"
    assert (
        "starnet on textures, seed 0, which it stands on, failed: " in failure.cause and "told to fail" in failure.cause
    )


@pytest.mark.slow
def test_fail_fast_begins_nothing_after_one_that_others_stand_on_has_failed(store, stand_in):
    stand_in("starnet on textures, seed 0")
    found = ablate(PRETRAINED, store, dataclasses.replace(STAND_IN, fail_fast=True))
    assert not any("on digits" in name for name in trained(store))
    assert [str(failure.run) for failure in found.failed] == ["starnet on digits, seed 0"]


@pytest.mark.slow
def test_what_tries_stand_on_is_trained_once_and_counted(store, stand_in):
    found = ablate({**PRETRAINED, "tune": {"lr": [1e-3, 4e-3], "steps": 2}}, store, STAND_IN)
    assert found.computed == len(list(store.keys())) == 2 + 4 + 2


def test_nothing_is_chosen_where_what_tries_stand_on_fails(store, stand_in):
    stand_in("starnet on textures, seed 0")
    with pytest.raises(UserError, match=r"what tries stand on has failed, so nothing is chosen: .*told to fail"):
        ablate({**PRETRAINED, "tune": {"lr": [1e-3, 4e-3], "steps": 2}}, store, STAND_IN)
