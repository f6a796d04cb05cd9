"""Times that people write."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from archlab.foundation import UserError
from archlab.foundation.words import counted, counted_between, duration, first_of, listed, seconds_in


@given(st.integers(1, 400_000))
def test_what_is_written_is_read_as_that_time(seconds):
    """Up to what `duration` rounds away: seconds after an hour, minutes after a day."""
    lost = 1 if seconds < 3600 else 60 if seconds < 86400 else 3600
    assert seconds - lost < seconds_in(duration(seconds)) <= seconds


@given(*[st.integers(0, 99)] * 3, st.sampled_from(["", " "]))
def test_hours_minutes_and_seconds_in_any_part(hours, minutes, seconds, gap):
    parts = [f"{count}{unit}" for count, unit in ((hours, "h"), (minutes, "m"), (seconds, "s")) if count]
    if parts:
        assert seconds_in(gap.join(parts)) == 3600 * hours + 60 * minutes + seconds


@pytest.mark.parametrize(
    "wrong", ["", "2", "2x", "h", "1m2h", "-5m", "0s", 0, -1, float("nan"), float("inf"), None, "1.h"]
)
def test_what_is_no_time_is_refused(wrong):
    with pytest.raises(UserError, match="a time is `90s`, `30m`, `2h` or `1h30m`, not"):
        seconds_in(wrong)


def test_numbers_are_seconds_and_parts_may_be_broken():
    assert (seconds_in(90), seconds_in("1.5h"), seconds_in("1d 2h")) == (90, 5400, 93600)
    assert seconds_in(np.int64(90)) == 90


def test_numbers_of_things_are_in_the_right_number():
    assert [counted(number, "run") for number in (0, 1, 2, 1234)] == ["0 runs", "1 run", "2 runs", "1,234 runs"]
    assert [counted(number, "network is", "networks are") for number in (1, 3)] == ["1 network is", "3 networks are"]


def test_names_are_listed():
    assert [listed("abc"[:count]) for count in (1, 2, 3)] == ["a", "a and b", "a, b and c"]
    assert [first_of("abcd"[:count], 2) for count in (0, 1, 2, 4)] == ["", "a", "a, b", "a, b and 2 more"]


def test_counts_are_told_from_the_least_to_the_most():
    assert [counted_between(counts, "seed") for counts in ([2, 2], {"a": 3, "b": 7}.values())] == [
        "2 seeds",
        "3 to 7 seeds",
    ]
