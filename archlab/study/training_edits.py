"""Edits of how a model is trained, in the options of a study's choices beside those of its architecture.

{recipe: {label_smoothing: 0, augment: {cutmix: 1.0}}}
    Other values for some keys of the study's recipe, its exemptions applied. Values can be open.
{recipe: thorough}, {recipe: {like: thorough, lr: 1e-3}}
    Another recipe in its place.
{init: {...}}
    The same as {recipe: {init: {...}}}.
"""

from __future__ import annotations

import contextlib
from pathlib import Path
from typing import Any

from archlab.foundation import UserError, check_keys, where, with_lines_of
from archlab.study.variables import AsItStandsError, Ask, OpenValues, count_open, labelled, settle
from archlab.training.reading import load_recipe, read_change
from archlab.training.recipe import Change

TRAINING_VERBS = ("recipe", "init")
CLOSED = ("resolution", "stored", "pixels")
"""Budgets count at the highest resolution, so it is known before anything is chosen."""


def is_training_edit(edit: Any) -> bool:
    return isinstance(edit, dict) and not {*TRAINING_VERBS}.isdisjoint(edit)


def parse_training_edit(edit: dict, open_values: OpenValues, folder: Path, at: str | None, *, optional: bool) -> dict:
    """`{"recipe": change}`, with variables in the place of open values. Raises UserError."""
    at = where(edit) or at
    ((verb, given),) = edit.items() if len(edit) == 1 else ((None, None),)
    if verb is None:
        check_keys(edit, TRAINING_VERBS, "an edit of the training")
        raise UserError("an edit of the training is either `recipe` or `init`", where=at)
    line = where(edit, verb) or at
    settings = with_lines_of(edit, {"init": given}) if verb == "init" else given
    if isinstance(settings, str) or (isinstance(settings, dict) and "like" in settings):
        if count_open(settings):
            raise UserError("a recipe that is `like` another has nothing open in it", where=line)
        return with_lines_of(edit, {"recipe": load_recipe(settings, at=line, folder=folder)})
    if not isinstance(settings, dict) or not settings:
        raise UserError("recipe takes the name of one, or values by key, `{recipe: {lr: 1e-3}}`", where=line)
    for name in CLOSED:
        if count_open(settings.get(name)):
            raise UserError(
                f"{name} cannot be open: name options of one value each", where=where(settings, name) or line
            )
    read = {name: _read(name, value, settings, folder, line) for name, value in settings.items()}
    loaded = with_lines_of(settings, read)
    parsed = {name: open_values.parse(value, key=name, optional=optional) for name, value in loaded.items()}
    return with_lines_of(edit, {"recipe": with_lines_of(loaded, parsed)})


def _read(name: str, value: Any, settings: dict, folder: Path, at: str | None) -> Any:
    """The value of a key as a change of a recipe has it; of one that is open, each option so."""
    if not isinstance(value, dict) or "choose" not in value:
        return read_change(with_lines_of(settings, {name: value}), folder, at)[name]
    options = labelled(value["choose"], where(value) or at)
    read = {label: _read(name, option, settings, folder, at) for label, option in options.items()}
    return with_lines_of(value, {**value, "choose": read})


def settled_change(change: Change, ask: Ask) -> Change:
    """The change with an answer in the place of every variable; what is left out is no part of it."""
    if not isinstance(change, dict):
        return change
    kept = {}
    for name, value in change.items():
        with contextlib.suppress(AsItStandsError):
            kept[name] = settle(value, ask)
    return with_lines_of(change, kept)
