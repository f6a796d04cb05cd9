"""What the document says of those that do not ship."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from archlab.foundation import home_path
from archlab.pick.document import _candidates, _early, _repeat, _rungs, _runner_up, _training, _untried
from archlab.pick.race import Race
from archlab.pick.standing import Standing

TRAINER = SimpleNamespace(
    metric=SimpleNamespace(higher_is_better=True),
    failed=[],
    attempts={},
    told=lambda value: f"{100 * value:.1f} points",
)


def stands(**worth):
    """Those that met at a rung, the best first, one seed each."""
    count = len(worth)
    seeds, variance = (1,) * count, np.zeros(count)
    return Standing(tuple(worth), tuple(worth.values()), seeds, np.eye(count), variance, freedom=0, image=0.01)


def told(names, *standings, interrupted="", **out):
    """By model, in the order of the document: how far it came, what it was worth there, and why it went no further. The first
    of the names ships."""
    race = Race(standings=list(standings), out=out)
    for rung, each in enumerate(standings, start=1):
        race.rungs.append({"steps": dict.fromkeys(each.models, 100 * rung)})
        race.reached |= dict.fromkeys(each.models, rung)
    cost = {"params": 1, "macs": 1}
    model = SimpleNamespace(cost=cost, width=1.0)
    candidates = [SimpleNamespace(name=name, model=model, prior=None, search=None, milliseconds=None) for name in names]
    chosen = SimpleNamespace(candidate=candidates[0])
    state = SimpleNamespace(candidates=candidates, race=race, chosen=chosen, interrupted=interrupted, failed="")
    found = _candidates(state, TRAINER)
    return {each["model"]: (each["rung"], each["value"], each["out"]) for each in found}


def test_the_best_of_the_last_rung_has_no_reason_and_all_others_have_one():
    found = told("abcde", stands(b=0.6, a=0.5, c=0.4), stands(a=0.8, b=0.7), c="20 points behind", d="diverged")
    assert found == {
        "a": (2, 0.8, None),
        "b": (2, 0.7, "10.0 points behind in the end"),
        "c": (1, 0.4, "20 points behind"),
        "d": (0, None, "diverged"),
        "e": (0, None, "no time to try it"),
    }
    assert list(found)[:3] == ["a", "b", "c"]


def test_behind_in_the_end_are_those_alone_who_came_there():
    found = told("ab", stands(a=0.6, b=0.5), stands(a=0.7))
    assert found["b"] == (1, 0.5, "10.0 points behind after 100 steps")


def test_seeds_are_told_of_each_model():
    standing = replace(stands(a=0.6, b=0.5), seeds=(2, 1))
    race = Race(rungs=[{"steps": {"a": 60, "b": 80}, "models": 2, "seeds": 2}], standings=[standing])
    (rung,) = _rungs(SimpleNamespace(race=race))
    assert rung == {"steps": {"a": 60, "b": 80}, "models": 2, "seeds": {"a": 2, "b": 1}}


def test_the_runner_up_is_held_against_what_ships_where_both_were_last():
    both = replace(stands(a=0.6, b=0.5), seeds=(1, 3))
    race = Race(rungs=[{"steps": {"a": 60, "b": 80}}, {"steps": {"a": 240}}], standings=[both, stands(a=0.7)])
    found = _runner_up(SimpleNamespace(race=race, chosen=SimpleNamespace(candidate=SimpleNamespace(name="b"))))
    assert (found["model"], found["seeds"], found["steps"]) == ("a", 3, {"a": 60, "b": 80})
    assert found["difference"] == pytest.approx(-0.1) and found["low"] < -0.1 < found["high"]


def test_the_best_of_so_many_counts_what_could_ship():
    run = SimpleNamespace(recipe={"augment": {"randaugment": None}}, seed=0, key="0" * 64)
    candidate = SimpleNamespace(name="a", started_from=None)
    attempts = [SimpleNamespace(candidate=candidate, run=run, steps=steps) for steps in (1, 2, 3)]
    training = SimpleNamespace(seeds=[], tuned={})
    state = SimpleNamespace(chosen=attempts[0], training=training, may_ship=lambda each: each.steps != 2)
    trainer = SimpleNamespace(attempts=dict(enumerate(attempts)), value=lambda each: 0.5)
    assert _training(state, trainer)["trainings"] == 2


def repeated(output, home):
    run = SimpleNamespace(dataset="photos", seed=0, key="0" * 64)
    state = SimpleNamespace(request=SimpleNamespace(output=Path(output)), chosen=SimpleNamespace(run=run))
    return _repeat(state, home, {"device": "cpu", "deterministic": True})


def test_a_folder_whose_name_begins_with_a_dash_is_no_option():
    train, _ = repeated("./-photos-picked", home_path())
    assert train.split()[2] == "./-photos-picked/winner.yaml" and " ./-photos-picked/recipe.yaml " in train


def test_the_commands_that_repeat_it_name_a_store_that_is_not_the_usual_one():
    assert not any("--store" in command for command in repeated("out", home_path()))
    assert all(command.endswith(" --store '/my runs'") for command in repeated("out", Path("/my runs")))


def test_who_led_and_lost_in_the_end_to_one_with_other_augmentation_has_a_reason():
    found = told("ba", stands(a=0.6, b=0.5), stands(b=0.7))
    assert found == {
        "b": (2, 0.7, None),
        "a": (1, 0.6, "worth less in the end, with other augmentation"),
    }


def test_what_ships_though_its_mean_is_not_the_best_has_no_reason_and_the_leader_has_one():
    found = told("ba", stands(a=0.6, b=0.5))
    assert [out for _, _, out in found.values()] == [
        "better on average, but the best single network is not one of it",
        None,
    ]


@pytest.mark.parametrize(
    ("how", "said"),
    [
        ({"interrupted": "training"}, "not tried before the interruption"),
        ({"interrupted": "files"}, "no time to try it"),
        ({"failed": "all is lost"}, "not tried before something failed"),
    ],
)
def test_who_was_not_reached_is_told_why(how, said):
    assert _untried("a", SimpleNamespace(**{"interrupted": "", "failed": "", **how}), TRAINER) == said


def test_an_unfinished_rung_leaves_no_reason_for_what_ships_and_one_for_what_was_trained(monkeypatch):
    tried = {name: SimpleNamespace(candidate=SimpleNamespace(name=name)) for name in "ab"}
    monkeypatch.setattr(TRAINER, "attempts", tried)
    monkeypatch.setattr(TRAINER, "failed", [("d", "diverged")])
    assert told("abcd", interrupted="training") == {
        "a": (0, None, None),
        "b": (0, None, "not all like it were trained before the interruption"),
        "c": (0, None, "not tried before the interruption"),
        "d": (0, None, "diverged"),
    }


@pytest.mark.parametrize(
    ("how", "said"),
    [
        ({}, [None]),
        ({"interrupted": "training", "failed": ""}, ["It was interrupted: this is the best until then"]),
        ({"interrupted": "files"}, ["files were written: no other way of quantising than the first was tried"]),
        ({"interrupted": "files", "failed": "the disk is full"}, ["the disk is full", "while its files were written"]),
    ],
)
def test_all_that_ended_it_early_is_said(how, said):
    found = _early(SimpleNamespace(**{"interrupted": "", "failed": "", **how}))
    assert found is None if said == [None] else all(words in found for words in said)


@pytest.mark.parametrize("higher_is_better", [True, False])
def test_the_order_is_by_worth_whichever_way_the_metric_points(monkeypatch, higher_is_better):
    monkeypatch.setattr(TRAINER.metric, "higher_is_better", higher_is_better)
    values = [0.9, 0.5, 0.1] if higher_is_better else [-0.1, -0.5, -0.9]
    found = told("cab", stands(**dict(zip("abc", values, strict=True))))
    assert list(found) == ["a", "b", "c"]
    assert [abs(value) for _, value, _ in found.values()] == [abs(value) for value in values]
