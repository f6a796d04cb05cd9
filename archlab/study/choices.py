"""Choices of a study: named options, each a list of edits; conditions between them.

attention: {none: [], se: [...]}                              options; the first is the base as it stands
depth: [{set: {repeat: {range: [1, 4]}}, each: stage}]        no options: edits that hold open values
late_se: {when: {layout: pyramidal}, options: {...}}          only where another choice, earlier in the file, has that option
late_depth: {when: {layout: [a, b]}, edits: [...]}            the same without options

Edits are those of architectures (`archlab.architecture.edits`) and those of the training (`archlab.study.training_edits`).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from archlab.architecture import check_edit
from archlab.foundation import UserError, check_keys, where, with_lines_of
from archlab.study.training_edits import CLOSED, TRAINING_VERBS, is_training_edit, parse_training_edit
from archlab.study.variables import OpenValues, Value, Variable, count_open, option_name
from archlab.training.recipe import Change, Recipe

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_-]*")


@dataclass(frozen=True)
class Choice:
    """A choice between lists of edits (`variable`, whose options they are), or one list that holds open values (`edits`)."""

    name: str
    variable: Variable | None = None
    edits: list = field(default_factory=list)
    when: dict[str, tuple[str, ...]] = field(default_factory=dict)
    where: str | None = None

    @property
    def options(self) -> dict[str, list]:
        """The edits of each option; none where it is one list."""
        return (self.variable and self.variable.options) or {}

    def active(self, values: Mapping[str, Value]) -> bool:
        """Whether its conditions hold."""
        return all(values.get(other) in options for other, options in self.when.items())


def parse_choices(given: Any, bases: Mapping[str, Any], folder: Path, at: str | None) -> tuple[Choice, ...]:
    """The choices of a study in file order, none of None; `folder` is where relative paths in them start. Raises UserError for
    anything wrong in them."""
    if given is None:
        return ()
    if not isinstance(given, dict):
        raise UserError(f"choices are given by name, not as {given!r}", where=at)
    base = Variable("base", dict(bases))
    choices: dict[str, Choice] = {}
    for name, entry in given.items():
        line = where(given, name) or at
        if not isinstance(name, str) or not _NAME.fullmatch(name) or name == "base":
            raise UserError(f"a choice is called by a word of letters, digits, _ and -, not {name!r}", where=line)
        choices[name] = _parse_choice(name, entry, base, choices, folder, line)
        requirements(choices[name], choices)
    return tuple(choices.values())


def changes_of(choice: Choice) -> list[Change]:
    """What the edits of a choice change in the recipe, with variables in the place of open values."""
    lists = choice.options.values() or [choice.edits]
    return [edit["recipe"] for edits in lists for edit in edits if "recipe" in edit]


def size_changes(choices: Iterable[Choice]) -> Iterator[tuple[Change, ...]]:
    """No change of the recipe, and each that may change how many pixels a network sees, without what else it changes."""
    yield ()
    for change in (change for choice in choices for change in changes_of(choice)):
        if isinstance(change, Recipe):
            yield (change,)
        elif sizes := {name: change[name] for name in CLOSED if name in change}:
            # what the study's own recipe says of these may go with its own pixels alone
            yield (with_lines_of(change, {**sizes, "test_resize": None, "progressive": 0}),)


def requirements(choice: Choice, choices: Mapping[str, Choice]) -> dict[str, tuple[str, ...]]:
    """The options that must be chosen for `choice` to be active, its conditions' own conditions included."""
    needed: dict[str, tuple[str, ...]] = {}
    for other, options in choice.when.items():
        own = requirements(choices[other], choices) if other in choices else {}
        for name, allowed in (*own.items(), (other, options)):
            needed[name] = tuple(option for option in needed.get(name, allowed) if option in allowed)
            if not needed[name]:
                raise UserError(
                    f"the choice {choice.name!r} can never be made: it needs {name} both ways", where=choice.where
                )
    return needed


def _parse_choice(
    name: str, entry: Any, base: Variable, earlier: dict[str, Choice], folder: Path, at: str | None
) -> Choice:
    when: dict[str, tuple[str, ...]] = {}
    if isinstance(entry, dict) and ("when" in entry or "options" in entry or "edits" in entry):
        check_keys(entry, ("when", "options", "edits"), f"the choice {name!r}")
        if ("options" in entry) == ("edits" in entry):
            raise UserError(f"the choice {name!r} needs either `options` or `edits`", where=where(entry) or at)
        if "when" in entry:
            when = _parse_when(entry["when"], base, earlier, where(entry, "when") or at)
        entry = entry["options"] if "options" in entry else entry["edits"]
    if isinstance(entry, list):
        return Choice(name, edits=_parse_free_edits(name, entry, folder, at), when=when, where=at)
    if not isinstance(entry, dict) or not entry:
        raise UserError(f"the choice {name!r} needs options, `{{none: [], se: [...]}}`, or a list of edits", where=at)
    options: dict[str, list] = {}
    for label, edits in entry.items():
        line = where(entry, label) or at
        option = option_name(label, line)
        if option in options:
            raise UserError(f"two options of {name!r} are called {option!r}", where=line)
        options[option] = _parse_edits(edits, OpenValues(f"{name}.{option}"), folder, line)
    return Choice(name, variable=Variable(name, options, where=at), when=when, where=at)


def _parse_edits(edits: Any, open_values: OpenValues, folder: Path, at: str | None, *, optional: bool = False) -> list:
    if edits is None:
        return []
    if not isinstance(edits, list):
        raise UserError(f"a list of edits stands here, not {edits!r}", where=at)
    parsed = []
    for index, edit in enumerate(edits):
        line = where(edits, index) or at
        if is_training_edit(edit):
            parsed.append(parse_training_edit(edit, open_values, folder, line, optional=optional))
            continue
        check_edit(edit, line, TRAINING_VERBS)
        entries = {key: open_values.parse(value, key=key) for key, value in edit.items() if key != "set"}
        if "set" in edit:
            values = {
                name: open_values.parse(value, key=name, optional=optional) for name, value in edit["set"].items()
            }
            entries["set"] = with_lines_of(edit["set"], values)
        parsed.append(with_lines_of(edit, entries))
    return parsed


def _parse_free_edits(name: str, edits: list, folder: Path, at: str | None) -> list:
    number = count_open(edits)
    if not number:
        raise UserError(
            f"the choice {name!r} leaves nothing open: it needs options, or edits that hold a range", where=at
        )
    return _parse_edits(edits, OpenValues(name, alone=number == 1), folder, at, optional=True)


def _parse_when(given: Any, base: Variable, earlier: dict[str, Choice], at: str | None) -> dict[str, tuple[str, ...]]:
    if not isinstance(given, dict) or not given:
        raise UserError(f"when takes options by choice, `{{layout: pyramidal}}`, not {given!r}", where=at)
    known = {name: choice.variable for name, choice in earlier.items()}
    if len(base.options or ()) > 1:
        known["base"] = base
    conditions = {}
    for name, wanted in given.items():
        line = where(given, name) or at
        if name not in known:
            raise UserError(f"no choice before this one is called {name!r}", where=line, name=name, known=known)
        variable = known[name]
        if variable is None or variable.options is None:
            raise UserError(f"the choice {name!r} has no options that a condition could name", where=line)
        listed = wanted if isinstance(wanted, list) else [wanted]
        conditions[name] = tuple(option_name(option, line) for option in listed)
        for option in conditions[name]:
            if option not in variable.options:
                raise UserError(f"{name} has no option {option!r}", where=line, name=option, known=variable.options)
        if not listed:
            raise UserError(f"the condition on {name!r} names no option", where=line)
    return conditions
