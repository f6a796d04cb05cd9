"""Dataclasses out of YAML mappings."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Literal

import pytest

from archlab.foundation import UserError, read_yaml_text
from archlab.foundation.settings import Within, read_settings


@dataclass(frozen=True)
class Bowl:
    depth: Annotated[float, Within(0, 10)] = 1.0
    span: tuple[float, float] = (0.0, 1.0)


@dataclass(frozen=True)
class Kitchen:
    chairs: Annotated[int, Within(1)]
    colour: Literal["red", "blue"] = "red"
    lit: bool = False
    bowl: Bowl | None = None


def read(text: str, base: Kitchen | None = None) -> Kitchen:
    return read_settings(Kitchen, read_yaml_text(text, "k.yaml"), "a kitchen", base=base)


def test_reads_every_kind_of_field():
    kitchen = read("chairs: 4\ncolour: blue\nlit: true\nbowl: {depth: 2, span: [1, 3]}")
    assert kitchen == Kitchen(4, "blue", True, Bowl(2.0, (1.0, 3.0)))
    assert type(kitchen.bowl.depth) is float


def test_a_base_gives_what_is_left_out_nested_settings_too():
    base = Kitchen(4, "blue", bowl=Bowl(depth=3.0))
    assert read("bowl: {span: [0, 5]}", base) == Kitchen(4, "blue", bowl=Bowl(3.0, (0.0, 5.0)))
    assert read("bowl: none", base).bowl is None
    assert read("lit: true", base) == Kitchen(4, "blue", True, Bowl(3.0))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("chairs: 1\nchiars: 2", "k.yaml:2: a kitchen has no key 'chiars' - did you mean 'chairs'?"),
        ("colour: red", "k.yaml:1: a kitchen needs the key 'chairs'"),
        ("chairs: 0", "k.yaml:1: a kitchen: chairs must be a whole number at least 1, not 0"),
        ("chairs: 1.5", "k.yaml:1: a kitchen: chairs must be a whole number at least 1, not 1.5"),
        ("chairs: true", "k.yaml:1: a kitchen: chairs must be a whole number at least 1, not True"),
        ("chairs: 1\ncolour: bleu", "k.yaml:2: a kitchen: colour has no option 'bleu' - did you mean 'blue'?"),
        ("chairs: 1\nlit: 1", "k.yaml:2: a kitchen: lit must be true or false, not 1"),
        ("chairs: 1\nbowl: 3", "k.yaml:2: a kitchen: bowl takes keys by name, not 3"),
        ("chairs: 1\nbowl:\n  dept: 3", "k.yaml:3: a kitchen: bowl has no key 'dept' - did you mean 'depth'?"),
        ("chairs: 1\nbowl: {depth: 11}", "k.yaml:2: a kitchen: bowl: depth must be a number from 0 to 10, not 11"),
        ("chairs: 1\nbowl: {span: [3, 1]}", "k.yaml:2: a kitchen: bowl: span: the lowest, 3, is above the highest, 1"),
        ("chairs: 1\nbowl: {span: 3}", "k.yaml:2: a kitchen: bowl: span must be two numbers, [lowest, highest], not 3"),
    ],
)
def test_says_what_is_wrong_and_where(text, message):
    with pytest.raises(UserError) as error:
        read(text)
    assert str(error.value) == message


def test_refuses_what_is_not_finite():
    with pytest.raises(UserError, match="depth must be a number"):
        read_settings(Bowl, {"depth": float("nan")}, "a bowl")
