"""What was decided stays so, and the time that was spent is not given twice."""

from __future__ import annotations

import pytest

from archlab.pick.decisions import Decisions
from archlab.runs import Store

ASKED = {"dataset": "abc", "within": 60.0}


def never():
    raise AssertionError("decided again")


def test_the_same_command_goes_on_with_what_was_decided(tmp_path):
    assert Decisions(Store(tmp_path), ASKED, 60.0, 0.0).decide("race", lambda: {"models": 3}) == {"models": 3}
    assert Decisions(Store(tmp_path), ASKED, 60.0, 0.0).decide("race", never) == {"models": 3}


def test_another_request_decides_anew(tmp_path):
    Decisions(Store(tmp_path), ASKED, 60.0, 0.0).decide("race", lambda: 1)
    assert Decisions(Store(tmp_path), {**ASKED, "within": 90.0}, 90.0, 0.0).decide("race", lambda: 2) == 2


def test_another_machine_decides_anew(tmp_path, monkeypatch):
    Decisions(Store(tmp_path), ASKED, 60.0, 0.0).decide("race", lambda: 1)
    monkeypatch.setattr("archlab.pick.decisions.hardware", lambda: ("another", "machine"))
    assert Decisions(Store(tmp_path), ASKED, 60.0, 0.0).decide("race", lambda: 2) == 2


def test_other_code_of_the_loop_decides_anew(tmp_path, monkeypatch):
    Decisions(Store(tmp_path), ASKED, 60.0, 0.0).decide("race", lambda: 1)
    monkeypatch.setattr("archlab.pick.decisions.code_digest", lambda architecture: "other")
    assert Decisions(Store(tmp_path), ASKED, 60.0, 0.0).decide("race", lambda: 2) == 2


def test_nothing_is_kept_of_what_could_not_be_decided(tmp_path):
    decisions = Decisions(Store(tmp_path), ASKED, 60.0, 0.0)
    with pytest.raises(AssertionError):
        decisions.decide("race", never)
    assert decisions.decide("race", lambda: 5) == 5


def test_when_the_first_command_began_and_how_much_had_been_trained_are_kept(tmp_path):
    first = Decisions(Store(tmp_path), ASKED, 60.0, 0.0)
    assert first.trained == 0
    first.note_trained(5)
    first.note_trained(3)
    again = Decisions(Store(tmp_path), ASKED, 60.0, 0.0)
    assert (again.trained, again.started) == (5, first.started)


def test_time_that_was_spent_is_spent(tmp_path, monkeypatch):
    now = [100.0]
    monkeypatch.setattr("time.monotonic", lambda: now[0])
    first = Decisions(Store(tmp_path), ASKED, 60.0, now[0])
    now[0] += 25
    first.decide("race", lambda: 1)
    now[0] += 1000  # nobody at work
    again = Decisions(Store(tmp_path), ASKED, 60.0, now[0])
    assert again.clock.spent == 25
    assert again.clock.left == 35
    now[0] += 100
    assert again.clock.left == 0
