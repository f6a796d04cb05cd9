"""A study with everything settled that running and scoring it need, as plain JSON values. Knows nothing of torch."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import Any, Literal

from archlab.data import Expected, Prepared
from archlab.foundation import UserError
from archlab.runs import Run, run_of


@dataclass(frozen=True)
class Model:
    """A model of the study: a settled `archlab.study.design.Design`.

    `architecture` is canonical, `cost` that of `archlab.budget.Cost` at the study's largest class count and resolution,
    `recipes` gives for each dataset the index of its recipe in `ResolvedStudy.recipes`, `own_files` are the users' files
    that it names.
    """

    name: str
    role: Literal["reference", "variant"]
    kind: Literal["equal_budget", "raw"] | None
    options: dict[str, str]
    architecture: dict[str, Any]
    width: float
    cost: dict[str, int]
    within_budget: bool
    recipes: dict[str, int]
    own_files: list[str]


@dataclass(frozen=True)
class ResolvedStudy:
    """A study as it runs.

    Attributes:
        path: Its file, None for a mapping.
        choices: The names of each choice's options, none where it has only edits.
        base: The name of the model whose options are the defaults; None where only references are compared.
        frame: The names of the models that make the frame of the scores.
        datasets: The resolution of the runs, by dataset.
        recipes: Canonical forms; which one counts for a run is in the models. `recipe` is their name.
        recipe_files: Of each of them the users' files that it names.
        classes, resolution: What costs and budget refer to.
    """

    name: str
    path: str | None
    question: str | None
    choices: dict[str, list[str]]
    base: str | None
    explore: str
    effects: list[str]
    frame: list[str]
    suite: str
    datasets: dict[str, int]
    recipe: str
    recipes: list[dict[str, Any]]
    recipe_files: list[list[str]]
    seeds: list[int]
    smallest_map: int | None
    weight_of_variance: float
    metric: str
    own_scores: list[str]
    budget: dict[str, Any]
    classes: int
    resolution: int
    models: list[Model]

    def document(self) -> dict[str, Any]:
        return dataclasses.asdict(self)

    @classmethod
    def from_document(cls, document: dict[str, Any]) -> ResolvedStudy:
        models = [Model(**model) for model in document["models"]]
        return cls(**{**document, "models": models})

    def cells(self) -> list[dict[str, Any]]:
        """Every model on every dataset, with its settled recipe: model, dataset, recipe."""
        return [
            {"model": model.name, "dataset": dataset, "recipe": {**recipe, "pixels": self.datasets[dataset]}}
            for model in self.models
            for dataset in self.datasets
            for recipe in [self.recipes[model.recipes[dataset]]]
        ]

    def run(self, model: Model, data: Prepared | Expected, seed: int) -> Run:
        """The run of one of the models on a dataset of the study."""
        recipe = model.recipes[data.name]
        return run_of(
            model.name,
            model.architecture,
            model.width,
            data,
            self.recipes[recipe],
            seed,
            smallest_map=self.smallest_map,
            own_files=(*model.own_files, *self.recipe_files[recipe]),
        )

    def check_budget(self) -> None:
        """Raises UserError where a model is above the budget and nobody made it fit."""
        above = [model for model in self.models if not model.within_budget]
        if above and self.budget["fit"] == "none":
            model = above[0]
            others = f" and {len(above) - 1} more" if len(above) > 1 else ""
            limit = self.budget["params"] if self.budget["params"] is not None else self.budget["macs"]
            raise UserError(
                f"{model.name}{others} above the budget of {limit:,}: {model.cost['params']:,} parameters, "
                f"{model.cost['macs']:,} MACs; `archlab build` lists all",
                where=self.path,
            )
