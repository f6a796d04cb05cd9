"""Frozen dataclasses, and arguments of functions, out of YAML mappings, every value checked against its annotation.

An annotation is `int`, `float`, `bool`, `str`, `Path`, `Literal[...]`, a range `tuple[float, float]`, a dataclass of the
same kind, or of these a `list[...]`, a `tuple[..., ...]`, a `dict[str, ...]` or one `| None`; any other accepts everything.
`Annotated[float, Within(0, 1)]` bounds numbers, `Annotated[str, Matching("[a-z]+", "small letters")]` words; a
`Quantity` is a whole number above 0 that may be written as 2.5M or 300k, a `Memory` one of bytes, 256K or 1M, K being 1024,
a `Milliseconds` a time above 0 with its unit, 5ms or 0.1s. A field that is a `place()` is no key: it has the
mapping's FILE:LINE.
"""

from __future__ import annotations

import dataclasses
import inspect
import math
import re
import types
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar, Union, get_args, get_origin, get_type_hints

from archlab.foundation.documents import check_keys
from archlab.foundation.errors import UserError, where

Settings = TypeVar("Settings")


@dataclass(frozen=True)
class Within:
    """Bounds of a number, both allowed unless `strictly`."""

    low: float
    high: float = math.inf
    strictly: bool = False

    def __contains__(self, number: float) -> bool:
        return self.low < number < self.high if self.strictly else self.low <= number <= self.high

    def __str__(self) -> str:
        if math.isinf(self.high):
            return f"above {self.low:g}" if self.strictly else f"of at least {self.low:g}"
        return f"{'between' if self.strictly else 'from'} {self.low:g} {'and' if self.strictly else 'to'} {self.high:g}"


@dataclass(frozen=True)
class Matching:
    """The form of a word: a regular expression, and what to call it."""

    pattern: str
    form: str


_UNITS = ("", "K", "M", "G")
_QUANTITY = re.compile(r"([0-9]+(?:\.[0-9]+)?) ?([kKMG]?)(i?B)?")
_TIME = re.compile(r"([0-9]+(?:\.[0-9]+)?) ?(ms|s)")
_KINDS = {
    "quantity": (1000, "above 0, such as 2500000, 300k or 2.5M"),
    "memory": (1024, "of bytes above 0, such as 262144, 256K or 1M"),
}
_LIMITS = (*_KINDS, "milliseconds")

LARGEST = 2**63 - 1  # what tables and other languages hold
Positive = Annotated[int, Within(1)]
Quantity = Annotated[int, "quantity"]
Memory = Annotated[int, "memory"]
Milliseconds = Annotated[float, "milliseconds"]


def place() -> Any:
    """The field of a dataclass that is FILE:LINE of the mapping that it was read from, None where that knows no lines."""
    return dataclasses.field(default=None, compare=False, repr=False, metadata={"place": True})


def read_settings(
    kind: type[Settings], mapping: Any, what: str, at: str | None = None, *, base: Settings | None = None
) -> Settings:
    """An instance of the dataclass `kind`, from a mapping of its fields.

    Args:
        what: Names it in messages ("a recipe").
        at: FILE:LINE, for messages about mappings that know no lines.
        base: Gives the fields that the mapping leaves out.

    Raises:
        UserError: An unknown or a missing key, or a wrong value.
    """
    if not isinstance(mapping, dict):
        raise UserError(f"{what} takes keys by name, not {mapping!r}", where=at)
    everything = dataclasses.fields(kind)  # type: ignore[arg-type]
    fields = {field.name: field for field in everything if "place" not in field.metadata}
    check_keys(mapping, fields, what, at)
    hints = _hints_of(kind)  # type: ignore[arg-type]
    values = {
        name: read_value(hints[name], value, f"{what}: {name}", where(mapping, name) or at, getattr(base, name, None))
        for name, value in mapping.items()
    }
    values |= {field.name: where(mapping) or at for field in everything if "place" in field.metadata}
    if base is not None:
        return dataclasses.replace(base, **values)  # type: ignore[type-var]
    for name, field in fields.items():
        if name not in values and field.default is field.default_factory is dataclasses.MISSING:
            raise UserError(f"{what} needs the key {name!r}", where=where(mapping) or at)
    return kind(**values)


@lru_cache(maxsize=256)  # `read_arguments` makes new ones
def _hints_of(kind: type) -> dict[str, Any]:
    return get_type_hints(kind, include_extras=True)


def read_arguments(
    function: Callable[..., Any], mapping: Any, what: str, at: str | None = None, *, leading: tuple[str, ...] = ()
) -> dict[str, Any]:
    """Arguments by name for a function, from a mapping, checked against its signature.

    Args:
        leading: What the function is given by position, before them.

    Raises:
        UserError: As `read_settings`; also where the function has no such leading parameters.
    """
    annotated = function.__init__ if inspect.isclass(function) else function  # type: ignore[misc]
    try:
        signature = inspect.signature(function)
        hints = get_type_hints(annotated, include_extras=True)
    except Exception as error:  # a name imported for type checkers alone, a word that is no type, a function in C
        raise UserError(f"{what}: its annotations cannot be read: {error}", where=at) from None
    try:
        signature.bind_partial(*leading)
    except TypeError:
        raise UserError(f"{what} must take ({', '.join(leading)}, ...)", where=at) from None
    fields = [
        (parameter.name, hints.get(parameter.name, Any), _default(parameter))
        for parameter in list(signature.parameters.values())[len(leading) :]
        if parameter.kind not in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD)
    ]
    kind: Any = dataclasses.make_dataclass("Arguments", fields, kw_only=True)
    settings = read_settings(kind, mapping, what, at)
    return {name: getattr(settings, name) for name in mapping}


def _default(parameter: inspect.Parameter) -> Any:
    if parameter.default is parameter.empty:
        return dataclasses.field()
    return dataclasses.field(default_factory=lambda: parameter.default)


def read_value(hint: Any, value: Any, what: str, at: str | None, base: Any = None) -> Any:
    """`value` checked against an annotation; `what` names it in messages. Raises UserError."""
    optional = False
    if get_origin(hint) in (Union, types.UnionType):
        optional = type(None) in get_args(hint)
        if optional and (value is None or value == "none"):
            return None
        *others, hint = (option for option in get_args(hint) if option is not type(None))
        for option in others:
            with suppress(UserError):
                return read_value(option, value, what, at)
    limits = None
    if get_origin(hint) is Annotated:
        hint, *said = get_args(hint)  # among it what others read, and nobody here
        limits = next((each for each in said if isinstance(each, (Within, Matching)) or each in _LIMITS), None)
    if dataclasses.is_dataclass(hint):
        return read_settings(hint, value, what, at=at, base=base)  # type: ignore[arg-type]
    if get_origin(hint) is Literal:
        if value not in get_args(hint):
            *others, last = known = [str(option) for option in get_args(hint)]
            options = f"{', '.join(others)} or {last}" if others else last
            raise UserError(f"{what} must be {options}, not {value!r}", where=at, name=value, known=known)
        return value
    if hint == tuple[float, float]:
        return _range(value, limits, what, at)
    if get_origin(hint) in (list, tuple):
        return get_origin(hint)(_items(get_args(hint), value, what, at))
    if get_origin(hint) is dict:
        return _by_name(get_args(hint), value, what, at)
    if limits in _KINDS:
        return _quantity(value, limits, what, at, optional)
    if limits == "milliseconds":
        return _milliseconds(value, what, at, optional)
    if hint in (int, float):
        return _number(hint, value, limits, what, at)
    if hint in (bool, str, Path):
        return _word(hint, value, limits, what, at)
    return value


def _word(hint: Any, value: Any, form: Matching | None, what: str, at: str | None) -> Any:
    if type(value) is not (str if hint is Path else hint) or (form and not re.fullmatch(form.pattern, value)):
        expected = form.form if form else "true or false" if hint is bool else "a word"
        raise UserError(f"{what} must be {expected}, not {value!r}", where=at)
    return hint(value)


def _items(kinds: tuple, value: Any, what: str, at: str | None) -> list[Any]:
    """Of a list as long as `kinds`, or of any length where an ellipsis is the last or there is but one."""
    fixed = len(kinds) > 1 and kinds[-1] is not Ellipsis
    if not isinstance(value, (list, tuple)) or (fixed and len(value) != len(kinds)):
        length = f" of {len(kinds)}" if fixed else " of names" if kinds[0] is str else ""
        raise UserError(f"{what} must be a list{length}, not {value!r}", where=at)
    return [
        read_value(kinds[index if fixed else 0], item, what, where(value, index) or at)
        for index, item in enumerate(value)
    ]


def _by_name(kinds: tuple, value: Any, what: str, at: str | None) -> dict[Any, Any]:
    if not isinstance(value, dict):
        raise UserError(f"{what} takes keys by name, not {value!r}", where=at)
    names, kind = kinds
    if get_origin(names) is Literal:
        check_keys(value, get_args(names), what, at)
    return {name: read_value(kind, item, f"{what}: {name}", where(value, name) or at) for name, item in value.items()}


def _number(hint: type, value: Any, bounds: Within | None, what: str, at: str | None) -> Any:
    right = type(value) is hint or (hint is float and type(value) is int)
    if right and type(value) is int and abs(value) > LARGEST:
        raise UserError(f"{what} must be a number of at most {LARGEST:,}", where=at)
    if not right or not math.isfinite(value) or (bounds and value not in bounds):
        noun = "a whole number" if hint is int else "a number"
        raise UserError(f"{what} must be {noun}{f' {bounds}' if bounds else ''}, not {value!r}", where=at)
    return hint(value)


def _quantity(value: Any, kind: str, what: str, at: str | None, optional: bool) -> int:
    """A whole number above 0 from 2500000, 2.5e6, "2.5M" or "300k"; of bytes from 262144, "256K" or "256 KiB"."""
    thousand, expected = _KINDS[kind]
    number: float = 0
    if type(value) in (int, float):
        number = value
    elif isinstance(value, str) and (written := _QUANTITY.fullmatch(value)) and (kind == "memory" or not written[3]):
        number = round(float(written[1]) * thousand ** _UNITS.index(written[2].upper()), 3)
    if not 1 <= number <= LARGEST or number != int(number):
        none = ", or none" if optional else ""
        raise UserError(
            f"{what} must be a whole number {expected}{none}, not {value!r}",
            where=at,
            name=value,
            known=["none"] if optional else (),
        )
    return int(number)


def _milliseconds(value: Any, what: str, at: str | None, optional: bool) -> float:
    """Above 0, from "5ms", "0.5 ms" or "1s"."""
    written = _TIME.fullmatch(value) if isinstance(value, str) else None
    number = float(written[1]) * {"ms": 1, "s": 1000}[written[2]] if written else 0.0
    if not 0 < number < math.inf:
        none = ", or none" if optional else ""
        raise UserError(
            f"{what} must be a time above 0 with its unit, such as 5ms or 0.1s{none}, not {value!r}", where=at
        )
    return number


def _range(value: Any, bounds: Within | None, what: str, at: str | None) -> tuple[float, float]:
    if not isinstance(value, (list, tuple)) or len(value) != 2:
        raise UserError(f"{what} must be two numbers, [lowest, highest], not {value!r}", where=at)
    low, high = (_number(float, number, bounds, what, at) for number in value)
    if low > high:
        raise UserError(f"{what}: the lowest, {low:g}, is above the highest, {high:g}", where=at)
    return low, high
