"""Long names in lines, by any measure."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from archlab.foundation.wrapping import fitted, parts, wrapped

UGLY = "shufflenetv2+attention=se_late+activation=hard_swish+kernel=5"


def test_names_break_where_their_parts_meet():
    assert wrapped(UGLY, 20) == ["shufflenetv2", "+attention=se_late", "+activation=hard_", "swish+kernel=5"]
    assert wrapped("x" * 50, 20) == ["x" * 20, "x" * 20, "x" * 10]
    assert wrapped("short", 20) == ["short"] and wrapped("", 20) == [""]


@pytest.mark.parametrize("number", ["-0.5", "1,234,567", "1e-3", "1e+5", "+0.25", "0.123"])
def test_numbers_stay_whole_where_a_line_has_room_for_them(number):
    assert number in wrapped(f"between {number} and {number}", len(number) + 1)
    assert number in parts(f"{number} {number}")


def test_what_is_cut_keeps_both_ends():
    lines = fitted(UGLY * 3, 20, 4)
    assert len(lines) <= 4 and "".join(lines).startswith("shufflenetv2+attention=se_late")
    assert "".join(lines).endswith("hard_swish+kernel=5") and "".join(lines).count("…") == 1
    assert fitted("x" * 10**6, 10, 2)[-1].endswith("x")


@given(st.text(max_size=300), st.integers(1, 40), st.integers(1, 5))
def test_no_line_is_wider_and_nothing_is_lost(text, width, most):
    lines = wrapped(text, width)
    assert all(len(line) <= width for line in lines)
    assert "".join("".join(lines).split()) == "".join(text.split())
    cut = fitted(text, width, most)
    assert len(cut) <= most and all(len(line) <= width for line in cut)
