"""Rungs of the race."""

from __future__ import annotations

from itertools import pairwise
from types import SimpleNamespace

from hypothesis import given
from hypothesis import strategies as st

from archlab.pick import race
from archlab.pick.race import FEWEST_STEPS, FINALISTS, SHORTER, counts, lengths_of


@given(st.integers(1, 60))
def test_at_each_rung_no_more_than_half_go_on_until_a_few_meet(models):
    found = counts(models)
    assert found[0] == models
    for before, after in pairwise(found):
        assert after < before
        assert after <= max(-(-before // 2), FINALISTS)
    assert found[-1] <= FINALISTS
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


def test_where_no_time_is_left_nobody_else_is_measured(monkeypatch):
    class Learned:
        """Of two workers: learns and knows all that it is given."""

        def __init__(self, trainer):
            self.workers, self.known = 2, []

        def learn(self, runs):
            self.known += runs

        def knows(self, run):
            return run in self.known

    monkeypatch.setattr(race, "Lengths", Learned)
    trainer = SimpleNamespace(run=lambda candidate, steps, seed: candidate)
    for left, measured in ((0.0, 2), (60.0, 6)):
        decisions = SimpleNamespace(clock=SimpleNamespace(left=left))
        _, able = race._measured(list("abcdef"), trainer, decisions, left)
        assert len(able) == measured
