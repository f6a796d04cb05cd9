"""How many steps fit into a time."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from archlab.pick.lengths import SLACK, Lengths, longest


@given(st.floats(0.01, 10), st.floats(0, 100), st.floats(1, 10**4), st.integers(1, 50), st.integers(51, 5000))
def test_the_longest_is_within_the_time_and_one_step_more_is_not(step, start, seconds, least, most):
    def seconds_of(steps: int) -> float:
        return start + step * steps

    found = longest(seconds_of, seconds, least, most)
    if found is None:
        assert seconds_of(least) > seconds
    else:
        assert seconds_of(found) <= seconds
        assert found == most or seconds_of(found + 1) > seconds


def test_nothing_fits_into_no_time():
    assert longest(lambda steps: steps, 0.0, 1, 10) is None


@pytest.mark.parametrize("steps", [1, 7, 10])
def test_all_of_it_where_there_is_more_than_enough(steps):
    assert longest(float, 100.0, steps, 10) == 10


@pytest.mark.parametrize(
    ("workers", "count", "expected"),
    [(2, 4, 2.0), (2, 3, 2.0), (64, 3, 1.0), (64, 100, 2.0), (1, 3, 3.0)],
)
def test_few_of_many_trainings_take_no_less_than_one_of_them_does(workers, count, expected):
    lengths = object.__new__(Lengths)
    lengths.workers, lengths.seconds = workers, lambda run, steps: steps / 100
    assert lengths.wall([("run", 100)] * 12, count) == pytest.approx(SLACK * expected)
