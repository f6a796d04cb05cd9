"""Runs that others stand on and that are trained before them: a pretraining on another dataset, a teacher named by its model.

In a settled recipe they stand whole, with their own recipes; in the recipe of a run the keys of theirs stand in this place.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from archlab.data import Expected, Need, Prepared
from archlab.runs.making import run_of
from archlab.runs.run import Run
from archlab.runs.standing import PLACES

SEED = 0  # whatever seeds those have that stand on it: it is trained once

Opened = Callable[[Need], Prepared | Expected]


def upstream_needs(recipe: dict[str, Any]) -> list[Need]:
    """The prepared data that is trained on before a run with this settled recipe, in its canonical form."""
    pretraining = (recipe.get("init") or {}).get("pretrain")
    return [Need(*pretraining["data"])] if pretraining else []


def stood_on(run: Run, opened: Opened, own_blocks: Iterable[str]) -> tuple[Run, list[Run]]:
    """The run with the keys of those that come before it in its recipe, and these runs.

    Args:
        own_blocks: The users' files that its architecture names.
    """
    recipe, before = dict(run.recipe), list[Run]()
    for name, upstream in _before(run, opened, own_blocks):
        kept = {entry: value for entry, value in recipe[name].items() if entry != "pretrain"}
        recipe[name] = {**kept, PLACES[name]: upstream.key}
        before.append(upstream)
    return dataclasses.replace(run, recipe=recipe), before


def _before(run: Run, opened: Opened, own_blocks: Iterable[str]) -> Iterator[tuple[str, Run]]:
    """The runs that come before, each with the key of the recipe that names it."""
    if pretraining := (run.recipe.get("init") or {}).get("pretrain"):
        yield (
            "init",
            run_of(
                run.model,
                run.architecture,
                run.width,
                opened(Need(*pretraining["data"])),
                pretraining["recipe"],
                SEED,
                smallest_map=run.smallest_map,
                own_files=(*own_blocks, *pretraining["own_files"]),
            ),
        )
    teacher = (run.recipe.get("distill") or {}).get("teacher")
    if isinstance(teacher, dict):
        yield (
            "distill",
            run_of(
                teacher["model"],
                teacher["architecture"],
                1.0,
                opened(Need(run.dataset, run.stored, run.fit)),
                teacher["recipe"],
                SEED,
                smallest_map=run.smallest_map,
                own_files=tuple(teacher["own_files"]),
            ),
        )
