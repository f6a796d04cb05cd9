"""Settling a study: from its language to plain JSON values."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import Any

from archlab.architecture.own_blocks import own_blocks_of
from archlab.architecture.plan import strides_for
from archlab.data import entry
from archlab.study.design import Design, Designer, frame_names
from archlab.study.grid import SettledCell, settled_grid
from archlab.study.loading import load_study
from archlab.study.resolved import Model, ResolvedStudy
from archlab.study.shipped import study_path
from archlab.study.source import StudySource, parts
from archlab.study.trainable import recipe_of
from archlab.training.recipe import own_files_of


def settled(source: StudySource, home: Path) -> ResolvedStudy:
    """The study with models counted and recipes settled. Raises UserError."""
    designer = Designer(load_study(source, home=home), home)
    return settle(designer, designer.designs(), file_of(source))


def file_of(source: StudySource) -> str | None:
    """The file that a study was written in; None for a mapping."""
    written, _ = parts(source)
    return None if isinstance(written, dict) else str(study_path(written))


def settle(designer: Designer, designs: list[Design], path: str | None) -> ResolvedStudy:
    """The designer's study, loaded from `path`, of these designs."""
    study, recipes, recipe_files = designer.study, list[dict[str, Any]](), list[list[str]]()
    seen = list[SettledCell]()

    def place_of(design: Design, dataset: str) -> int:
        """The place in `recipes` of a run's."""
        settled = recipe_of(designer, design, dataset)
        if dataset in study.suite.datasets:
            seen.append((design.name, dataset, settled))
        recipe = settled.canonical()
        if recipe not in recipes:
            recipes.append(recipe)
            recipe_files.append(list(own_files_of(settled)))
        return recipes.index(recipe)

    def model_of(design: Design) -> Model:
        forms = designer.forms(design)
        return Model(
            **form_of(design),
            name=design.name,
            role=design.role,
            kind=design.kind,
            options=design.options,
            within_budget=all(study.budget.allows(each.cost) for each in (design, *forms.values())),
            recipes={dataset: place_of(design, dataset) for dataset in study.datasets},
            forms={dataset: form_of(form) for dataset, form in forms.items()},
            strides=strides_for(design.architecture, designer.input),
        )

    models = [model_of(design) for design in designs]

    def stored_of(dataset: str) -> int:
        """Pixels that the dataset is prepared at, at most, where a recipe does not say another number."""
        said = [recipes[model.recipes[dataset]]["resolution"] for model in models]
        return min(entry(dataset, designer.home).resolution, max(said, default=study.recipe.resolution))

    return ResolvedStudy(
        name=study.name,
        path=path,
        question=study.question,
        choices={choice.name: list(choice.options) for choice in study.choices},
        base=str(study.base.first) if study.bases else None,
        explore=study.explore,
        effects=list(study.effects),
        frame=frame_names(study, designs),
        spanned_by=study.frame,
        suite=study.suite.name,
        datasets={name: stored_of(name) for name in study.suite.datasets},
        unseen={name: stored_of(name) for name in study.unseen},
        models=models,
        recipe=study.recipe.name,
        recipes=recipes,
        recipe_files=recipe_files,
        seeds=list(study.seeds),
        most_seeds=study.most_seeds,
        matters=study.matters,
        smallest_map=study.smallest_map,
        weight_of_variance=study.weight_of_variance,
        metric=study.metric,
        class_scores=study.class_scores,
        own_scores=list(study.own_scores),
        precision=list(study.precision),
        budget=dataclasses.asdict(study.budget),
        classes=designer.classes,
        resolution=designer.resolution,
        tune=settled_grid(study.tune, seen, study.tune_where) if study.tune else None,
    )


def form_of(design: Design) -> dict[str, Any]:
    """What `archlab.study.resolved.Model.forms` keeps of a design."""
    return {
        "architecture": json.loads(json.dumps(design.architecture.canonical())),  # heads of layers know their lines
        "width": design.width,
        "cost": dataclasses.asdict(design.cost),
        "own_files": list(own_blocks_of(design.architecture)),
    }
