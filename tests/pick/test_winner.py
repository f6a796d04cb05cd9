"""Who is trained for long, for how long and with how many seeds; what is kept of what was tried."""

from __future__ import annotations

from contextlib import nullcontext
from types import SimpleNamespace

import pytest

from archlab.executors import Interrupted, Outcome
from archlab.foundation import UserError
from archlab.foundation.metric import METRICS
from archlab.pick import winner
from archlab.pick.trainer import Attempt
from archlab.pick.winner import MOST_SEEDS, Training, alike, is_stronger, train_long, tune
from archlab.training.reading import load_recipe

PLAIN = load_recipe("quick").canonical()["augment"]
MORE = {"crop": None, "randaugment": None}
SECONDS = {"fast": 0.01, "slow": 0.04, "third": 0.02}  # of a step


class Lengths:
    """Knows SECONDS, of so many workers."""

    workers = 2

    def __init__(self, trainer):
        pass

    def learn(self, runs):
        assert not any(map(is_stronger, runs))
        return self

    def knows(self, run):
        return True

    def steps(self, run, seconds, least, most):
        found = min(int(seconds / SECONDS[run.model]), most)
        return found if found >= least else None

    def wall(self, runs):
        self.learn(runs)  # nothing else is known
        each = [SECONDS[run.model] * run.recipe["steps"] for run in runs]
        return -(-len(each) // self.workers) * max(each)


class Trainer:
    """Trains nothing: each run is worth what `worth` says of it."""

    metric, store = METRICS["accuracy"], None

    def __init__(self, worth=lambda run: 0.5):
        self.worth, self.attempts = worth, {}

    def run(self, candidate, steps, seed, **changes):
        recipe = {"lr": 0.004, "augment": PLAIN, "steps": steps, **changes}
        return SimpleNamespace(model=candidate.name, seed=seed, recipe=recipe, key=str((candidate.name, seed, recipe)))

    def train(self, what, runs):
        found = [Attempt(candidate, run, self.worth(run)) for candidate, run in runs]
        self.attempts |= {each.run.key: each for each in found}
        return found

    def value(self, attempt):
        return attempt.worth


@pytest.fixture(autouse=True)
def lengths(monkeypatch):
    monkeypatch.setattr(winner, "Lengths", Lengths)
    monkeypatch.setattr(winner, "most_steps", lambda trainer, run: 10_000)
    monkeypatch.setattr(winner, "epochs_of", lambda trainer, run: run.recipe["steps"] / 100)
    return lambda workers: monkeypatch.setattr(Lengths, "workers", workers)


DECISIONS = SimpleNamespace(decide=lambda what, how: how())


def trained(*names, seconds=60.0, least=None):
    return [(each.candidate.name, each.run.seed, each.steps) for each in attempts(*names, seconds=seconds, least=least)]


def attempts(*names, seconds, least=None):
    training = Training()
    finalists = [SimpleNamespace(name=name) for name in names]
    train_long(finalists, Trainer(), DECISIONS, seconds, training, least or dict.fromkeys(names, 0))
    return training.seeds


def test_every_other_training_of_many_epochs_has_stronger_augmentation(lengths):
    lengths(6)
    found = attempts("slow", "fast", seconds=60.0)  # 15 and 60 epochs
    stronger = {(each.candidate.name, each.run.seed) for each in found if is_stronger(each.run)}
    assert stronger == {("fast", 0), ("fast", 2)}
    lengths(2)
    assert [is_stronger(each.run) for each in attempts("fast", "third", seconds=100.0)] == [False, True]
    assert [is_stronger(each.run) for each in attempts("fast", seconds=100.0)] == [False, True]
    assert all(each.run.recipe["augment"] | MORE == PLAIN | MORE for each in found)


def test_the_long_rung_has_those_trained_as_the_best_of_them():
    worth = [("plain", 0.6), ("stronger", 0.7), ("stronger", 0.5), ("plain", 0.65)]
    augment = {"plain": PLAIN, "stronger": PLAIN | {"randaugment": {"operations": 1, "magnitude": 7}}}
    found = [Attempt(None, SimpleNamespace(recipe={"augment": augment[way]}), value) for way, value in worth]
    assert alike(found) == found[1:3]
    assert alike(found[2:]) == found[3:]


@pytest.mark.parametrize("fail_fast", [False, True])
def test_a_rate_that_diverges_ends_nothing_unless_that_is_asked_for(fail_fast):
    trainer, candidate, training = Trainer(), SimpleNamespace(name="fast"), Training()
    trainer.settings = SimpleNamespace(fail_fast=fail_fast)
    trainer.train("race", [(candidate, trainer.run(candidate, 100, 0))])

    def train(what, runs):
        raise UserError("diverged")

    trainer.train = train
    with pytest.raises(UserError) if fail_fast else nullcontext():
        tune(candidate, 100, trainer, DECISIONS, 60.0, training)
    assert training.tuned == {} and training.changes == {}


def test_a_leader_whose_first_seed_failed_is_not_tuned():
    candidate, training = SimpleNamespace(name="fast"), Training()
    tune(candidate, 100, Trainer(), DECISIONS, 60.0, training)
    assert (training.tuned, training.changes) == ({}, {})


def test_who_was_planned_with_and_is_no_finalist_any_more_is_left_out():
    training, plan = Training(), {"steps": {"fast": 50, "gone": 40}, "trainings": [["gone", 0], ["fast", 0]]}
    decisions = SimpleNamespace(decide=lambda what, how: plan)
    train_long([SimpleNamespace(name="fast")], Trainer(), decisions, 60.0, training, {"fast": 0})
    assert [(each.candidate.name, each.steps) for each in training.seeds] == [("fast", 50)]


def test_after_an_interruption_the_long_trainings_that_have_finished_are_known():
    trainer, training = Trainer(), Training()
    real = trainer.train

    def interrupted(what, runs):
        real(what, runs[:1])
        raise Interrupted(Outcome())

    trainer.train = interrupted
    finalists = [SimpleNamespace(name=name) for name in ("slow", "fast")]
    with pytest.raises(Interrupted):
        train_long(finalists, trainer, DECISIONS, 60.0, training, {"slow": 0, "fast": 0})
    assert [(each.candidate.name, each.steps) for each in training.seeds] == [("slow", 1500)]


def test_two_workers_train_the_two_best_for_the_same_time():
    assert trained("slow", "fast", "third") == [("slow", 0, 1500), ("fast", 0, 6000)]


def test_a_leader_that_is_alone_has_several_seeds():
    assert trained("slow") == [("slow", 0, 1500), ("slow", 1, 1500)]


def test_one_worker_trains_two_seeds_one_after_the_other(lengths):
    lengths(1)
    assert trained("slow") == [("slow", 0, 750), ("slow", 1, 750)]


@pytest.mark.parametrize("workers", [3, 5, 8, 64])
def test_many_workers_train_all_finalists_the_best_first_with_several_seeds(lengths, workers):
    lengths(workers)
    found = trained("slow", "fast", "third")
    assert len(found) == min(workers, 3 * MOST_SEEDS)
    assert len(set(found)) == len(found)
    assert [name for name, *_ in found[:3]] == ["slow", "fast", "third"]


def test_where_all_can_be_trained_as_long_as_is_worth_it_the_time_goes_to_more_trainings():
    assert trained("slow", "fast", seconds=1300.0) == [
        *(
            ("slow", seed, 10_000) if name == "slow" else ("fast", seed, 10_000)
            for seed in range(3)
            for name in ("slow", "fast")
        )
    ]


def test_nobody_is_trained_for_less_than_in_the_race():
    assert trained("slow", "fast", seconds=10.0, least={"slow": 249, "fast": 1000}) == [
        ("slow", 0, 250),
        ("slow", 1, 250),
    ]
    assert trained("slow", "fast", seconds=10.0, least={"slow": 250, "fast": 10}) == []


def test_who_had_the_most_steps_in_the_race_is_trained_as_long_with_other_seeds():
    found = trained("slow", "fast", seconds=1000.0, least={"slow": 10_000, "fast": 10_000})
    assert found == [(name, seed, 10_000) for seed in range(2) for name in ("slow", "fast")]


def test_time_for_more_seeds_than_are_trained_makes_the_slow_longer():
    found = trained("fast", "slow", seconds=1300.0)
    assert sorted(set(found)) == [
        (name, seed, steps) for name, steps in (("fast", 10_000), ("slow", 6500)) for seed in range(5)
    ]


@pytest.mark.parametrize(("gain", "kept"), [(0.03, True), (0.01, False), (-0.05, False)])
def test_what_was_tried_is_kept_where_it_is_better_by_a_standard_error(monkeypatch, gain, kept):
    monkeypatch.setattr(winner, "error_between", lambda *_: 0.02)
    trainer = Trainer(lambda run: 0.5 + gain * (run.recipe["lr"] == 0.008))
    candidate, training = SimpleNamespace(name="fast"), Training()
    trainer.train("race", [(candidate, trainer.run(candidate, 100, 0))])
    tune(candidate, 100, trainer, DECISIONS, 60.0, training)
    assert training.changes == ({"lr": 0.008} if kept else {})
    assert {key: len(tried) for key, tried in training.tuned.items()} == {"lr": 3}


def test_nothing_is_tried_where_the_time_is_too_short(monkeypatch):
    trainer, candidate, training = Trainer(), SimpleNamespace(name="fast"), Training()
    trainer.train("race", [(candidate, trainer.run(candidate, 100, 0))])
    tune(candidate, 100, trainer, DECISIONS, 0.5, training)
    assert training.tuned == {}
