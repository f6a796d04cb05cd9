"""Values that a study leaves open: `{choose: [...]}` and `{range: [low, high]}`, anywhere that a value stands in an edit.

{choose: [3, 5, 7]}, {choose: {small: {se: {ratio: 0.1}}, large: {se: {ratio: 0.5}}}}
    The options of a list are called by their words or numbers, a block or component by its name; a mapping names them.
{range: [1, 4]}, {range: [16, 64], step: 8}, {range: [0.1, 0.9], step: 0.2}, {range: [1.0e-3, 1], log: true}
    Both bounds included. Whole bounds give whole numbers; others, without a step, every number between.
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, TypeAlias, TypeVar

from archlab.architecture.open_values import is_open
from archlab.foundation import Sequence, UserError, check_keys, where, with_lines_of
from archlab.foundation.settings import LARGEST

Walked = TypeVar("Walked")
Value: TypeAlias = str | int | float
MOST_VALUES = 10_000  # that are tried one by one
_OPTION = re.compile(r"[^\s+=,]+")
_WORDS = {None: "none", True: "true", False: "false"}


@dataclass(frozen=True)
class Variable:
    """Something open: one of `options` (what stands for each name), or a number from `low` to `high` where there are none.

    `optional` ones may be left out, so that the base stays as it stands. Variables inside the options of another have its
    name as their `root`. `group` is the stage or layer that one of several belongs to.
    """

    name: str
    options: dict[str, Any] | None = None
    low: int | float = 0
    high: int | float = 0
    step: int | float | None = None
    log: bool = False
    optional: bool = False
    root: str | None = None
    group: str | None = None
    where: str | None = None

    @property
    def unit(self) -> tuple[str, str | None]:
        """What is the same for a variable and those inside its options."""
        return self.root or self.name, self.group

    @property
    def continuous(self) -> bool:
        return self.options is None and self.step is None

    @property
    def first(self) -> Value:
        return self.low if self.options is None else next(iter(self.options))

    def values(self) -> list[Value]:
        """All values, in order. Raises UserError where there is no end of them."""
        if self.options is not None:
            return list(self.options)
        if self.step is None:
            raise UserError(
                f"{self.name} ranges over every number from {self.low:g} to {self.high:g}, which only a search can try: "
                "give whole bounds or a step",
                where=self.where,
            )
        steps = round((self.high - self.low) / self.step)
        return [_rounded(self.low + index * self.step) for index in range(steps + 1)]

    def check(self, value: Any) -> Value:
        """`value`, where it is one of the variable's. Raises UserError."""
        kind = type(self.low)
        if self.options is not None:
            right = value in self.options
        else:
            right = type(value) in (int, kind) and self.low <= value <= self.high
        if not right:
            raise UserError(f"{self.name} cannot be {value!r}", name=value, known=self.options or ())
        return value if self.options is not None else kind(value)  # 1 and 1.0 are one design


Ask: TypeAlias = Callable[[Variable], Value]
"""Gives the value of a variable: the name of an option, or a number."""


class AsItStandsError(Exception):
    """An answer to an optional variable: what it would set stays as the base has it."""


class OpenValues:
    """Turns the open values in the edits of one option into variables with names of their own.

    A variable is called `prefix` and the key that it stands under (`layout.isotropic.size`), numbered where that is taken;
    the only one of a choice without options is called like the choice.
    """

    def __init__(self, prefix: str, *, alone: bool = False):
        self.prefix, self.alone = prefix, alone
        self.names: set[str] = set()

    def parse(self, value: Any, *, key: str | None = None, optional: bool = False) -> Any:
        """`value` with variables in the place of open values."""
        return self._parse(value, key, self.prefix, None, optional)

    def _parse(self, value: Any, key: str | None, prefix: str, root: str | None, optional: bool) -> Any:
        if is_open(value):
            return self._variable(value, key, prefix, root, optional)
        if isinstance(value, dict):
            parsed = {name: self._parse(entry, str(name), prefix, root, optional) for name, entry in value.items()}
            return with_lines_of(value, parsed)
        if isinstance(value, list):
            return _with_lines(value, [self._parse(entry, key, prefix, root, optional) for entry in value])
        return value

    def _variable(self, value: dict, key: str | None, prefix: str, root: str | None, optional: bool) -> Variable:
        name = self._name(prefix if key is None or (self.alone and root is None) else f"{prefix}.{key}")
        if "range" in value:
            return _parse_range(value, Variable(name, optional=optional, root=root))
        check_keys(value, ("choose",), "a choice of values")
        at = where(value)
        options = {
            label: self._parse(option, None, f"{name}.{label}", root or name, False)
            for label, option in labelled(value["choose"], at).items()
        }
        return Variable(name, options, optional=optional, root=root, where=at)

    def _name(self, wanted: str) -> str:
        name, number = wanted, 1
        while name in self.names:
            number += 1
            name = f"{wanted}{number}"
        self.names.add(name)
        return name


def count_open(value: Any) -> int:
    """How many open values stand in `value`, those inside others not counted."""
    if is_open(value):
        return 1
    entries = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return sum(count_open(entry) for entry in entries)


def settle(value: Any, ask: Ask, group: str | None = None) -> Any:
    """`value` with an answer in the place of every variable; `group` (as in `stage2`) asks for one of its own."""
    if isinstance(value, Variable):
        answer = ask(
            value
            if group is None
            else dataclasses.replace(value, name=f"{value.name}.{group}", group=group, root=value.unit[0])
        )
        return answer if value.options is None else settle(value.options[str(answer)], ask, group)
    if isinstance(value, dict):
        return with_lines_of(value, {name: settle(entry, ask, group) for name, entry in value.items()})
    if isinstance(value, list):
        return _with_lines(value, [settle(entry, ask, group) for entry in value])
    return value


def all_walks(walk: Callable[[Ask], Walked], values_of: Callable[[Variable], list[Value]]) -> Iterator[Walked]:
    """What `walk` gives for every way of answering what it asks, in order; `values_of` are the answers to try."""
    waiting: list[dict[str, Value]] = [{}]
    while waiting:
        values = waiting.pop()
        undecided: list[Variable] = []

        def ask(variable: Variable, values=values, undecided=undecided) -> Value:
            if variable.name not in values:
                undecided.append(variable)
                raise _UndecidedError
            return values[variable.name]

        try:
            walked = walk(ask)
        except _UndecidedError:
            (variable,) = undecided
            waiting += [{**values, variable.name: value} for value in reversed(values_of(variable))]
        else:
            yield walked


class _UndecidedError(Exception):
    """Raised when a walk comes to a variable without a value."""


def option_name(value: Any, at: str | None, of: str = "an option") -> str:
    """An option's name, or that `of` something else, as it was written, fit to be a part of a model's name."""
    name = _WORDS[value] if value is None or isinstance(value, bool) else str(value)
    if not _OPTION.fullmatch(name):
        raise UserError(f"{of}'s name has no spaces, `+`, `=` or `,` in it: {name!r}", where=at)
    return name


def labelled(given: Any, at: str | None) -> dict[str, Any]:
    """The options of a `choose` by name."""
    if isinstance(given, dict):
        pairs = [(option_name(label, where(given, label) or at), option) for label, option in given.items()]
    elif isinstance(given, list):
        pairs = [(_label(option, where(given, index) or at), option) for index, option in enumerate(given)]
    else:
        raise UserError(f"choose takes a list of options, not {given!r}", where=at)
    if not pairs:
        raise UserError("choose needs at least one option", where=at)
    labelled: dict[str, Any] = {}
    for label, option in pairs:
        if label in labelled:
            raise UserError(f"two options are called {label!r}: name them, `{{choose: {{NAME: ...}}}}`", where=at)
        labelled[label] = option
    return labelled


def _label(option: Any, at: str | None) -> str:
    while isinstance(option, list) and len(option) == 1:
        (option,) = option
    if isinstance(option, dict) and len(option) == 1:
        (option,) = option
    if isinstance(option, (dict, list)):
        raise UserError("this option needs a name, `{choose: {NAME: ...}}`", where=at)
    return option_name(option, at)


def _parse_range(value: dict, variable: Variable) -> Variable:
    check_keys(value, ("range", "step", "log"), "a range")
    at = where(value, "range")
    bounds, step, log = value["range"], value.get("step"), value.get("log", False)
    if not isinstance(bounds, list) or len(bounds) != 2 or not all(map(_is_bound, bounds)):
        raise UserError(f"range takes two numbers, [lowest, highest], not {bounds!r}", where=at)
    low, high = bounds
    if low > high:
        raise UserError(f"inverted bounds: the lowest, {low!r}, is above the highest, {high!r}", where=at)
    whole = type(low) is int and type(high) is int
    if step is not None and (type(step) not in ((int,) if whole else (int, float)) or not 0 < step <= LARGEST):
        noun = "a whole number" if whole else "a number"
        raise UserError(f"step must be {noun} above 0, not {step!r}", where=where(value, "step"))
    if type(log) is not bool or (log and (step is not None or low <= 0)):
        raise UserError("log is true or false, and true only without a step and above 0", where=where(value, "log"))
    if whole:
        step = step or 1
    else:
        low, high = float(low), float(high)
    if step is not None:
        steps = (high - low) / step + 1e-9
        if steps >= MOST_VALUES:
            told = f"{variable.name} ranges over more than {MOST_VALUES:,} values: give a larger step"
            raise UserError(told, where=at)
        high = _rounded(low + int(steps) * step)  # the highest that whole steps reach
    return dataclasses.replace(variable, low=low, high=high, step=step, log=log, where=at)


def _is_bound(value: Any) -> bool:
    return type(value) in (int, float) and abs(value) <= LARGEST


def _rounded(number: int | float) -> int | float:
    return number if isinstance(number, int) else round(number, 12)


def _with_lines(origin: list, entries: list) -> list:
    if not isinstance(origin, Sequence):
        return entries
    sequence = Sequence(origin.source, origin.line)
    sequence.lines = origin.lines
    sequence.extend(entries)
    return sequence
