"""Frozen dataclasses out of YAML mappings, every value checked against the field's annotation.

A field is `int`, `float`, `bool`, `str`, `Literal[...]`, a range `tuple[float, float]`, or a dataclass of the same kind;
each also `| None`. `Annotated[float, Within(0, 1)]` bounds numbers.
"""

from __future__ import annotations

import dataclasses
import math
import types
from dataclasses import dataclass
from typing import Annotated, Any, Literal, TypeVar, Union, get_args, get_origin, get_type_hints

from archlab.foundation.documents import check_keys
from archlab.foundation.errors import UserError, where

Settings = TypeVar("Settings")


@dataclass(frozen=True)
class Within:
    """Bounds of a number, both allowed."""

    low: float
    high: float = math.inf

    def __str__(self) -> str:
        return f"at least {self.low:g}" if math.isinf(self.high) else f"from {self.low:g} to {self.high:g}"


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
    fields = {field.name: field for field in dataclasses.fields(kind)}  # type: ignore[arg-type]
    check_keys(mapping, fields, what)
    hints = get_type_hints(kind, include_extras=True)
    values = {
        name: _value(hints[name], value, f"{what}: {name}", where(mapping, name) or at, getattr(base, name, None))
        for name, value in mapping.items()
    }
    if base is not None:
        return dataclasses.replace(base, **values)  # type: ignore[type-var]
    for name, field in fields.items():
        if name not in values and field.default is field.default_factory is dataclasses.MISSING:
            raise UserError(f"{what} needs the key {name!r}", where=where(mapping) or at)
    return kind(**values)


def _value(hint: Any, value: Any, what: str, at: str | None, base: Any) -> Any:
    if get_origin(hint) in (Union, types.UnionType):
        if value is None or value == "none":
            return None
        (hint,) = (option for option in get_args(hint) if option is not type(None))
    bounds = None
    if get_origin(hint) is Annotated:
        hint, bounds = get_args(hint)
    if dataclasses.is_dataclass(hint):
        return read_settings(hint, value, what, at=at, base=base)  # type: ignore[arg-type]
    if get_origin(hint) is Literal:
        if value not in get_args(hint):
            raise UserError(f"{what} has no option {value!r}", where=at, name=value, known=get_args(hint))
        return value
    if get_origin(hint) is tuple:
        return _range(value, bounds, what, at)
    if hint in (int, float):
        return _number(hint, value, bounds, what, at)
    if type(value) is not hint:
        raise UserError(f"{what} must be {'true or false' if hint is bool else 'a word'}, not {value!r}", where=at)
    return value


def _number(hint: type, value: Any, bounds: Within | None, what: str, at: str | None) -> Any:
    right = type(value) is hint or (hint is float and type(value) is int)
    if not right or not math.isfinite(value) or (bounds and not bounds.low <= value <= bounds.high):
        noun = "a whole number" if hint is int else "a number"
        raise UserError(f"{what} must be {noun}{f' {bounds}' if bounds else ''}, not {value!r}", where=at)
    return hint(value)


def _range(value: Any, bounds: Within | None, what: str, at: str | None) -> tuple[float, float]:
    if not isinstance(value, (list, tuple)) or len(value) != 2:
        raise UserError(f"{what} must be two numbers, [lowest, highest], not {value!r}", where=at)
    low, high = (_number(float, number, bounds, what, at) for number in value)
    if low > high:
        raise UserError(f"{what}: the lowest, {low:g}, is above the highest, {high:g}", where=at)
    return low, high
