"""A study with everything settled that running and scoring it need, as plain JSON values. Knows nothing of torch."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import Any, Literal

from archlab.data import Need
from archlab.foundation import UserError
from archlab.foundation.metric import Metric
from archlab.runs import Run, run_of
from archlab.runs.upstream import Opened, stood_on, upstream_needs


@dataclass(frozen=True)
class Model:
    """A model of the study: a settled `archlab.study.design.Design`.

    `architecture` is canonical, `cost` that of `archlab.budget.Cost` at the study's largest class count and resolution,
    `recipes` gives for each dataset the index of its recipe in `ResolvedStudy.recipes`, `own_files` are the users' files
    that it names. `forms`: for each dataset on which it has another form, that form's architecture, width, cost and
    own_files. `strides`: of each layer, at the study's resolution.
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
    forms: dict[str, dict[str, Any]] = dataclasses.field(default_factory=dict)
    strides: list[int] = dataclasses.field(default_factory=list)

    def on(self, dataset: str) -> dict[str, Any]:
        """Its architecture, width, cost and own_files on a dataset."""
        return self.forms.get(dataset, self._main)

    @property
    def by_form(self) -> dict[str, dict[str, Any]]:
        """The same of each of its forms, by name: the model's, and for those on single datasets `form_name`."""
        return {self.name: self._main} | {form_name(self.name, name): form for name, form in self.forms.items()}

    @property
    def _main(self) -> dict[str, Any]:
        return {name: getattr(self, name) for name in ("architecture", "width", "cost", "own_files")}


@dataclass(frozen=True)
class ResolvedStudy:
    """A study as it runs.

    Attributes:
        path: Its file, None for a mapping.
        choices: The names of each choice's options, none where it has only edits.
        base: The name of the model whose options are the defaults; None where only references are compared.
        frame: The names of the models that make the frame of the scores; `spanned_by`: `references`, or `all` that are scored.
        datasets: Pixels that each dataset is prepared at, at most, where a recipe does not say another number.
        unseen: Likewise, of those that no choice and no score looks at.
        recipes: Canonical forms; which one counts for a run is in the models. `recipe` is their name.
        recipe_files: Of each of them the users' files that it names.
        classes, resolution: What costs and budget refer to.
        seeds, most_seeds, matters, precision: As in `archlab.study.study.Study`.
        tune: As `archlab.study.grid.settled_grid` gives it; None where nothing is tuned.
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
    unseen: dict[str, int]
    recipe: str
    recipes: list[dict[str, Any]]
    recipe_files: list[list[str]]
    seeds: list[int]
    most_seeds: int | None
    matters: dict[str, float]
    smallest_map: int | None
    weight_of_variance: float
    metric: Metric
    class_scores: bool
    own_scores: list[str]
    budget: dict[str, Any]
    classes: int
    resolution: int
    models: list[Model]
    spanned_by: str = "references"
    precision: list[str] = dataclasses.field(default_factory=lambda: ["float"])
    tune: dict[str, Any] | None = None

    def document(self) -> dict[str, Any]:
        return {**dataclasses.asdict(self), "metric": self.metric.document()}

    @classmethod
    def from_document(cls, document: dict[str, Any]) -> ResolvedStudy:
        models = [Model(**model) for model in document["models"]]
        return cls(**{**document, "models": models, "metric": Metric.from_document(document["metric"])})

    def cells(self) -> list[dict[str, Any]]:
        """Every model on every dataset as it will run: model, dataset, its settled recipe, and what its form there costs at
        the class count and resolution of the study: params, macs."""
        return [
            {
                "model": model.name,
                "dataset": dataset,
                "recipe": {**recipe, "pixels": recipe.get("pixels") or self.needs(model, dataset).resolution},
                **{name: model.on(dataset)["cost"][name] for name in ("params", "macs")},
            }
            for model in self.models
            for dataset in self.pixels
            for recipe in [self.recipes[model.recipes[dataset]]]
        ]

    @property
    def contrasted(self) -> list[dict[str, Any]]:
        """The models whose options are held against each other, as `archlab.scoring.effects` takes them."""
        return [
            {"model": model.name, "options": model.options, "kind": model.kind}
            for model in self.models
            if model.options and (model.kind is None or model.kind in self.effects)
        ]

    @property
    def pixels(self) -> dict[str, int]:
        """As `datasets`, of all that models are trained on."""
        return self.datasets | self.unseen

    def needs(self, model: Model, dataset: str) -> Need:
        """The prepared data that a model is trained on."""
        recipe = self.recipes[model.recipes[dataset]]
        stored = recipe.get("stored") or min(recipe["resolution"], self.pixels[dataset])
        return Need(dataset, stored, recipe.get("fit"))

    @property
    def needed(self) -> list[Need]:
        """All prepared data that the study's runs take, each once."""
        own = [self.needs(model, dataset) for model in self.models for dataset in self.pixels]
        return list(dict.fromkeys([*own, *(need for recipe in self.recipes for need in upstream_needs(recipe))]))

    def run(self, model: Model, dataset: str, seed: int, opened: Opened) -> tuple[Run, list[Run]]:
        """The run of one of the models on a dataset of the study, and those that it stands on; `opened` gives their data."""
        data, recipe, form = opened(self.needs(model, dataset)), model.recipes[dataset], model.on(dataset)
        run = run_of(
            model.name,
            form["architecture"],
            form["width"],
            data,
            self.recipes[recipe],
            seed,
            smallest_map=self.smallest_map,
            own_files=(*form["own_files"], *self.recipe_files[recipe]),
        )
        return stood_on(run, opened, form["own_files"])

    def check_budget(self) -> None:
        """Raises UserError where a model is above the budget and nobody made it fit."""
        if all(model.within_budget for model in self.models) or self.budget["fit"] != "none":
            return
        from archlab.budget import Budget, Cost  # with torch

        budget = Budget(**self.budget)
        costs = {name: form["cost"] for model in self.models for name, form in model.by_form.items()}
        (name, cost), *more = (each for each in costs.items() if not budget.allows(Cost(**each[1])))
        others = f" and {len(more)} more" if more else ""
        raise UserError(
            f"{name}{others} above the budget of {budget.counted}: {budget.describe(Cost(**cost))}; `archlab build` lists all",
            where=self.path,
        )


def form_name(model: str, dataset: str) -> str:
    """What a model is called in the form that it has on one dataset."""
    return f"{model} on {dataset}"
