"""Pixels on a side: what is planned stays so after an interruption, and what cannot be trained ends nothing."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from archlab.executors import Interrupted, Outcome
from archlab.foundation import UserError
from archlab.foundation.metric import METRICS
from archlab.pick import resolution
from archlab.pick.resolution import choose_resolution, sides_for
from archlab.pick.trainer import Attempt


class Decisions:
    def __init__(self):
        self.kept = {}

    def has(self, what):
        return what in self.kept

    def decide(self, what, how):
        if not self.has(what):
            self.kept[what] = how()
        return self.kept[what]


class Trainer:
    """Trains nothing: a run is worth what `worth` has for its pixels."""

    metric, settings = METRICS["accuracy"], SimpleNamespace(fail_fast=False)

    def __init__(self, worth):
        self.worth, self.trained, self.store = worth, [], set()

    def run(self, candidate, steps, seed):
        return SimpleNamespace(
            key=(candidate.pixels, steps), resolution=candidate.pixels, recipe={"steps": steps, "batch_size": 16}
        )

    def train(self, what, wanted):
        self.trained.append([(run.resolution, run.recipe["steps"]) for _, run in wanted])
        finished = [(each, run) for each, run in wanted if run.resolution in self.worth]
        self.store |= {run.key for _, run in finished}
        return [Attempt(each, run, self.worth[run.resolution]) for each, run in finished]

    def value(self, attempt):
        return attempt.worth


@pytest.fixture(autouse=True)
def lengths(monkeypatch):
    """A step takes a millisecond for each pixel of a side."""

    class Lengths:
        workers = 1

        def __init__(self, trainer):
            pass

        def learn(self, runs):
            return self

        def steps(self, run, seconds, least, most):
            found = min(int(1000 * seconds / run.resolution), most)
            return found if found >= least else None

    monkeypatch.setattr(resolution, "Lengths", Lengths)
    monkeypatch.setattr(resolution, "error_between", lambda *_: 0.01)


def first_of(pixels):
    if pixels > 96:
        raise UserError("too large for the limits")
    return SimpleNamespace(name="a", pixels=pixels)


@pytest.mark.parametrize(
    ("worth", "pixels", "why"),
    [
        ({32: 0.5, 48: 0.6, 64: 0.7, 96: 0.65}, 64, "worth most on validation images"),
        ({32: 0.5, 48: 0.695, 64: 0.7, 96: 0.65}, 48, "within a standard error of 64 pixels"),
    ],
)
def test_the_smallest_within_a_standard_error_of_the_best_is_chosen(worth, pixels, why):
    found = choose_resolution(first_of, sides_for(96), Trainer(worth), Decisions(), 100.0)
    assert found.pixels == pixels and found.why.startswith(why)
    assert [each["pixels"] for each in found.tried] == [32, 48, 64, 96]
    assert len({each["steps"] * each["pixels"] // 100 for each in found.tried}) == 1, "for the same time"


def test_after_an_interruption_the_same_runs_are_trained_however_little_time_is_left(monkeypatch):
    decisions, trainer = Decisions(), Trainer({32: 0.5, 48: 0.6})
    real = trainer.train

    def interrupted(what, wanted):
        real(what, wanted)
        raise Interrupted(Outcome())

    trainer.train = interrupted
    with pytest.raises(Interrupted):
        choose_resolution(first_of, [32, 48], trainer, decisions, 40.0)
    trainer.train = real
    assert choose_resolution(first_of, [32, 48], trainer, decisions, 17.0).pixels == 48
    assert trainer.trained[0] == trainer.trained[1]


def test_a_repeat_finds_what_was_trained_and_chooses_the_same_though_what_failed_would_not_fail_now():
    decisions, trainer = Decisions(), Trainer({32: 0.5, 64: 0.6})
    first = choose_resolution(first_of, [32, 48, 64], trainer, decisions, 60.0)
    trainer.worth[48] = 0.9
    assert choose_resolution(first_of, [32, 48, 64], trainer, decisions, 60.0) == first
    assert first.pixels == 64 and first.why.endswith("; 48 pixels were not tried")
    assert [pixels for pixels, _ in trainer.trained[1]] == [32, 64]


@pytest.mark.parametrize("fail_fast", [False, True])
def test_a_candidate_that_cannot_be_trained_ends_nothing_unless_that_is_asked_for(fail_fast):
    trainer = Trainer({})
    trainer.settings = SimpleNamespace(fail_fast=fail_fast)

    def train(what, wanted):
        raise UserError("out of memory")

    trainer.train = train
    if fail_fast:
        with pytest.raises(UserError):
            choose_resolution(first_of, [32, 48], trainer, Decisions(), 40.0)
    else:
        found = choose_resolution(first_of, [32, 48], trainer, Decisions(), 40.0)
        assert (found.pixels, found.tried) == (32, []) and "nothing could be trained" in found.why


@pytest.mark.parametrize(
    ("sides", "seconds", "why"),
    [
        ([32], 100.0, "the only one worth trying for images this small"),
        ([32, 48], 9.0, "there is no time to try others"),
        ([32, 48, 64], 17.0, "there is no time to try others"),
        ([96, 128], 100.0, "the only one that the limits allow"),
    ],
)
def test_where_there_is_nothing_to_choose_nothing_is_trained(sides, seconds, why, monkeypatch):
    monkeypatch.setattr(resolution, "LEAST_IMAGES", 10**6 if seconds == 17.0 else 1000)
    trainer = Trainer({})
    found = choose_resolution(first_of, sides, trainer, Decisions(), seconds)
    assert (found.pixels, found.why, trainer.trained) == (sides[0], why, [])


def test_limits_that_no_side_keeps_are_told():
    with pytest.raises(UserError, match="too large for the limits"):
        choose_resolution(first_of, [128, 160], Trainer({}), Decisions(), 100.0)
