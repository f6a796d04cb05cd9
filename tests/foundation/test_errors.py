"""One line that says where, what and the nearest right name."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from archlab.foundation import UserError, nearest


@given(st.text(), st.none() | st.text(min_size=1), st.none() | st.text())
def test_always_one_line(message, place, name):
    assert len(str(UserError(message, where=place, name=name, known=["conv"])).splitlines()) <= 1


@pytest.mark.parametrize(
    ("name", "found"),
    [("cnov", "conv"), ("Conv", "conv"), ("convv", "conv"), ("zebra", None), (3, None), ("mobilnetv2", "MobileNetV2")],
)
def test_the_nearest_name(name, found):
    assert nearest(name, ["conv", "patch", "MobileNetV2"]) == found


def test_the_whole_sentence():
    error = UserError("there is no block 'cnov'", where="a.yaml:3", name="cnov", known=["conv"])
    assert str(error) == "a.yaml:3: there is no block 'cnov' - did you mean 'conv'?"
    assert (error.message, error.where, error.suggestion) == ("there is no block 'cnov'", "a.yaml:3", "conv")
