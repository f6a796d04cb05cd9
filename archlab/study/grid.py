"""What equal tuning tries: the same values for every model, all checked before anything runs."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from itertools import product
from typing import Any

from archlab.foundation import UserError
from archlab.foundation.settings import read_settings
from archlab.foundation.words import counted
from archlab.training.consistency import check_consistency
from archlab.training.recipe import Change, Recipe
from archlab.training.tune import SGD_ALONE, Tune

MOST_CANDIDATES = 1_000

Values = dict[str, float]
"""By key of a recipe, a value to train with."""
SettledCell = tuple[str, str, Recipe]
"""A model, a dataset, and the recipe that is settled for them."""


def settled_grid(tune: Tune, cells: Sequence[SettledCell], at: str | None) -> dict[str, Any]:
    """The `tune` of an `archlab.study.resolved.ResolvedStudy`: candidates, steps, per, seeds.

    The candidates are all combinations of the values listed, then what recipes have of their own, wherever that is another:
    so that every model has the same number of tries, and what its recipe says is one of them.

    Args:
        cells: Those that a choice may look at.

    Raises:
        UserError: A recipe that cannot be tuned so, or values that do not go together with it.
    """
    keys, combined = list(tune.values), math.prod(map(len, tune.values.values()))
    if combined > MOST_CANDIDATES:
        raise UserError(
            f"tune has {combined:,} combinations of values, and at most {MOST_CANDIDATES:,} are tried", where=at
        )
    _check_variants(cells, keys, at)
    candidates = [dict(zip(keys, values, strict=True)) for values in product(*tune.values.values())]
    for _, _, recipe in cells:
        if (own := own_values(vars(recipe), keys)) not in candidates:
            candidates.append(own)
    if len(candidates) < 2:
        raise UserError("tune has nothing to choose from: its only values are the recipe's own", where=at)
    for cell in cells:
        _check(tune, candidates, cell, at)
    if tune.per == "model":
        _check_one_own(cells, keys, at)
    return {"candidates": candidates, "steps": tune.steps, "per": tune.per, "seeds": tune.seeds}


def check_choices(tune: Tune | None, model: str, changes: Iterable[Change], at: str | None) -> None:
    """Raises UserError where a choice of the study sets what is tuned. Whether another recipe does, `settled_grid` sees."""
    told = {key for change in changes if isinstance(change, dict) for key in change}
    if both := [key for key in (tune.values if tune else ()) if key in told]:
        raise _set_by_choice(both, model, at)


def own_values(recipe: dict[str, Any], keys: Iterable[str]) -> Values:
    """What a recipe says itself of some of its keys."""
    return {key: recipe[key] for key in keys}


def _check_variants(cells: Iterable[SettledCell], keys: list[str], at: str | None) -> None:
    """Raises UserError where models of one base do not start from the same values on a dataset. As exemptions are of bases
    (`archlab.training.exemption.Exemption.concerns`), a choice with another recipe has set them."""
    known: dict[tuple[str, str], Values] = {}
    for model, dataset, recipe in cells:
        own = own_values(vars(recipe), keys)
        first = known.setdefault((model.partition("+")[0], dataset), own)
        if others := [key for key in keys if own[key] != first[key]]:
            raise _set_by_choice(others, model, at)


def _set_by_choice(keys: Iterable[str], model: str, at: str | None) -> UserError:
    return UserError(f"tune: a choice sets {', '.join(keys)} for {model}, so it cannot be tuned", where=at)


def _check(tune: Tune, candidates: Iterable[Values], cell: SettledCell, at: str | None) -> None:
    model, dataset, recipe = cell
    what = f"the recipe {recipe.name} of {model} on {dataset}"
    if recipe.with_validation:
        raise UserError(f"tune chooses by validation images, and {what} trains with them", where=at)
    if recipe.steps and recipe.steps < tune.steps:
        raise UserError(
            f"tune: tries of {counted(tune.steps, 'step')} are longer than the {recipe.steps:,} of {what}", where=at
        )
    if SGD_ALONE in tune.values and recipe.optimizer != "sgd":
        raise UserError(f"tune: {SGD_ALONE} is of sgd alone, and {what} has another optimizer", where=at)
    for values in candidates:
        check_consistency(read_settings(Recipe, values, "tune", at, base=recipe), f"tune: {what}", [], at)


def _check_one_own(cells: Iterable[SettledCell], keys: list[str], at: str | None) -> None:
    """Raises UserError where a model's datasets do not start from the same values."""
    known: dict[str, Values] = {}
    for model, dataset, recipe in cells:
        own = own_values(vars(recipe), keys)
        if known.setdefault(model, own) != own:
            told = f"the recipe {recipe.name} has others for {model} on {dataset} than elsewhere"
            raise UserError(f"tune: `per: model` chooses the same values for all datasets, and {told}", where=at)
