"""What can be asked for."""

from pathlib import Path

import numpy as np
import pytest

import archlab
from archlab.budget import parse_budget
from archlab.foundation import UserError
from archlab.pick.photographs import Source
from archlab.pick.request import Request


def asked(budget="2.5M", **more):
    return Request(
        **{
            "source": Source(Path("photos")),
            "budget": parse_budget(budget),
            "within": 60.0,
            "output": Path("o"),
            **more,
        }
    )


def test_limits_are_told_as_numbers():
    limits = {"params": 2_500_000, "macs": None, "peak_memory": 262_144, "flash": None, "latency_ms": 5.0}
    assert asked({"params": "2.5M", "peak_memory": "256K", "latency": "5ms"}).limits == limits
    assert asked("none").limits["params"] is None


@pytest.mark.parametrize(
    "budget",
    [
        {"params": "2.5M", "of": "deployed"},
        {"params": "2.5M", "macs": {"like": "starnet"}},
        {"params": "2.5M", "macs": "30M", "fit": {"params": "width", "macs": "depth"}},
    ],
)
def test_what_else_a_study_can_say_of_a_budget_is_refused(budget):
    with pytest.raises(
        UserError, match="the budget of a pick has numbers of params, macs, peak_memory, flash, latency"
    ):
        asked(budget)


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"seed": -1}, "a seed is a whole number from 0 to 2,147,483,648, not -1"),
        ({"seed": 2**31 + 1}, "not 2147483649"),
        ({"seed": "1"}, "not '1'"),
        ({"seed": np.int64(-1)}, "from 0 to 2,147,483,648, not -1"),
        ({"budget": {"macs": np.int64(0)}}, "macs must be a whole number above 0, .* not 0"),
        ({"metric": "accurcy"}, "no metric 'accurcy' - did you mean 'accuracy'"),
        ({"metric": "calibration_error"}, "nothing is chosen by calibration_error"),
        ({"within": "5s"}, "60 s are the least"),
        ({"budget": {"parms": 1}}, "no key 'parms' - did you mean 'params'"),
    ],
)
def test_mistakes_of_a_program_are_told_before_anything_is_read(tmp_path, wrong, message):
    with pytest.raises(UserError, match=message):
        archlab.pick(tmp_path / "nowhere", store=tmp_path / "home", **wrong)
    assert not (tmp_path / "home").exists()
