"""From YAML (or a Python mapping of the same shape) to studies, everything checked before anything runs."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Annotated, Any

from archlab.architecture import SMALLEST_MAP, Architecture, architecture, references
from archlab.architecture.own_blocks import load_own_blocks
from archlab.architecture.parse import WIDEST, meant_width
from archlab.budget import parse_budget
from archlab.data import entry, load_suite
from archlab.foundation import UserError, check_keys, home_path, is_file, read_yaml, real, where
from archlab.foundation.settings import Matching, Positive, Within, read_value
from archlab.study.check import check_combinations
from archlab.study.choices import changes_of, parse_choices
from archlab.study.forms import parse_forms
from archlab.study.matters import read_matters
from archlab.study.overriding import apply_overrides
from archlab.study.own_scores import check_own_scores, read_own_scores
from archlab.study.scored_metric import read_metric
from archlab.study.search_settings import parse_search
from archlab.study.seeds import read_seeds
from archlab.study.shipped import study_path
from archlab.study.source import StudySource, parts
from archlab.study.study import Effect, Explore, FrameOf, Study, Widths
from archlab.study.unseen import hide, read_unseen
from archlab.study.unused_exemptions import tell_of_unused_exemptions
from archlab.study.unused_widths import tell_of_unused_widths
from archlab.study.variables import option_name
from archlab.training.consistency import check_consistency
from archlab.training.reading import load_recipe
from archlab.training.recipe import Recipe
from archlab.training.tune import Tune

TEXT = Annotated[str, Matching(r"(?s).*", "text")]
NAME = Annotated[str, Matching(r"\w[\w.+-]{0,79}", "a word of letters, digits and _ . + -, at most 80")]
PRECISIONS = ("float", "int8")
ALL = "references"  # among what is compared
KEYS = (
    "name",
    "question",
    "base",
    "choices",
    "budget",
    "width",
    "compare",
    "forms",
    "suite",
    "unseen",
    "recipe",
    "tune",
    "seeds",
    "matters",
    "explore",
    "smallest_map",
    "blocks",
    "effects",
    "frame",
    "lambda",
    "metric",
    "class_scores",
    "precision",
    "score",
    "search",
)


def load_study(source: StudySource, *, home: Path | None = None) -> Study:
    """The study of a shipped study's name, a YAML file's path, or a mapping of the same keys, checked as a whole.

    What `archlab.study.overriding.override` gives is the study with other values for some keys.

    Args:
        home: Where the user's own datasets are catalogued; see `archlab.foundation.home_path`.

    Raises:
        UserError: Anything wrong in it, with file and line; a combination in which an edit matches nothing is named.
    """
    home = home or home_path()
    written, overridden = parts(source)
    if isinstance(written, dict):
        study = _parse(written, None, home)
    else:
        path = study_path(written)
        study = _parse(read_yaml(path), path, home)
    if overridden:
        study = apply_overrides(study, overridden, home)
        _check_exemptions(study.recipe, home, "override recipe")
    study = hide(study, ())
    check_own_scores(study)
    check_combinations(study)
    tell_of_unused_widths(study)
    tell_of_unused_exemptions(study)
    return study


def _parse(document: dict, path: Path | None, home: Path) -> Study:
    check_keys(document, KEYS, "a study")
    folder = path.parent if path else Path()
    here = where(document) or (str(path) if path else None)
    load_own_blocks(document, folder)
    name = _value(document, "name", NAME, path.stem if path else "study")
    widths: Widths = {}
    bases = _bases(document, name, path, here, widths)
    compare = _compare(document, folder, widths)
    if not bases and (not compare or document.get("choices")):
        needed = "a base to edit" if compare else "a base, architectures to compare, or both"
        raise UserError(f"a study needs {needed}", where=here)
    budget = parse_budget(document.get("budget"), where(document, "budget"))
    suite = document.get("suite", "samples")
    if isinstance(suite, str) and suite.endswith((".yaml", ".yml")):
        suite = folder / suite
    recipe = load_recipe(document.get("recipe", "quick"), at=where(document, "recipe") or here, folder=folder)
    tuned = _tuned(recipe, document)
    search = parse_search(document.get("search", {}), where(document, "search"), folder)
    search = dataclasses.replace(search, unseen=_unseen(document.get("search", {}), home, where(document, "search")))
    choices = parse_choices(document.get("choices"), bases, folder, where(document, "choices") or here)
    written = [(recipe, where(document, "recipe") or here), (search.recipe, where(document, "search") or here)]
    written += [
        (change, choice.where) for choice in choices for change in changes_of(choice) if isinstance(change, Recipe)
    ]
    for each, line in written:
        _check_exemptions(each, home, line)
    metric = read_metric(document, [each for each in (recipe, search.recipe) if each], folder)
    seeds, most_seeds = read_seeds(document.get("seeds", 1), where(document, "seeds"))
    return Study(
        name=name,
        question=_value(document, "question", TEXT | None, None),
        bases=bases,
        choices=choices,
        budget=budget,
        width=_value(document, "width", Annotated[float, Within(0, WIDEST, strictly=True)] | None, None),
        widths=widths,
        compare=compare,
        forms=parse_forms(
            document.get("forms", []),
            [*bases.values(), *compare],
            lambda source, at: _architecture(source, folder, at),
            home,
            where(document, "forms") or here,
        ),
        suite=load_suite(suite, home, where(document, "suite") or here),
        recipe=recipe,
        seeds=seeds,
        most_seeds=most_seeds,
        matters=read_matters(document.get("matters"), metric, where(document, "matters")),
        explore=_value(document, "explore", Explore, "one_at_a_time"),
        smallest_map=_value(document, "smallest_map", Positive | None, SMALLEST_MAP),
        effects=_effects(document, fitted=budget.fit == "width"),
        frame=_value(document, "frame", FrameOf, "references"),
        weight_of_variance=_value(document, "lambda", Annotated[float, Within(0)], 0.5),
        metric=metric,
        class_scores=_value(document, "class_scores", bool, True),
        own_scores=read_own_scores(document.get("score", []), folder, where(document, "score")),
        search=search,
        where=here,
        budget_where=where(document, "budget") or here,
        like=_like(budget.macs_like, [*bases.values(), *compare], folder, where(document, "budget") or here),
        unseen=_unseen(document, home, here),
        precision=_precision(document),
        tune=tuned.tune,
        tune_where=where(document, "tune" if "tune" in document else "recipe") or here,
        tunes="tune" in document,
    )


def _tuned(recipe: Recipe, document: dict) -> Recipe:
    """The recipe with the study's own `tune`, where it says one."""
    if "tune" not in document:
        return recipe
    tuned = dataclasses.replace(recipe, tune=_value(document, "tune", Tune | None, None))
    check_consistency(tuned, "a study", [document])
    return tuned


def _unseen(keys: dict, home: Path, at: str | None) -> tuple[str, ...]:
    return read_unseen(keys.get("unseen", []), home, where(keys, "unseen") or at)


def _like(name: str | None, known: list[Architecture], folder: Path, at: str | None) -> Architecture | None:
    """The architecture that a budget names: one of the study, a reference, a file."""
    if name is None:
        return None
    return next((each for each in known if each.name == name), None) or _architecture(name, folder, at)


def _bases(document: dict, name: str, path: Path | None, here: str | None, widths: Widths) -> dict[str, Architecture]:
    """By name; `widths` takes at which they are meant, by FILE:LINE and name."""
    given, at = document.get("base"), where(document, "base") or here
    if given is None:
        return {}
    folder = path.parent if path else Path()
    listed: Any = [given]
    if isinstance(given, dict) and "choose" in given:
        check_keys(given, ("choose",), "a choice of bases")
        listed, at = given["choose"], where(given) or at
    if not isinstance(listed, (list, dict)) or not listed:
        raise UserError(f"choose takes a list of architectures, not {listed!r}", where=at)
    bases: dict[str, Architecture] = {}
    for label, source in listed.items() if isinstance(listed, dict) else ((None, source) for source in listed):
        if isinstance(source, str) and _is_the_study(source, name, path):
            raise UserError(f"the study {name!r} names itself as its base", where=at)
        base = _architecture(source, folder, at)
        label = option_name(base.name if label is None else label, at, "a base")
        if label in bases:
            raise UserError(f"two bases are called {label!r}", where=at)
        bases[label] = base.with_layers(base.layers, name=label)
        if width := meant_width(source, folder):
            widths[base.where, label] = width
    return bases


def _is_the_study(base: str, name: str, path: Path | None) -> bool:
    if base == name and name not in references():
        return True
    return path is not None and is_file(path.parent / base) and real(path.parent / base) == real(path)


def _architecture(source: Any, folder: Path, at: str | None) -> Architecture:
    if not isinstance(source, (str, dict)):
        raise UserError(f"an architecture is a name, a file or inline layers, not {source!r}", where=at)
    if isinstance(source, dict) and "name" not in source:
        found = architecture(source, at=at, folder=folder)
        return found.with_layers(found.layers, name="base")
    return architecture(source, at=at, folder=folder)


def _compare(document: dict, folder: Path, widths: Widths) -> tuple[Architecture, ...]:
    given, at = document.get("compare", []), where(document, "compare")
    compared: dict[str, Architecture] = {}
    for index, source in enumerate(given if isinstance(given, list) else [given]):
        line = where(given, index) or at
        for found in _compared(source, folder, line):
            if found.name in compared:
                raise UserError(f"{found.name!r} is compared twice", where=line)
            compared[option_name(found.name, line, "an architecture")] = found
            if source != ALL and (width := meant_width(source, folder)):
                widths[found.where, found.name] = width
    return tuple(compared.values())


def _compared(source: Any, folder: Path, at: str | None) -> list[Architecture]:
    """What one entry of `compare` names: an architecture, or all references."""
    if source == ALL:
        return [architecture(name) for name in references()]
    try:
        return [_architecture(source, folder, at)]
    except UserError as error:
        if isinstance(source, str) and error.where == at:
            raise UserError(error.message, where=at, name=source, known=[*references(), ALL]) from None
        raise


def _check_exemptions(recipe: Recipe | None, home: Path, at: str | None) -> None:
    """Raises UserError for an exemption of a dataset that nobody knows, which would concern nothing."""
    for exemption in recipe.exemptions if recipe else ():
        for name in (*(exemption.datasets or ()), *exemption.except_datasets):
            try:
                entry(name, home, at)
            except UserError as error:
                message = f"an exemption of the recipe {recipe.name}: {error.message}"  # type: ignore[union-attr]
                raise error.said_as(message, at) from None


def _effects(document: dict, *, fitted: bool) -> tuple[Effect, ...]:
    given = document.get("effects", ["equal_budget" if fitted else "raw"])
    listed = given if isinstance(given, list) else [given]
    known = ("equal_budget", "raw") if fitted else ("raw",)
    for kind in listed:
        if kind not in known:
            message = f"effects are {' or '.join(known)}, not {kind!r}"
            if kind == "equal_budget":
                message = "effects at equal budget need a budget with `fit: width`"
            raise UserError(message, where=where(document, "effects"), name=kind, known=known)
    return tuple(dict.fromkeys(listed))


def _precision(document: dict) -> tuple[str, ...]:
    given, at = document.get("precision", ["float"]), where(document, "precision")
    listed = given if isinstance(given, list) else [given]
    for name in listed:
        if name not in PRECISIONS:
            raise UserError(
                f"precisions are {' and '.join(PRECISIONS)}, not {name!r}", where=at, name=name, known=PRECISIONS
            )
    return tuple(name for name in PRECISIONS if name == "float" or name in listed)


def _value(document: dict, key: str, hint: Any, default: Any) -> Any:
    """A plain value of the study, checked against an annotation."""
    return read_value(hint, document[key], key, where(document, key)) if key in document else default
