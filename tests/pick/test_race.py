"""Rungs of the race."""

from __future__ import annotations

import math
from itertools import pairwise
from types import SimpleNamespace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from archlab.pick import race
from archlab.pick.race import FEWEST_IMAGES, FINALISTS, SHORTER, counts, lengths_of
from archlab.pick.trainer import Attempt

BATCH_SIZE, FEWEST_STEPS = 16, FEWEST_IMAGES // 16


@given(st.integers(1, 60))
def test_at_each_rung_no_more_than_half_go_on_until_a_few_meet(models):
    found = counts(models)
    assert found[0] == models
    for before, after in pairwise(found):
        assert after < before
        assert after <= max(-(-before // 2), FINALISTS)
    assert found[-1] <= FINALISTS + 1
    assert models < 2 or found[-1] >= 2


@given(st.integers(1, 5), st.integers(1, 4000))
def test_rungs_grow_by_one_factor_up_to_the_last(rungs, last):
    found = lengths_of(rungs, last)
    assert len(found) == rungs
    assert found[-1] == last
    assert all(a <= b for a, b in pairwise(found))


@given(st.integers(1, 40))
def test_the_first_rung_has_the_fewest_steps_where_the_last_has_the_least(models):
    rungs = len(counts(models))
    assert lengths_of(rungs, FEWEST_STEPS * SHORTER ** (rungs - 1))[0] == FEWEST_STEPS


MILLISECONDS = {"a": 20, "b": 60, "c": 30, "d": 40, "e": 20, "f": 50}  # of a step


class Learned:
    """Of two workers: learns and knows all that it is given, and that a step of it takes MILLISECONDS."""

    def __init__(self, trainer):
        self.workers, self.known, self.failed = 2, [], {}

    def learn(self, runs):
        self.known += runs

    def knows(self, run):
        return run in self.known

    def steps(self, run, seconds, least, most):
        found = min(int(seconds / MILLISECONDS[run.model] * 1000), most)
        return found if found >= least else None


@pytest.fixture
def planned(monkeypatch):
    """planned(seconds) gives what is planned for these six, best prior first, who train for no more than `most` steps."""
    monkeypatch.setattr(race, "Lengths", Learned)

    def run(candidate, steps, seed):
        return SimpleNamespace(model=candidate, recipe={"batch_size": BATCH_SIZE})

    def planned(seconds, most=10**6, cards=0):
        monkeypatch.setattr(race, "most_steps", lambda trainer, run: most)
        trainer = SimpleNamespace(run=run, sharing=lambda runs: None, cards=cards)
        decisions = SimpleNamespace(clock=SimpleNamespace(left=seconds))
        return race._planned(list(MILLISECONDS), trainer, decisions, seconds)

    return planned


@pytest.mark.parametrize("seconds", [0.0, 5.0])
def test_where_there_is_no_time_as_many_as_there_are_workers_go_on_without_a_race(planned, seconds):
    assert planned(seconds) == {"steps": {"a": 0, "b": 0}, "seeds": 0, "failed": {}}


def test_workers_that_share_a_card_are_not_there_for_one_candidate_each(planned):
    assert planned(0.0, cards=1)["steps"] == {"a": 0}
    assert planned(0.0, cards=2)["steps"] == planned(0.0, cards=8)["steps"] == {"a": 0, "b": 0}


def test_where_the_first_cannot_be_measured_others_are_however_little_time_there_is(planned, monkeypatch):
    class Failing(Learned):
        def knows(self, run):
            return super().knows(run) and run.model not in "ab"

    monkeypatch.setattr(race, "Lengths", Failing)
    assert planned(0.0)["steps"] == {"c": 0, "d": 0}


@pytest.mark.parametrize("seconds", [20, 40, 60, 100, 200, 1000])
def test_all_train_for_the_same_time_and_together_for_what_there_is(planned, seconds):
    steps = planned(seconds)["steps"]
    rungs = counts(len(steps))
    assert min(lengths_of(len(rungs), last)[0] for last in steps.values()) >= FEWEST_STEPS
    each = {model: last * MILLISECONDS[model] / 1000 for model, last in steps.items()}
    assert max(each.values()) - min(each.values()) <= max(MILLISECONDS.values()) / 1000
    last = max(each.values())
    took = sum(math.ceil(count / 2) * last / SHORTER ** (len(rungs) - 1 - at) for at, count in enumerate(rungs))
    assert 0.98 * seconds <= took <= seconds


def test_the_more_time_the_more_enter_and_who_trains_slowly_comes_last(planned):
    entered = [set(planned(seconds)["steps"]) for seconds in (10, 12, 15, 20, 40, 60, 100)]
    assert sorted(entered, key=len) == entered
    assert {"a", "c", "d"} in entered
    assert entered[-1] == set(MILLISECONDS)


@pytest.mark.parametrize("most", [500, 5000])
def test_with_all_the_time_all_enter_and_nobody_trains_longer_than_is_worth_it(planned, most):
    assert planned(10**6, most)["steps"] == dict.fromkeys(MILLISECONDS, most)


@pytest.mark.parametrize(
    ("fails", "kept"),
    [("", {}), ("a", {}), ("b", {}), ("", {"race": {"steps": {"gone since": 0}, "seeds": 0, "failed": {}}})],
)
def test_without_a_race_each_is_trained_a_little_first_and_who_can_be_goes_on(planned, monkeypatch, fails, kept):
    planned(0.0)  # makes up how long trainings take

    def train(what, runs):
        finished = [(candidate, run) for candidate, run in runs if candidate.name != fails]
        return [Attempt(candidate, run, 0.5) for candidate, run in finished]

    def run(candidate, steps, seed):
        return SimpleNamespace(model=candidate.name, recipe={"steps": steps, "batch_size": BATCH_SIZE})

    def stand(attempts, *_):
        return SimpleNamespace(models=tuple(each.candidate.name for each in attempts))

    monkeypatch.setattr(race, "standing", stand)
    failed = {fails: "diverged"} if fails else {}
    trainer = SimpleNamespace(
        run=run,
        train=train,
        just_failed=failed,
        failed=[],
        sharing=lambda runs: None,
        cards=0,
        metric=None,
        store=None,
    )
    decisions = SimpleNamespace(clock=SimpleNamespace(left=0.0), decide=lambda what, how: kept.get(what) or how())
    candidates, found = [SimpleNamespace(name=name) for name in MILLISECONDS], race.Race()
    going = race.race(found, candidates, trainer, decisions, 0.0, lambda *_: None)
    assert [each.name for each in going] == [name for name in "ab" if name != fails]
    assert found.steps == dict.fromkeys((each.name for each in going), FEWEST_STEPS)
    assert found.out == failed and not found.is_race


@pytest.mark.parametrize(("open", "going"), [("a", "ab"), ("abc", "abc"), ("abd", "abd")])
def test_the_second_goes_on_however_far_behind_it_is_and_others_unless_they_are_surely_behind(open, going):
    found = race.Race(standings=[SimpleNamespace(models=tuple("abcd"), open=list(open))])
    assert found.promising == list(going)


def test_between_rungs_the_better_half_goes_on_however_far_behind_it_is():
    stands = SimpleNamespace(models=tuple("abcd"), open=["a"], behind=lambda model: (0.2, 0.01))
    found = race.Race(standings=[stands], rungs=[{"steps": dict.fromkeys("abcd", 40)}])
    assert race._kept(found, 3, SimpleNamespace(told=str)) == ["a", "b", "c"]
    assert found.out == {"d": "0.2 behind after 40 steps (standard error 0.01)"}


def test_what_failed_in_another_stage_is_no_reason(monkeypatch):
    monkeypatch.setattr(race, "standing", lambda attempts, *_: SimpleNamespace(models=()))
    candidate = SimpleNamespace(name="a")
    run = SimpleNamespace(recipe={"steps": 10})
    found, trainer = race.Race(), SimpleNamespace(just_failed={"b": "diverged"}, metric=None, store=None)
    found.rung([Attempt(candidate, run, 0.5)], trainer)
    trainer.just_failed = {"c": "out of memory"}
    found.again([Attempt(candidate, run, 0.5), Attempt(candidate, run, 0.6)], trainer)
    assert found.out == {"b": "diverged", "c": "out of memory"}
    assert (len(found.rungs), found.rungs[0]["seeds"], found.reached) == (1, 2, {"a": 1})
