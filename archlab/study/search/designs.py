"""Designs: what a search tries."""

from __future__ import annotations

from functools import cached_property
from pathlib import Path

from archlab.architecture.own_blocks import own_blocks_of
from archlab.data import Prepared, entry, open_prepared
from archlab.foundation import UserError, where
from archlab.runs import Run, run_of
from archlab.runs.named import settled_recipe, stands_on_untrained
from archlab.study.choices import changes_of
from archlab.study.combination import Combination, apply, sample
from archlab.study.design import Design, Designer
from archlab.study.study import Study
from archlab.study.trainable import check_design
from archlab.study.unseen import hide
from archlab.study.variables import Ask, Value, Variable, option_name
from archlab.training.recipe import Recipe, own_files_of

IN_COMMON = ("steps", "epochs", "resolution", "stored", "fit", "pixels", "with_validation")
"""What a search needs to be the same for all designs: a schedule to look at half-way, and the same prepared images."""


class Designs(Designer):
    """Makes designs of a study's choices, and their runs at the search's fidelity. Raises UserError without choices."""

    def __init__(self, study: Study, home: Path):
        if not (study.bases and study.choices):
            raise UserError("a search needs a base and choices", where=study.where)
        if study.tune or (study.search.recipe and study.search.recipe.tune):
            raise UserError(
                f"a search does not tune: {study.name} and its recipes must not say `tune`", where=study.where
            )
        super().__init__(hide(study, study.search.unseen), home)
        self.recipe: Recipe = study.search.recipe or study.recipe
        self.special += study.search.recipe.exemptions if study.search.recipe else ()
        for recipe in (study.recipe, self.recipe):
            self._check_selects(recipe)
        self._check_training()

    @cached_property
    def prepared(self) -> dict[str, Prepared]:
        """The datasets. Sample ones are prepared where they are not yet; raises UserError for any other."""
        found = {}
        for name in self.study.suite.datasets:
            recipe = self.recipe.of_run(min(self.models), name, self.home)  # all are prepared alike
            found[name] = open_prepared(name, self.home, recipe.stored_of(entry(name, self.home)), recipe.fit)
        return found

    def _check_selects(self, recipe: Recipe) -> None:
        """Raises UserError where a recipe trains on what the search selects by, or not every model on the same data."""
        for dataset in self.study.suite.datasets:
            settled = [settled_recipe(recipe, model, dataset, self.home) for model in self.models]
            if any(each.with_validation for each in settled):
                raise UserError(
                    f"the recipe {recipe.name} trains on validation images, so a search cannot select by them",
                    where=self.study.where,
                )
            if any(stands_on_untrained(each) for each in settled):
                told = "which its designs would stand on, so a search does not take it: `ablate` does"
                raise UserError(f"the recipe {recipe.name} has others trained first, {told}", where=self.study.where)
            if len({(each.stored_of(entry(dataset, self.home)), each.fit) for each in settled}) > 1:
                raise UserError(f"a search needs {dataset} prepared in one way for all models", where=self.study.where)

    def _check_training(self) -> None:
        """Raises UserError where a choice changes what all designs of a search have in common."""
        common = {name: getattr(self.recipe, name) for name in IN_COMMON}
        for choice in self.study.choices:
            for change in changes_of(choice):
                if stands_on_untrained(change):
                    told = (
                        f"options of {choice.name!r} have others trained first, which a search does not: ablate instead"
                    )
                    raise UserError(told, where=choice.where)
                changed = vars(change) if isinstance(change, Recipe) else change
                for name, value in common.items():
                    if changed.get(name, value) != value:
                        raise UserError(
                            f"a search holds its designs against each other half-way, so a choice such as {choice.name!r} "
                            f"cannot change {name}: ablate instead",
                            where=choice.where,
                        )

    def sample(self, ask: Ask) -> Design:
        """The design of the values that `ask` gives. Raises UserError where it cannot keep the budget."""
        return self._fitted(sample(self.study, ask))

    def start(self) -> list[Design]:
        """The base and the designs that the study says to start with. Raises UserError where one is none of the space."""
        study, found = self.study, []
        for index, values in enumerate(study.search.start):
            at = where(study.search.start, index) or study.where
            try:
                design = self.named(dict(values))
            except UserError as error:
                raise error.said_as(f"start: {error.message}", at) from None
            if design is None:
                raise UserError("start: the base has a value here that no choice has, so more must be given", where=at)
            found.append(design)
        base = self.named({})
        return [base, *found] if base else found

    @cached_property
    def references(self) -> list[Design]:
        """Those compared; of several that are one network, the first, unless forms or exemptions tell them apart."""
        distinct: dict[tuple, Design] = {}
        for design in (self._fitted(Combination({}, each)) for each in self.study.compare):
            distinct.setdefault((design.digest, *self.treatment(design.name)), design)
        return list(distinct.values())

    def named(self, given: dict[str, Value]) -> Design | None:
        """The design of some values, all others as the base has them; None where the space holds no such design.

        Raises UserError for unknown names and values, and where the design cannot keep the budget.
        """
        written = {
            name: option_name(value, None) if value is None or isinstance(value, bool) else value
            for name, value in given.items()
        }
        target = apply(self.study, self._typed(written))
        known, wanted = dict(target.values), self._made(target)
        while True:
            asked: list[Variable] = []

            def ask(variable: Variable, asked=asked) -> Value:
                if variable.name not in known:
                    asked.append(variable)
                    raise LookupError
                return on_grid(variable, known[variable.name])

            try:
                return self._fitted(sample(self.study, ask))
            except LookupError:
                (variable,) = asked
            values = [] if variable.continuous else variable.values()
            for value in values:
                if self._made(apply(self.study, {**known, variable.name: value})) == wanted:
                    known[variable.name] = value
                    break
            else:
                return None

    def run(self, design: Design, dataset: str) -> Run:
        """The run of a design in the form that it has on a dataset."""
        design = self.on(dataset, design)
        network = (design.architecture, design.width)
        recipe = settled_recipe(self.recipe, design.name, dataset, self.home, design.training, network)
        return run_of(
            design.name,
            design.architecture.canonical(),
            design.width,
            self.prepared[dataset],
            recipe.canonical(),
            self.study.seeds[0],
            smallest_map=self.study.smallest_map,
            own_files=(*own_blocks_of(design.architecture), *own_files_of(recipe)),
        )

    def _typed(self, given: dict[str, Value]) -> dict[str, Value]:
        """Words in the place of numbers where a variable has options by name."""
        typed = dict(given)

        def ask(variable: Variable) -> Value:
            if variable.name in typed and variable.options is not None:
                typed[variable.name] = str(typed[variable.name])
            return typed.get(variable.name, variable.first)

        try:
            sample(self.study, ask)
        except UserError:
            return typed  # `apply` says what is wrong
        return typed

    def _fitted(self, combination: Combination) -> Design:
        design, budget = self.design(combination), self.study.budget
        for dataset, form in {"": design, **self.forms(design)}.items():
            if not budget.allows(form.cost):
                on = f" on {dataset}" if dataset else ""
                raise UserError(f"{design.name}{on} is above the budget: {budget.describe(form.cost)}")
        check_design(self, design, self.recipe)
        return design


def on_grid(variable: Variable, value: Value) -> Value:
    """`value`, where it is one that a sampler could give. Raises UserError."""
    if not variable.continuous and value not in variable.values():
        known = ", ".join(map(str, variable.values()))
        raise UserError(f"{variable.name} is one of {known}, not {value!r}", where=variable.where)
    return value
