"""Settling a study: from its language to plain JSON values."""

from __future__ import annotations

import dataclasses
from pathlib import Path

from archlab.architecture.own_blocks import own_blocks_of
from archlab.budget import count
from archlab.data import entry
from archlab.study.loading import load_study
from archlab.study.model import Model, frame_names, largest, models
from archlab.study.resolved import ResolvedModel, ResolvedStudy
from archlab.study.study import Study


def settled(source: Path | dict, home: Path) -> ResolvedStudy:
    """The study of a file or a mapping with models counted and recipes settled. Raises UserError."""
    study = load_study(source, home=home)
    return settle(study, models(study, home), home, str(source) if isinstance(source, Path) else None)


def settle(study: Study, found: list[Model], home: Path, path: str | None) -> ResolvedStudy:
    """A study, loaded from `path`, of these models."""
    classes, resolution = largest(study, home)
    recipes = _Recipes(study)
    return ResolvedStudy(
        name=study.name,
        path=path,
        question=study.question,
        choices={choice.name: list(choice.options) for choice in study.choices},
        base=str(study.base.first) if study.bases else None,
        explore=study.explore,
        effects=list(study.effects),
        frame=frame_names(study, found),
        suite=study.suite.name,
        datasets={name: min(entry(name, home).resolution, study.recipe.resolution) for name in study.suite.datasets},
        models=[_resolved(study, model, classes, resolution, recipes) for model in found],
        recipe=study.recipe.name,
        recipes=recipes.distinct,
        seeds=list(study.seeds),
        smallest_map=study.smallest_map,
        weight_of_variance=study.weight_of_variance,
        budget=dataclasses.asdict(study.budget),
        classes=classes,
        resolution=resolution,
    )


class _Recipes:
    """The distinct recipes of a study's runs, in order of appearance."""

    def __init__(self, study: Study):
        self.study = study
        self.distinct: list[dict] = []

    def index(self, model: str, dataset: str) -> int:
        recipe = self.study.recipe.settled(model, dataset).canonical()
        if recipe not in self.distinct:
            self.distinct.append(recipe)
        return self.distinct.index(recipe)


def _resolved(study: Study, model: Model, classes: int, resolution: int, recipes: _Recipes) -> ResolvedModel:
    cost = count(
        model.architecture,
        num_classes=classes,
        width=model.width,
        resolution=resolution,
        smallest_map=study.smallest_map,
    )
    return ResolvedModel(
        name=model.name,
        role=model.role,
        kind=model.kind,
        options=model.options,
        architecture=model.architecture.canonical(),
        width=model.width,
        cost=dataclasses.asdict(cost),
        within_budget=study.budget.allows(cost),
        recipes={dataset: recipes.index(model.name, dataset) for dataset in study.suite.datasets},
        own_files=list(own_blocks_of(model.architecture)),
    )
