"""What arguments a block takes, read from its constructor's annotations (`blocks.Block`), and checking values against them."""

from __future__ import annotations

import dataclasses
import functools
import inspect
import math
import types
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Literal, Union, get_args, get_origin, get_type_hints

from blocks.registry import ACTIVATIONS, CHANNEL_ATTENTIONS, INITIALIZATIONS, NORMALIZATIONS, Registry

Activation = Annotated[Any, ACTIVATIONS]
Normalization = Annotated[Any, NORMALIZATIONS]
Natural = Annotated[int, "natural"]
Kernels = Annotated[int | list[int], "kernels"]
Probability = Annotated[float, "probability"]
ChannelAttention = Annotated[Any, CHANNEL_ATTENTIONS]
Initialization = Annotated[Any, INITIALIZATIONS]

LIMITS: dict[Any, tuple[float, float]] = {
    int: (1, math.inf),
    Natural: (0, math.inf),
    Kernels: (1, math.inf),
    float: (0, math.inf),
    Probability: (0, 1),
}  # the least number, and the one that all are below

# by the assembler, never by a user
GIVEN = ("in_channels", "out_channels", "in_size", "stride", "published_stride", "channels", "num_classes")
REQUIRED = inspect.Parameter.empty


class ArgumentError(ValueError):
    """A wrong argument; `name` and `known` serve a suggestion of the nearest right name."""

    def __init__(self, message: str, name: Any = None, known: tuple[str, ...] = ()):
        super().__init__(message)
        self.name, self.known = name, known


@dataclass(frozen=True)
class Argument:
    """One argument: its name, its kind (a type, a tuple of words or a Registry), its default, and whether it may be None.

    A number must be at least `least` and below `below`; so must each where a list of `several` may stand for one.
    """

    name: str
    kind: Any
    default: Any
    optional: bool
    least: float = -math.inf
    below: float = math.inf
    several: bool = False


@functools.cache
def arguments(entry: Callable) -> dict[str, Argument]:
    """The arguments that a user may give to a registered class, by name."""
    constructor = entry.__init__ if inspect.isclass(entry) else entry
    hints = get_type_hints(constructor, include_extras=True)
    found = {}
    for name, parameter in inspect.signature(constructor).parameters.items():
        if name == "self" or name in GIVEN or parameter.kind is not inspect.Parameter.KEYWORD_ONLY:
            continue
        kind, optional = _kind(name, hints[name])
        least, below, several = -math.inf, math.inf, False
        if kind in LIMITS:
            least, below = LIMITS[kind]
            kind, several = {Natural: int, Probability: float, Kernels: int}.get(kind, kind), kind is Kernels
            if type(parameter.default) in (int, float):
                least = min(least, parameter.default)
        found[name] = Argument(name, kind, parameter.default, optional, least, below, several)
    return found


@functools.cache
def takes(entry: Callable, name: str) -> bool:
    """Whether the constructor of a registered class has a parameter of this name."""
    return name in inspect.signature(entry).parameters


def complete(entry: Callable, given: Mapping[str, Any], what: str) -> dict[str, Any]:
    """`given` checked, brought to one form and filled with defaults. Raises ArgumentError; `what` names the entry in it."""
    known = arguments(entry)
    for name in given:
        if name not in known:
            raise ArgumentError(f"{what} has no argument {name!r}", name, tuple(known))
    completed = {}
    for name, argument in known.items():
        if name in given:
            completed[name] = check(argument, given[name], what)
        elif argument.default is REQUIRED:
            raise ArgumentError(f"{what} needs the argument {name!r}")
        else:
            completed[name] = check(argument, argument.default, what)
    return completed


def default_arguments(entry: Callable) -> dict[str, Any]:
    """Those of a registered class that need not be given, in their one form."""
    return {
        name: check(argument, argument.default, name)
        for name, argument in arguments(entry).items()
        if argument.default is not REQUIRED
    }


def check(argument: Argument, value: Any, what: str) -> Any:
    """`value` in its one form. Raises ArgumentError where it is not of the argument's kind."""
    kind = argument.kind
    if isinstance(kind, Registry):
        return component(kind, value, f"{what}: {argument.name}", optional=argument.optional)
    if argument.optional and (value is None or value == "none"):
        return None
    if argument.several and isinstance(value, list) and value:
        one = dataclasses.replace(argument, several=False, optional=False)
        numbers = [check(one, each, what) for each in value]
        return numbers if len(numbers) > 1 else numbers[0]
    if isinstance(kind, tuple):
        if value not in kind:
            raise ArgumentError(f"{what}: {argument.name} has no option {value!r}", value, tuple(map(str, kind)))
        return value
    right = type(value) is kind or (kind is float and type(value) is int)
    if not right:
        noun = {int: "a whole number", float: "a number", bool: "true or false", str: "a word"}[kind]
        noun += " or a list of them" if argument.several else ""
        raise ArgumentError(f"{what}: {argument.name} must be {noun}, not {value!r}")
    if kind in (int, float) and not argument.least <= value < argument.below:
        limit = "" if argument.below == math.inf else f" and below {argument.below}"
        raise ArgumentError(f"{what}: {argument.name} must be at least {argument.least}{limit}, not {value}")
    return float(value) if kind is float else value


def component(registry: Registry, value: Any, what: str, *, optional: bool = True) -> dict[str, dict] | None:
    """A named component as {name: {all its arguments}}, from a name, {name: {some arguments}}, None or "none"."""
    if value is None or value == "none":
        if not optional:
            raise ArgumentError(f"{what} cannot be none")
        return None
    if isinstance(value, str):
        value = {value: None}
    if not isinstance(value, Mapping) or len(value) != 1:
        raise ArgumentError(
            f"{what} must be the name of a {registry.kind}, or one name with its arguments, not {value!r}"
        )
    ((name, given),) = value.items()
    if name not in registry:
        raise ArgumentError(f"{what}: there is no {registry.kind} {name!r}", name, tuple(registry))
    if given is not None and not isinstance(given, Mapping):
        raise ArgumentError(f"{what}: {name} takes arguments by name, not {given!r}")
    return {name: complete(registry[name], given or {}, f"{what}: {name}")}


def _kind(name: str, hint: Any) -> tuple[Any, bool]:
    options = get_args(hint) if get_origin(hint) in (Union, types.UnionType) else (hint,)
    kinds = [option for option in options if option is not type(None)]
    if len(kinds) == 1:
        (only,) = kinds
        optional = len(options) > 1
        if get_origin(only) is Literal:
            return get_args(only), optional
        if only in (int, float, bool, str) or only in LIMITS:
            return only, optional
        if get_origin(only) is Annotated and isinstance(only.__metadata__[0], Registry):
            return only.__metadata__[0], optional
    raise TypeError(f"{name} is annotated with {inspect.formatannotation(hint)}, which is no kind of argument")
