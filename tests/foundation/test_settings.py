"""Dataclasses out of YAML mappings."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

import pytest

from archlab.foundation import UserError, read_yaml_text
from archlab.foundation.settings import Matching, Within, read_arguments, read_settings


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
        ("chairs: 0", "k.yaml:1: a kitchen: chairs must be a whole number of at least 1, not 0"),
        ("chairs: 1.5", "k.yaml:1: a kitchen: chairs must be a whole number of at least 1, not 1.5"),
        ("chairs: true", "k.yaml:1: a kitchen: chairs must be a whole number of at least 1, not True"),
        (
            "chairs: 1\ncolour: bleu",
            "k.yaml:2: a kitchen: colour must be red or blue, not 'bleu' - did you mean 'blue'?",
        ),
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


@dataclass(frozen=True)
class Drawer:
    forks: tuple[Bowl, ...] = ()
    labels: list[str] | None = None
    size: tuple[int, int, int] = (1, 1, 1)
    knives: dict[Literal["short", "long"], Annotated[int, Within(1)]] | None = None
    place: Path = Path()
    code: Annotated[str, Matching("[a-z]+", "small letters")] = "a"
    share: Annotated[float, Within(0, 1, strictly=True)] = 0.5
    weight: Annotated[float, Within(0, strictly=True)] = 1.0
    either: int | str = 0
    rest: Any = None


def test_reads_lists_and_names_and_words_of_a_form():
    text = (
        "forks: [{depth: 2}, {}]\nlabels: [a, b]\nsize: [1, 2, 3]\nknives: {long: 2}\nplace: a/b\ncode: xy\n"
        "either: x\nrest: {a: [1]}"
    )
    drawer = read_settings(Drawer, read_yaml_text(text, "d.yaml"), "a drawer")
    assert drawer == Drawer(
        (Bowl(2.0), Bowl()), ["a", "b"], (1, 2, 3), {"long": 2}, Path("a/b"), "xy", either="x", rest={"a": [1]}
    )
    assert type(drawer.labels) is list and type(drawer.knives) is dict


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            "forks:\n  - {depth: 1}\n  - {dept: 1}",
            "d.yaml:3: a drawer: forks has no key 'dept' - did you mean 'depth'?",
        ),
        ("forks: {depth: 1}", "d.yaml:1: a drawer: forks must be a list, not {'depth': 1}"),
        ("labels: a", "d.yaml:1: a drawer: labels must be a list of names, not 'a'"),
        ("labels:\n  - a\n  - 1", "d.yaml:3: a drawer: labels must be a word, not 1"),
        ("size: [1, 2]", "d.yaml:1: a drawer: size must be a list of 3, not [1, 2]"),
        ("knives: {log: 2}", "d.yaml:1: a drawer: knives has no key 'log' - did you mean 'long'?"),
        ("knives:\n  long: 0", "d.yaml:2: a drawer: knives: long must be a whole number of at least 1, not 0"),
        ("knives: 3", "d.yaml:1: a drawer: knives takes keys by name, not 3"),
        ("place: 3", "d.yaml:1: a drawer: place must be a word, not 3"),
        ("code: aB", "d.yaml:1: a drawer: code must be small letters, not 'aB'"),
        ("share: 1", "d.yaml:1: a drawer: share must be a number between 0 and 1, not 1"),
        ("weight: 0", "d.yaml:1: a drawer: weight must be a number above 0, not 0"),
        ("either: 1.5", "d.yaml:1: a drawer: either must be a word, not 1.5"),
        ("either: null", "d.yaml:1: a drawer: either must be a word, not None"),
    ],
)
def test_says_what_is_wrong_in_lists_and_names(text, message):
    with pytest.raises(UserError) as error:
        read_settings(Drawer, read_yaml_text(text, "d.yaml"), "a drawer")
    assert str(error.value) == message


def lay(table, *, plates: int, cloth: Literal["red", "blue"] = "red", spoons=2, **others):
    """A function whose arguments are read."""


def cut(table, *, into: Literal[2, 4] = 2, share: Annotated[float, "of the cake", Within(0, 1)] = 0.5):
    """Annotated with numbers to choose from, and with what is for people."""


class Cook:
    def __init__(self, kitchen, heat: float = 1.0):
        self.heat = heat


def test_reads_the_arguments_of_a_function_or_class_as_given():
    assert read_arguments(lay, {"plates": 3, "spoons": "many"}, "lay", leading=("table",)) == {
        "plates": 3,
        "spoons": "many",
    }
    assert read_arguments(Cook, {"heat": 2}, "Cook", leading=("kitchen",)) == {"heat": 2.0}
    assert read_arguments(cut, {"into": 4, "share": 1}, "cut", leading=("table",)) == {"into": 4, "share": 1.0}


@pytest.mark.parametrize(
    ("function", "given", "message"),
    [
        (lay, {"plaets": 3}, "s.yaml:1: lay has no key 'plaets' - did you mean 'plates'?"),
        (lay, {}, "s.yaml:1: lay needs the key 'plates'"),
        (lay, {"plates": 3, "table": 1}, "s.yaml:1: lay has no key 'table'"),
        (lay, {"plates": 3, "cloth": "green"}, "s.yaml:1: lay: cloth must be red or blue, not 'green'"),
        (cut, {"into": 3}, "s.yaml:1: lay: into must be 2 or 4, not 3"),
        (cut, {"share": 2}, "s.yaml:1: lay: share must be a number from 0 to 1, not 2"),
        (lambda: None, {}, "s.yaml:1: lay must take (table, ...)"),
        (lambda *, table: None, {}, "s.yaml:1: lay must take (table, ...)"),
        (Cook, {"heat": "a"}, "s.yaml:1: lay: heat must be a number, not 'a'"),
        (max, {}, "s.yaml:1: lay: its annotations cannot be read: no signature found"),
    ],
)
def test_says_what_is_wrong_with_arguments(function, given, message):
    with pytest.raises(UserError) as error:
        read_arguments(function, given, "lay", "s.yaml:1", leading=("table",))
    assert str(error.value).startswith(message)
