"""The designs of a study: references and variants, each with the width that the budget leaves it."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, Literal

from archlab.architecture import Architecture, InputSpec, references
from archlab.architecture import architecture as load_architecture
from archlab.budget import Budget, Cost, Fitted, check_memory, count, fit
from archlab.data import entry, kin
from archlab.foundation import UserError, home_path
from archlab.runs.run import digest
from archlab.study.check import check_first_options
from archlab.study.choices import size_changes
from archlab.study.combination import Combination, apply, combinations
from archlab.study.forms import Form
from archlab.study.study import Effect, Study
from archlab.study.unseen import check_apart
from archlab.study.variables import Value
from archlab.training.exemption import Exemption
from archlab.training.recipe import Change

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
        training: What it changes in the recipe.
    """

    architecture: Architecture
    width: float
    cost: Cost
    role: Literal["reference", "variant"] = "reference"
    kind: Effect | None = None
    options: dict[str, str] = field(default_factory=dict)
    values: dict[str, Value] = field(default_factory=dict)
    published: Architecture | None = None
    training: tuple[Change, ...] = ()

    @property
    def name(self) -> str:
        return self.architecture.name

    @cached_property
    def digest(self) -> str:
        """Equal for designs that are one network, trained alike."""
        changes = [repr(change) for change in self.training]
        return digest([self.architecture.canonical(), self.width, *([changes] if changes else [])])

    @cached_property
    def form(self) -> str:
        """Equal for designs of one published architecture."""
        return (self.published or self.architecture).digest()

    def renamed(self, name: str) -> Design:
        return dataclasses.replace(self, architecture=self.architecture.with_layers(self.architecture.layers, name))


class Designer:
    """Makes designs of a study's combinations: each fitted to its budget, at its most classes and highest resolution.

    Raises UserError where the first option of a choice is not the base as it stands.

    Attributes:
        models: The names that forms and exemptions may use: of the bases, and of what is compared.
        special: What makes them differ.
        kin: By dataset, all that it counts as.
    """

    def __init__(self, study: Study, home: Path | None = None):
        self.home = home or home_path()
        self.kin = {name: kin(name, self.home) for name in study.datasets}
        check_apart(study, self.kin)
        self.classes = max(entry(name, self.home).classes for name in study.datasets)
        self.models = {*study.bases, *(each.name for each in study.compare)}
        self.resolution = max(
            study.recipe.of_run(model, name, self.home, changes).pixels_of(entry(name, self.home))
            for model in self.models
            for name in study.datasets
            for changes in size_changes(study.choices)
        )
        self.special: list[Form | Exemption] = [*study.forms, *study.recipe.exemptions]
        self.input = InputSpec(self.classes, self.resolution, study.smallest_map)
        self._budget_where = study.budget_where
        self._trainings: dict[tuple[str, str], str] = {}
        self.study = dataclasses.replace(study, budget=self._budget(study))
        for base, architecture in study.bases.items():
            check_first_options(study, base, architecture, self._made)

    def design(self, combination: Combination, **about: Any) -> Design:
        """The design of a combination, as wide as the budget allows. Raises UserError where it cannot keep the budget."""
        architecture, study = combination.architecture, self.study
        if width := self._width_of(combination):
            return self._as_wide(combination, width, **about)
        fitted = self._fit(architecture, study.budget)
        published = architecture if fitted.architecture is not architecture else None
        about |= {"values": combination.values, "training": combination.training}
        return Design(fitted.architecture, fitted.width, fitted.cost, published=published, **about)

    def on(self, dataset: str, design: Design) -> Design:
        """The design in the form that the study gives it on a dataset, fitted to the budget as the design is."""
        forms = [form for form in self.study.forms if form.concerns(design.name, self.kin[dataset])]
        if not forms:
            return design
        try:
            other = self._in_forms(forms, design)
        except UserError as error:
            message = f"in its form on {dataset}: {error.message}"
            raise error.said_as(message, error.where or self.study.where) from None
        return design if other.digest == design.digest else other

    def forms(self, design: Design) -> dict[str, Design]:
        """The design in its other forms, by dataset. Raises UserError where it cannot have one, or not within the budget."""
        on = {dataset: self.on(dataset, design) for dataset in self.kin} if self.study.forms else {}
        return {dataset: other for dataset, other in on.items() if other is not design}

    def treatment(self, model: str) -> list[bool]:
        """Which of the forms and exemptions concern a model, on which datasets."""
        return [each.concerns(model, names) for each in self.special for names in self.kin.values()]

    def designs(self) -> list[Design]:
        """The designs of the study, references first. Combinations with one architecture and one recipe are one, called like
        the first, unless forms or exemptions tell them apart.

        Raises UserError where one cannot keep the budget or have its other forms, two architectures share a name, or a range is
        continuous.
        """
        study, found, names = self.study, dict[str, Design](), dict[tuple, str]()
        for combination, about in self._candidates():
            architecture, options = combination.architecture, about["options"]
            form = (*self._made(combination), *self.treatment(architecture.name))
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
            bases = {
                name: found[name] if name in found else self.design(Combination({}, architecture))
                for name, architecture in study.bases.items()
            }
            variants = [design for design in fitted if design.role == "variant"]
            fitted += [self._raw(design, bases[_base_of(design)]).renamed(design.name + RAW) for design in variants]
        for design in fitted:
            self.forms(design)  # tells where it cannot have them
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

    def training_of(self, combination: Combination) -> str:
        """Equal for combinations of one base that are trained alike."""
        base, written = combination.name.partition("+")[0], repr(combination.training)
        if (base, written) not in self._trainings:
            settled = [self.study.recipe.settled(base, names, combination.training) for names in self.kin.values()]
            self._trainings[base, written] = digest([each.canonical() for each in settled])
        return self._trainings[base, written]

    def _made(self, combination: Combination) -> tuple:
        """Equal for combinations of one base that are one model."""
        return combination.architecture.digest(), self._width_of(combination), self.training_of(combination)

    def _width_of(self, combination: Combination) -> float | None:
        """As the study says, or the file of the architecture; None where the budget fits it."""
        study, said_by = self.study, (combination.architecture.where, combination.name.partition("+")[0])
        return study.width or study.widths.get(said_by, 1.0) if study.budget.fit == "none" else None

    def _as_wide(self, combination: Combination, width: float, **about: Any) -> Design:
        architecture = combination.architecture
        if self.study.budget.peak_memory is not None:
            check_memory(architecture, self.input)
        cost = count(architecture, self.input, width)
        return Design(architecture, width, cost, values=combination.values, training=combination.training, **about)

    def _budget(self, study: Study) -> Budget:
        """The study's, the multiply-accumulates of the architecture that it names counted."""
        if study.like is None:
            return study.budget
        like = self._fit(study.like, dataclasses.replace(study.budget, second=()))
        return dataclasses.replace(study.budget, macs=study.budget.held(like.cost)["macs"])

    def _fit(self, architecture: Architecture, budget: Budget) -> Fitted:
        try:
            return fit(architecture, self.input, budget)
        except UserError as error:
            if error.where != architecture.where:  # a layer's fault
                raise
            raise UserError(error.message, where=self._budget_where) from None

    def _in_forms(self, forms: list[Form], design: Design) -> Design:
        """The design, its base in these forms."""
        study, base = self.study, _base_of(design)
        if design.kind == "raw" and study.budget.fit == "width":
            fitted = self._in_forms(forms, self.design(Combination({}, study.bases[base])))
            return self._raw(design, fitted).renamed(design.name)
        architecture = study.bases[base] if design.values else design.published or design.architecture
        for form in forms:
            architecture = form.of(architecture)
        if design.values:
            architecture = self._edited(base, architecture, design.values).architecture
        other = self.design(Combination(design.values, architecture, design.training)).renamed(design.name)
        return dataclasses.replace(other, role=design.role, kind=design.kind, options=design.options)

    def _raw(self, design: Design, base: Design) -> Design:
        """The variant in the form and as wide as its base, the edit alone."""
        combination = self._edited(base.name, base.architecture, design.values)
        return self._as_wide(combination, base.width, role="variant", kind="raw", options=design.options)

    def _edited(self, base: str, architecture: Architecture, values: dict[str, Value]) -> Combination:
        """The combination of these values where the base is another architecture."""
        bases = {**self.study.bases, base: architecture}
        return apply(dataclasses.replace(self.study, bases=bases), values)


def _base_of(design: Design) -> str:
    return design.name.partition("+")[0]


def frame_names(study: Study, found: list[Design]) -> list[str]:
    """The designs that make the frame of the study's scores, by the names that they have among `found`.

    Those compared, and with them the base where it is a published architecture; or all that are scored.
    """
    if study.frame == "all":
        return [each.name for each in found if each.kind != "raw" or study.budget.fit != "width"]
    names: dict[str, list[str]] = {}
    for design in found:
        names.setdefault(design.form, []).append(design.name)
    spanning = [*study.compare, *_published_base(study)] if study.compare else []
    alike = [(each.name, names[each.digest()]) for each in spanning if each.digest() in names]
    return list(dict.fromkeys(name if name in there else there[0] for name, there in alike))


def _published_base(study: Study) -> list[Architecture]:
    base = study.bases[str(study.base.first)] if study.bases else None
    return [base] if base and base.digest() in {load_architecture(name).digest() for name in references()} else []


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
