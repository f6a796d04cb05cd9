"""How many steps fit into a time."""

from __future__ import annotations

import math
from collections import defaultdict
from dataclasses import replace
from types import SimpleNamespace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from archlab.pick.lengths import SLACK, Lengths
from archlab.runs import Event, Run


def known(start: float = 0.0, step: float = 1.0, workers: int = 1) -> Lengths:
    """Of trainings that all take `start` seconds and `step` for each step."""
    lengths = object.__new__(Lengths)
    lengths.workers, lengths._lines = workers, defaultdict(lambda: (start, step))
    lengths.knows = lambda run: run.model != "unknown"
    return lengths


def of(steps: int) -> Run:
    return Run({}, 1.0, 2, "photos", "any", 32, 2, {"steps": steps}, 0, "code", "model")


@given(st.floats(0.01, 10), st.floats(0, 100), st.floats(1, 10**4), st.integers(1, 50), st.integers(51, 5000))
def test_the_most_steps_end_within_the_time_and_one_step_more_does_not(step, start, seconds, least, most):
    lengths = known(start, step)
    found = lengths.steps(of(1), seconds, least, most)
    if found is None:
        assert lengths.wall([of(least)]) > seconds * (1 - 1e-9)
    else:
        assert least <= found <= most
        assert lengths.wall([of(found)]) <= seconds * (1 + 1e-9)
        assert found == most or lengths.wall([of(found + 1)]) > seconds * (1 - 1e-9)


def test_nothing_fits_into_no_time_nor_is_longer_than_the_longest():
    assert known().steps(of(1), 0.0, 1, 10) is None
    assert known().steps(of(1), 100.0, 11, 10) is None


def test_nothing_is_planned_with_what_could_not_be_measured():
    run = replace(of(100), model="unknown")
    assert known().steps(run, 100.0, 1, 10) is None
    assert known().wall([of(1), run]) == math.inf


def test_why_something_could_not_be_measured_is_remembered_and_told_on():
    heard = []
    trainer = SimpleNamespace(settings=SimpleNamespace(at_once=1), progress=SimpleNamespace(measuring=heard.append))
    lengths, event = Lengths(trainer), Event("failed", of(1), {"cause": "out of memory"})
    lengths._hear(event)
    assert (lengths.failed, heard) == ({"model": "out of memory"}, [event])


@pytest.mark.parametrize("steps", [1, 7, 10])
def test_all_of_it_where_there_is_more_than_enough(steps):
    assert known().steps(of(1), 100.0, steps, 10) == 10


@pytest.mark.parametrize(
    ("workers", "count", "expected"),
    [(2, 4, 2.0), (2, 3, 2.0), (64, 3, 1.0), (64, 100, 2.0), (1, 3, 3.0)],
)
def test_a_few_trainings_take_no_less_than_one_of_them_does(workers, count, expected):
    assert known(step=0.01, workers=workers).wall([of(100)] * count) == pytest.approx(SLACK * expected)
