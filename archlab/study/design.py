"""The designs of a study: references and variants, each with the width that the budget leaves it."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, Literal

from archlab.architecture import Architecture, InputSpec
from archlab.budget import Budget, Cost, Fitted, count, fit
from archlab.data import entry, kin
from archlab.foundation import UserError
from archlab.foundation import home as default_home
from archlab.runs.run import digest
from archlab.study.combination import Combination, apply, combinations
from archlab.study.study import Effect, Study
from archlab.study.variables import Value

RAW = "@raw"
UNCHANGED = "unchanged"
"""What a base has where a choice has no options."""


@dataclass(frozen=True)
class Design:
    """An architecture at a width, and what that costs at the study's most classes and highest resolution.

    Attributes:
        architecture: In the form that was fitted; `published` as the study has it, where that is another.
        role: Bases and compared architectures are references.
        kind: Of variants. "equal_budget": fitted to the budget like the references; "raw": as wide as the base (its name
            ends in `@raw` where the other kind is there too).
        options: By choice, what was chosen where it is not what the first base has, for people: `se`, `isotropic size=7`,
            `stage2=3`. The first base has those that make it the base.
        values: What was chosen, by variable.
    """

    architecture: Architecture
    width: float
    cost: Cost
    role: Literal["reference", "variant"] = "reference"
    kind: Effect | None = None
    options: dict[str, str] = field(default_factory=dict)
    values: dict[str, Value] = field(default_factory=dict)
    published: Architecture | None = None

    @property
    def name(self) -> str:
        return self.architecture.name

    @cached_property
    def digest(self) -> str:
        """Equal for designs that are one network."""
        return digest([self.architecture.canonical(), self.width])

    @cached_property
    def form(self) -> str:
        """Equal for designs of one published architecture."""
        return (self.published or self.architecture).digest()

    def renamed(self, name: str) -> Design:
        return dataclasses.replace(self, architecture=self.architecture.with_layers(self.architecture.layers, name))


class Designer:
    """Makes designs of a study's combinations: each fitted to its budget, at its most classes and highest resolution."""

    def __init__(self, study: Study, home: Path | None = None):
        self.home = home or default_home()
        self.classes = max(entry(name, self.home).classes for name in study.suite.datasets)
        named = {name for exemption in study.recipe.exemptions for name in exemption.models or ()}
        self.resolution = max(
            study.recipe.of_run(model, name, self.home).pixels_of(entry(name, self.home))
            for model in {*named, ""}
            for name in study.suite.datasets
        )
        self.input = InputSpec(self.classes, self.resolution, study.smallest_map)
        self._budget_where = study.budget_where
        self.study = dataclasses.replace(study, budget=self._budget(study))

    def design(self, combination: Combination, **about: Any) -> Design:
        """The design of a combination, as wide as the budget allows. Raises UserError where it cannot keep the budget."""
        architecture, study = combination.architecture, self.study
        if study.budget.fit == "none":
            return self._as_wide(combination, study.width, **about)
        fitted = self._fit(architecture, study.budget)
        published = architecture if fitted.architecture is not architecture else None
        return Design(
            fitted.architecture, fitted.width, fitted.cost, values=combination.values, published=published, **about
        )

    def on(self, dataset: str, design: Design) -> Design:
        """The design in the form that the study gives it on a dataset, fitted to the budget as the design is."""
        names, published = kin(dataset, self.home), design.published or design.architecture
        architecture = published
        for form in self.study.forms:
            if form.concerns(design.name, names):
                architecture = form.of(architecture)
        if architecture is published:
            return design
        if design.kind == "raw" or self.study.budget.fit == "none":
            cost = count(architecture, self.input, design.width)
            return dataclasses.replace(design, architecture=architecture, cost=cost)
        fitted = self._fit(architecture, self.study.budget)
        return dataclasses.replace(
            design,
            architecture=fitted.architecture,
            width=fitted.width,
            cost=fitted.cost,
            published=architecture if fitted.architecture is not architecture else None,
        )

    def designs(self) -> list[Design]:
        """The designs of the study, references first. Combinations with one architecture are one, called like the first.

        Raises UserError where one cannot keep the budget, two architectures share a name, or a range is continuous.
        """
        study, found, names = self.study, dict[str, Design](), dict[str, str]()
        for combination, about in self._candidates():
            architecture, options = combination.architecture, about["options"]
            form = architecture.digest()
            if form in names:
                same = found[names[form]]
                found[same.name] = dataclasses.replace(same, options=same.options or options)
                continue
            if architecture.name in found:
                where = architecture.where or study.where
                raise UserError(f"two different architectures are called {architecture.name!r}", where=where)
            names[form] = architecture.name
            found[architecture.name] = self.design(combination, **about)
        fitted = list(found.values())
        if study.budget.fit == "width" and "raw" in study.effects:
            return [*fitted, *(self._raw(design, found) for design in fitted if design.role == "variant")]
        return fitted

    def _candidates(self) -> Iterator[tuple[Combination, dict[str, Any]]]:
        """Combinations, and the fields of their designs that are not measured."""
        study = self.study
        for base, architecture in study.bases.items():
            yield Combination({}, architecture), {"options": _base_options(study, base)}
        for architecture in study.compare:
            yield Combination({}, architecture), {"options": {}}
        kind: Effect = "equal_budget" if study.budget.fit == "width" else "raw"
        for combination in combinations(study):
            if options := chosen_options(study, combination):
                yield combination, {"role": "variant", "kind": kind, "options": options}

    def _as_wide(self, combination: Combination, width: float, **about: Any) -> Design:
        architecture = combination.architecture
        cost = count(architecture, self.input, width)
        return Design(architecture, width, cost, values=combination.values, **about)

    def _budget(self, study: Study) -> Budget:
        """The study's, the multiply-accumulates of the architecture that it names counted."""
        if study.like is None:
            return study.budget
        like = self._fit(study.like, dataclasses.replace(study.budget, second=()))
        return dataclasses.replace(study.budget, macs=study.budget.held(like.cost)[1])

    def _fit(self, architecture: Architecture, budget: Budget) -> Fitted:
        try:
            return fit(architecture, self.input, budget)
        except UserError as error:
            if error.where != architecture.where:  # a layer's fault
                raise
            raise UserError(error.message, where=self._budget_where) from None

    def _raw(self, design: Design, found: dict[str, Design]) -> Design:
        """The variant in the form and as wide as its base, the edit alone."""
        base = found[design.options.get("base", str(self.study.base.first))]
        combination = Combination(design.values, design.architecture)
        if base.published or design.published:
            bases = {**self.study.bases, base.name: base.architecture}
            combination = apply(dataclasses.replace(self.study, bases=bases), design.values)
        raw = self._as_wide(combination, base.width, role="variant", kind="raw", options=design.options)
        return raw.renamed(design.name + RAW)


def frame_names(study: Study, found: list[Design]) -> list[str]:
    """The designs that make the frame of the study's scores: those compared, by the names that they have among `found`."""
    by_digest = {design.form: design.name for design in reversed(found)}
    return list(dict.fromkeys(by_digest[architecture.digest()] for architecture in study.compare))


def chosen_options(study: Study, combination: Combination) -> dict[str, str]:
    """By choice, what is not as the first base has it, as in `Design.options`."""
    values = combination.values
    options = {"base": str(values["base"])} if values.get("base", study.base.first) != study.base.first else {}
    for choice in study.choices:
        own = {name: value for name, value in values.items() if name.partition(".")[0] == choice.name}
        if own and own != {choice.name: next(iter(choice.options), None)}:
            options[choice.name] = _option(choice.name, own)
    return options


def _base_options(study: Study, base: str) -> dict[str, str]:
    if base != study.base.first:
        return {"base": base}
    options = {"base": base} if len(study.bases) > 1 else {}
    return options | {choice.name: next(iter(choice.options), UNCHANGED) for choice in study.choices}


def _option(choice: str, values: dict[str, Value]) -> str:
    """`se`, `isotropic size=7`, `stage2=3`, `3`."""
    words = [str(values[choice])] if choice in values else []
    for name, value in values.items():
        if name != choice:
            inside = name.removeprefix(f"{choice}.")
            inside = inside.removeprefix(f"{words[0]}.") if words else inside
            words.append(f"{inside}={value}")
    return " ".join(words)
