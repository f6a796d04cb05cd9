"""Combinations of a study's choices: one architecture for each assignment of values to everything that is open.

Choices apply in file order, each to the result of the last. What is open may depend on what was chosen before, so all ways
through a study are one walk that asks for the next value: a search samples the answers, ablation enumerates them.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from archlab.architecture import Architecture
from archlab.foundation import UserError
from archlab.study.choices import Choice, requirements
from archlab.study.open_edits import apply_open_edit
from archlab.study.space import space_size
from archlab.study.study import Study
from archlab.study.training_edits import settled_change
from archlab.study.variables import AsItStandsError, Ask, Value, Variable, all_walks
from archlab.training.recipe import Change

MOST_COMBINATIONS = 10_000
MOST_MODELS = 1_000


@dataclass(frozen=True)
class Combination:
    """What was chosen (by name, in the order of asking; only what is active), the architecture that it gives, and what it
    changes in the recipe, in order."""

    values: dict[str, Value]
    architecture: Architecture
    training: tuple[Change, ...] = ()

    @property
    def name(self) -> str:
        return self.architecture.name


def sample(study: Study, ask: Ask) -> Combination:
    """The combination of the values that `ask` gives, asked one by one, each only where what was chosen needs it."""
    return _walk(study, ask, takes=lambda choice: True)


def apply(study: Study, values: Mapping[str, Value]) -> Combination:
    """The combination of values given by name, as in `Combination.values`.

    Options that are not given are the first; choices without options of which nothing is given leave the base as it stands.
    Raises UserError for an unknown name or value.
    """
    combination = _walk(study, _given(values), takes=_named_in(values))
    for name in values:
        if name not in combination.values:
            raise UserError(f"nothing open is called {name!r} here", name=name, known=combination.values)
    return combination


def combinations(study: Study) -> Iterator[Combination]:
    """The combinations that the study explores, the base first, each once.

    `one_at_a_time`: every option and every value alone, the rest as the base stands; a choice with conditions, together with
    the first option that each of them names; what is open inside an option, with that option. `grid`: all of them jointly.
    Raises UserError where there is no end of them.
    """
    if not study.bases:
        return
    enumerated = _one_at_a_time(study) if study.explore == "one_at_a_time" else _grid(study)
    seen = set()
    for combination in enumerated:
        key = tuple(combination.values.items())
        if key not in seen:
            seen.add(key)
            if study.explore == "one_at_a_time" and len(seen) > MOST_MODELS:
                raise UserError(
                    f"{study.name} explores more than {MOST_MODELS:,} models: give ranges a step, or search",
                    where=study.where,
                )
            yield combination


def combination_name(study: Study, values: Mapping[str, Value]) -> str:
    """The base's name and what differs from it, in file order: `mobilenetv2+attention=se+layout.size=7`."""
    parts = [str(values.get("base", study.base.first))]
    options = {choice.name: choice.variable for choice in study.choices if choice.variable}
    for name, value in values.items():
        if name == "base" or (name in options and value == options[name].first):
            continue
        choice, _, inside = name.partition(".")
        if choice in options and inside:
            name = f"{choice}.{inside.removeprefix(f'{values[choice]}.')}"
        parts.append(f"{name}={value if isinstance(value, (str, int)) else format(value, 'g')}")
    return "+".join(parts)


def _walk(study: Study, ask: Callable[[Variable], Value | None], takes: Callable[[Choice], bool]) -> Combination:
    """`ask` may give None for an optional variable; `takes` says whether a choice without options is made at all."""
    values: dict[str, Value] = {}

    def asked(variable: Variable) -> Value:
        value = ask(variable)
        if value is None:
            raise AsItStandsError
        values[variable.name] = variable.check(value)
        return values[variable.name]

    base = str(asked(study.base) if len(study.bases) > 1 else study.base.first)
    architecture = study.bases[base]
    training: list[Change] = []
    try:
        for choice in study.choices:
            if not choice.active(values):
                continue
            if choice.variable:
                edits = choice.options[str(asked(choice.variable))]
            else:
                edits = choice.edits if takes(choice) else []
            for edit in edits:
                if "recipe" in edit:
                    training.append(settled_change(edit["recipe"], asked))
                else:
                    architecture = apply_open_edit(architecture, edit, asked)
        check_training(study, base, training)
    except UserError as error:
        name = combination_name(study, values)
        if name == study.base.first:
            raise
        raise error.said_as(f"{error.message} (in the combination {name})", error.where) from None
    named = architecture.with_layers(architecture.layers, combination_name(study, values))
    return Combination(values, named, tuple(change for change in training if change))


def check_training(study: Study, base: str, changes: Sequence[Change]) -> None:
    """Raises UserError where the changes have a value that no recipe can have, or do not go together with what the study's
    recipe or the search's says of the base."""
    if changes:
        for recipe in (study.recipe, study.search.recipe):
            if recipe:
                recipe.settled(base, study.datasets[0], changes)


def _given(values: Mapping[str, Value]) -> Callable[[Variable], Value | None]:
    def ask(variable: Variable) -> Value | None:
        return values.get(variable.name, None if variable.optional else variable.first)

    return ask


def _named_in(values: Mapping[str, Value], also: str | None = None) -> Callable[[Choice], bool]:
    names = {str(name).partition(".")[0] for name in values}
    return lambda choice: choice.name in names or choice.name == also


def _one_at_a_time(study: Study) -> Iterator[Combination]:
    for base in study.bases:
        yield apply(study, {"base": base} if len(study.bases) > 1 else {})
    choices = {choice.name: choice for choice in study.choices}
    for choice in study.choices:
        needed: dict[str, Value] = {name: options[0] for name, options in requirements(choice, choices).items()}
        if needed:
            yield apply(study, needed)
        if choice.variable is None:
            yield from _each_alone(study, needed, choice)
            continue
        for option in choice.variable.values():
            yield from _each_alone(study, {**needed, choice.name: option}, choice)


def _each_alone(
    study: Study, values: dict[str, Value], choice: Choice, known: frozenset[str] = frozenset()
) -> Iterator[Combination]:
    """The combination of `values`, then every value alone of what `choice` opens in it."""
    opened: list[Variable] = []
    given = _given(values)

    def ask(variable: Variable) -> Value | None:
        if variable.name.partition(".")[0] == choice.name and variable.name not in known | set(values):
            opened.append(variable)
        return given(variable)

    combination = _walk(study, ask, _named_in(values, also=choice.name))
    if any(name.partition(".")[0] == choice.name for name in combination.values):
        yield combination
    asked = known.union(variable.name for variable in opened)
    for variable in opened:
        for value in variable.values():
            if value != combination.values.get(variable.name):
                yield from _each_alone(study, {**values, variable.name: value}, choice, asked)


def _grid(study: Study) -> Iterator[Combination]:
    size = space_size(study)
    if MOST_COMBINATIONS < size < math.inf:
        raise UserError(
            f"the grid of {study.name} has {size:,} combinations: explore them one at a time, or search",
            where=study.where,
        )
    yield apply(study, {})
    yield from all_combinations(study, lambda variable: variable.values())


def all_combinations(study: Study, values_of: Callable[[Variable], list[Value]]) -> Iterator[Combination]:
    """Every combination of the values that `values_of` gives for a variable, in order; endless where there are many."""
    return all_walks(lambda ask: sample(study, ask), values_of)
