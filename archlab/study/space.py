"""How many combinations a study has, counted without making them one by one."""

from __future__ import annotations

import math
from collections.abc import Collection
from typing import Any, TypeAlias

from archlab.architecture import Architecture, feature_head, output_sizes, published_strides
from archlab.study.open_edits import apply_open_edit
from archlab.study.study import Study
from archlab.study.variables import Ask, Value, Variable, all_walks

State: TypeAlias = tuple[dict[str, Value], Architecture, int]
Unit: TypeAlias = tuple[str, str | None]
Shape: TypeAlias = tuple
"""What later edits can see of an architecture: blocks, names, strides and sizes of its layers."""


def space_size(study: Study) -> int | float:
    """The number of combinations in all, those that a search samples from; infinite with a continuous range.

    Architectures of one shape and with the same answers to what later conditions name are counted together, so the
    time does not grow with the number.
    """
    try:
        return _size(study)
    except _EndlessError:
        return math.inf


def _size(study: Study) -> int:
    conditions = {name for choice in study.choices for name in choice.when}
    several = len(study.bases) > 1
    states: dict[Any, State] = {}
    for name, base in study.bases.items():
        states[name] = ({"base": name} if several else {}, base, 1)
    for choice in study.choices:
        following: dict[Any, State] = {}
        for values, architecture, count in states.values():
            if not choice.active(values):
                _add(following, values, architecture, count)
                continue
            for option, edits in choice.options.items() or [(None, choice.edits)]:
                kept = {**values, choice.name: option} if option and choice.name in conditions else values
                for result, ways in _after(architecture, edits):
                    _add(following, kept, result, count * ways)
        states = following
    return sum(count for _, _, count in states.values())


def _add(states: dict, values: dict[str, Value], architecture: Architecture, count: int) -> None:
    key = (tuple(values.items()), _shape(architecture))
    before = states[key][2] if key in states else 0
    states[key] = (values, architecture, before + count)


def _after(architecture: Architecture, edits: list) -> list[tuple[Architecture, int]]:
    """One architecture for each shape that edits can lead to, with the number of ways that lead there."""
    reached = [(architecture, 1)]
    for edit in edits:
        by_shape: dict[Shape, tuple[Architecture, int]] = {}
        for start, count in reached:
            for result, ways in _after_one(start, edit):
                shape = _shape(result)
                before = by_shape[shape][1] if shape in by_shape else 0
                by_shape[shape] = (result, before + count * ways)
        reached = list(by_shape.values())
    return reached


def _after_one(architecture: Architecture, edit: dict) -> list[tuple[Architecture, int]]:
    """Variables that change neither the shape nor what is asked multiply the ways; the others are tried together."""
    asked: dict[Unit, None] = {}

    def walk(ask: Ask, tried: Collection[Unit] | None) -> Architecture:
        """Asks for the variables of some units, None for all; the others take their first value."""
        asked.clear()

        def answer(variable: Variable) -> Value:
            asked[variable.unit] = None
            return ask(variable) if tried is None or variable.unit in tried else variable.first

        return apply_open_edit(architecture, edit, answer)

    shape = _shape(walk(lambda variable: variable.first, ()))
    units = list(asked)
    ways: int = 1
    tied = set()
    for unit in units:
        alone = 0
        for result in all_walks(lambda ask, unit=unit: walk(ask, {unit}), _values):  # type: ignore[misc]
            alone += 1
            if list(asked) != units:
                return [(each, 1) for each in all_walks(lambda ask: walk(ask, None), _values)]
            if _shape(result) != shape:
                tied.add(unit)
        ways *= 1 if unit in tied else alone
    return [(result, ways) for result in all_walks(lambda ask: walk(ask, tied), _values)]


def _values(variable: Variable) -> list[Value]:
    if variable.continuous:
        raise _EndlessError
    return variable.values()


class _EndlessError(Exception):
    """Raised when a walk comes to a continuous range."""


def _shape(architecture: Architecture) -> Shape:
    layers = ((layer.block, layer.name) for layer in architecture.layers)
    return (*layers, *published_strides(architecture), *output_sizes(architecture), feature_head(architecture.layers))
