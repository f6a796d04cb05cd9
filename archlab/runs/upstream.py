"""Runs that others stand on and that are trained before them: a pretraining on another dataset, a teacher named by its model.

In a settled recipe they stand whole, with their own recipes; in the recipe of a run the keys of theirs stand in this place.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator
from typing import Any

from archlab.data import Expected, Need, Prepared
from archlab.runs.making import run_of
from archlab.runs.run import Run

SEED = 0  # whatever seeds those have that stand on it: it is trained once

Opened = Callable[[Need], Prepared | Expected]


def upstream_needs(recipe: dict[str, Any]) -> list[Need]:
    """The prepared data that is trained on before a run with this settled recipe, in its canonical form."""
    pretraining = (recipe.get("init") or {}).get("pretrain")
    return [Need(*pretraining["data"])] if pretraining else []


def stood_on(run: Run, opened: Opened) -> tuple[Run, list[Run]]:
    """The run with the keys of those that come before it in its recipe, and these runs."""
    recipe, before = dict(run.recipe), list[Run]()
    for name, upstream in _before(run, opened):
        kept = {entry: value for entry, value in recipe[name].items() if entry != "pretrain"}
        recipe[name] = {**kept, _PLACES[name]: upstream.key}
        before.append(upstream)
    return dataclasses.replace(run, recipe=recipe), before


def keys_named(run: Run) -> list[str]:
    """The keys of the runs that a run's recipe stands on."""
    found = [(run.recipe.get(name) or {}).get(entry) for name, entry in _PLACES.items()]
    return [key for key in found if key]


_PLACES = {"init": "run", "distill": "teacher"}


def _before(run: Run, opened: Opened) -> Iterator[tuple[str, Run]]:
    """The runs that come before, each with the key of the recipe that names it."""
    if pretraining := (run.recipe.get("init") or {}).get("pretrain"):
        data = opened(Need(*pretraining["data"]))
        yield "init", _upstream(run, run.model, run.architecture, run.width, data, pretraining)
    teacher = (run.recipe.get("distill") or {}).get("teacher")
    if isinstance(teacher, dict):
        data = opened(Need(run.dataset, run.stored, run.fit))
        yield "distill", _upstream(run, teacher["model"], teacher["architecture"], 1.0, data, teacher)


def _upstream(
    run: Run, model: str, architecture: dict[str, Any], width: float, data: Prepared | Expected, named: dict[str, Any]
) -> Run:
    return run_of(
        model,
        architecture,
        width,
        data,
        named["recipe"],
        SEED,
        smallest_map=run.smallest_map,
        own_files=tuple(named["own_files"]) if model != run.model else (*run.own_files, *named["own_files"]),
    )
