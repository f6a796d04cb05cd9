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
UNCHANGED = "unchanged"
"""What a base has where a choice has no options."""


@dataclass(frozen=True)
class Model:
    """An architecture and its width.

    Attributes:
        role: Bases and compared architectures are references.
        kind: Of variants. "equal_budget": fitted to the budget like the references; "raw": as wide as the base (its name
            ends in `@raw` where the other kind is there too).
        options: By choice, what was chosen where it is not what the first base has, for people: `se`, `isotropic size=7`,
            `stage2=3`. The first base has those that make it the base.
    """

    name: str
    role: Literal["reference", "variant"]
    kind: Effect | None
    architecture: Architecture
    width: float
    options: dict[str, str] = field(default_factory=dict)


def models(study: Study, home: Path | None = None) -> list[Model]:
    """The models of a study, references first. Combinations with one architecture are one model, called like the first.

    Raises UserError where one cannot keep the budget, two architectures share a name, or a range is continuous.
    """
    classes, resolution = largest(study, home)
    explored = list(combinations(study))
    candidates = [(base, architecture, _base_options(study, base)) for base, architecture in study.bases.items()]
    candidates += [(architecture.name, architecture, {}) for architecture in study.compare]
    candidates += [
        (each.name, each.architecture, chosen_options(study, each)) for each in explored if chosen_options(study, each)
    ]
    references = {name for name, _, _ in candidates[: len(study.bases) + len(study.compare)]}
    found: dict[str, Model] = {}
    digests: dict[str, str] = {}
    for name, architecture, options in candidates:
        digest = architecture.digest()
        if digest in digests:
            same = found[digests[digest]]
            found[same.name] = dataclasses.replace(same, options=same.options or options)
            continue
        if name in found:
            raise UserError(f"two different architectures are called {name!r}", where=architecture.where or study.where)
        digests[digest] = name
        kind: Effect = "equal_budget" if study.budget.fit == "width" else "raw"
        width = _width(study, architecture, classes, resolution)
        if name in references:
            found[name] = Model(name, "reference", None, architecture, width, options)
        else:
            found[name] = Model(name, "variant", kind, architecture, width, options)
    if study.budget.fit == "width" and "raw" in study.effects:
        return [*found.values(), *(_raw(study, model, found) for model in found.values() if model.role == "variant")]
    return list(found.values())


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
    try:
        return fit_width(
            architecture,
            params=budget.params,
            macs=budget.macs,
            of=budget.of,
            num_classes=classes,
            resolution=resolution,
            smallest_map=study.smallest_map,
        )
    except UserError as error:
        if error.where != architecture.where:  # a layer's fault
            raise
        raise UserError(error.message, where=study.budget_where) from None


def _base_options(study: Study, base: str) -> dict[str, str]:
    if base != study.base.first:
        return {"base": base}
    options = {"base": base} if len(study.bases) > 1 else {}
    return options | {choice.name: next(iter(choice.options), UNCHANGED) for choice in study.choices}


def chosen_options(study: Study, combination: Combination) -> dict[str, str]:
    """By choice, what is not as the first base has it, as in `Model.options`."""
    values = combination.values
    options = {"base": str(values["base"])} if values.get("base", study.base.first) != study.base.first else {}
    for choice in study.choices:
        own = {name: value for name, value in values.items() if name.partition(".")[0] == choice.name}
        if own and own != {choice.name: next(iter(choice.options), None)}:
            options[choice.name] = _option(choice.name, own)
    return options


def _option(choice: str, values: dict[str, Value]) -> str:
    """`se`, `isotropic size=7`, `stage2=3`, `3`."""
    words = [str(values[choice])] if choice in values else []
    for name, value in values.items():
        if name != choice:
            inside = name.removeprefix(f"{choice}.")
            inside = inside.removeprefix(f"{words[0]}.") if words else inside
            words.append(f"{inside}={value}")
    return " ".join(words)


def _raw(study: Study, model: Model, found: dict[str, Model]) -> Model:
    """The variant as wide as its base, the edit alone."""
    base = model.options.get("base", str(study.base.first))
    return dataclasses.replace(model, name=model.name + RAW, kind="raw", width=found[base].width)
