"""The models of a study: references and variants, each with its width."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from archlab.architecture import Architecture
from archlab.budget import fit_width
from archlab.data import entry
from archlab.foundation import UserError
from archlab.foundation import home as default_home
from archlab.study.combination import Combination, combinations
from archlab.study.study import Effect, Study
from archlab.study.variables import Value

RAW = "@raw"


@dataclass(frozen=True)
class Contrast:
    """What a variant tells about one choice: `against` is the model in which that choice alone stays as the base has it."""

    choice: str
    option: str
    against: str


@dataclass(frozen=True)
class Model:
    """An architecture and its width.

    Attributes:
        role: Bases and compared architectures are references.
        kind: Of variants. "equal_budget": fitted to the budget like the references; "raw": as wide as the base (its name
            ends in `@raw` where the other kind is there too).
        options: What differs from the base, by the names of choices and of what they leave open.
        contrasts: The models that differ from this one in a single choice.
    """

    name: str
    role: Literal["reference", "variant"]
    kind: Effect | None
    architecture: Architecture
    width: float
    options: dict[str, Value] = field(default_factory=dict)
    contrasts: tuple[Contrast, ...] = ()


def models(study: Study, home: Path | None = None) -> list[Model]:
    """The models of a study, references first. Combinations with one architecture are one model, called like the first.

    Raises UserError where one cannot keep the budget, two architectures share a name, or a range is continuous.
    """
    classes, resolution = largest(study, home)
    found: dict[str, Model] = {}
    called: dict[str, str] = {}  # names of combinations and references, and of the models that stand for them
    by_digest: dict[str, str] = {}

    def add(name: str, architecture: Architecture, values: dict[str, Value] | None = None) -> None:
        digest = architecture.digest()
        if name in found and by_digest.get(digest) != name:
            raise UserError(f"two different architectures are called {name!r}", where=architecture.where or study.where)
        called[name] = by_digest.setdefault(digest, name)
        if called[name] != name or name in found:
            return
        width = _width(study, architecture, classes, resolution)
        if not values:
            found[name] = Model(name, "reference", None, architecture, width)
            return
        kind: Effect = "equal_budget" if study.budget.fit == "width" else "raw"
        found[name] = Model(name, "variant", kind, architecture, width, values)

    explored = list(combinations(study))
    for base, architecture in study.bases.items():
        add(base, architecture)
    for architecture in study.compare:
        add(architecture.name, architecture)
    for combination in explored:
        add(combination.name, combination.architecture, _differences(study, combination))
    by_values = {_key(_differences(study, combination)): called[combination.name] for combination in explored}
    compared = [_with_contrasts(study, model, by_values) for model in found.values()]
    raw = "raw" in study.effects and study.budget.fit == "width"
    return [*compared, *(_raw(study, model, found) for model in compared if raw and model.role == "variant")]


def frame_names(study: Study, found: list[Model]) -> list[str]:
    """The models that make the frame of the study's scores: those compared, by the names that they have among `found`."""
    by_digest = {model.architecture.digest(): model.name for model in reversed(found)}
    return list(dict.fromkeys(by_digest[architecture.digest()] for architecture in study.compare))


def largest(study: Study, home: Path | None = None) -> tuple[int, int]:
    """The most classes and the highest resolution that the study's runs have: what a budget is held against."""
    entries = [entry(name, home or default_home()) for name in study.suite.datasets]
    return max(each.classes for each in entries), max(min(each.resolution, study.recipe.resolution) for each in entries)


def _width(study: Study, architecture: Architecture, classes: int, resolution: int) -> float:
    budget = study.budget
    if budget.fit == "none":
        return study.width
    return fit_width(
        architecture,
        params=budget.params,
        macs=budget.macs,
        of=budget.of,
        num_classes=classes,
        resolution=resolution,
        smallest_map=study.smallest_map,
    )


def _differences(study: Study, combination: Combination) -> dict[str, Value]:
    """The values that are not the base's."""
    defaults = {choice.name: choice.variable.first for choice in study.choices if choice.variable}
    defaults["base"] = study.base.first
    return {name: value for name, value in combination.values.items() if defaults.get(name) != value}


def _key(values: dict[str, Value]) -> frozenset:
    return frozenset(values.items())


def _with_contrasts(study: Study, model: Model, by_values: dict[frozenset, str]) -> Model:
    contrasts = []
    for choice in dict.fromkeys(name.partition(".")[0] for name in model.options if name != "base"):
        own = {name: value for name, value in model.options.items() if name.partition(".")[0] == choice}
        others = {name: value for name, value in model.options.items() if name not in own}
        against = by_values.get(_key(others))
        if against is not None and against != model.name:
            contrasts.append(Contrast(choice, _option(choice, own), against))
    return dataclasses.replace(model, contrasts=tuple(contrasts))


def _option(choice: str, values: dict[str, Value]) -> str:
    """What was chosen, for people: `se`, `isotropic size=7`, `stage2=3`, `3`."""
    option = values.get(choice)
    inside = [
        f"{name.removeprefix(f'{choice}.').removeprefix(f'{option}.')}={value}"
        for name, value in values.items()
        if name != choice
    ]
    return " ".join([str(option)] * (option is not None) + inside)


def _raw(study: Study, model: Model, found: dict[str, Model]) -> Model:
    """The variant as wide as its base, the edit alone."""
    base = str(model.options.get("base", study.base.first))
    contrasts = tuple(
        dataclasses.replace(contrast, against=contrast.against + RAW * (found[contrast.against].role == "variant"))
        for contrast in model.contrasts
    )
    return dataclasses.replace(model, name=model.name + RAW, kind="raw", width=found[base].width, contrasts=contrasts)
