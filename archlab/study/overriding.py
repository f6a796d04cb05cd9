"""Other values for a few keys of a study, so that nobody copies one to run it on data of their own."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

from archlab.data import Suite, load_suite
from archlab.data.entries import names
from archlab.data.suite import suites
from archlab.foundation import UserError
from archlab.foundation.settings import read_value
from archlab.runs.run import digest
from archlab.study.matters import in_words, read_matters
from archlab.study.scored_metric import kept_metric
from archlab.study.seeds import read_seeds
from archlab.study.source import Overridden
from archlab.study.study import FrameOf, Study
from archlab.training.reading import load_recipe, recipes

LONGEST = 60  # characters of a value in a study's name
LONGEST_NAME = 200  # bytes of it, so that it can be a folder's


def apply_overrides(study: Study, given: Overridden, home: Path) -> Study:
    """`study` with the values given.

    Its name says which of them differ, so that its results lie beside those of the study as written, and of any other:
    `layout+suite=seven+seeds=5`. Raises UserError for a wrong value.
    """
    changes, metric = dict[str, Any](), study.metric
    if given.suite is not None or given.datasets is not None:
        changes["suite"] = _suite(given, home)
    if given.recipe is not None:
        changes["recipe"] = load_recipe(given.recipe, at="override recipe")
        metric = kept_metric(study.metric, changes["recipe"], study.name)
        if not study.tunes and changes["recipe"] != study.recipe:
            changes |= {"tune": changes["recipe"].tune, "tune_where": "override recipe"}
    if given.seeds is not None:
        seeds = list(given.seeds) if isinstance(given.seeds, tuple) else given.seeds
        changes["seeds"], changes["most_seeds"] = read_seeds(seeds, "override seeds")
    if given.matters is not None:
        changes["matters"] = read_matters(given.matters, metric, "override matters")
    if given.frame is not None:
        changes["frame"] = read_value(FrameOf, given.frame, "override frame", None)
    changes = {key: value for key, value in changes.items() if value != getattr(study, key)}
    words: dict[str, Callable[[Study, Overridden], str]] = {
        "suite": _suite_word,
        **dict.fromkeys(("recipe", "tune", "tune_where"), _recipe_word),
        "seeds": _seeds_word,
        "most_seeds": _seeds_word,
        "matters": _matters_word,
        "frame": lambda changed, _: f"frame={changed.frame}",
    }
    changed = dataclasses.replace(study, **changes)
    name = "+".join([study.name, *dict.fromkeys(words[key](changed, given) for key in changes)])
    if len(name.encode()) > LONGEST_NAME:
        name = f"{name.encode()[:LONGEST_NAME].decode(errors='ignore')}-{digest(name)[:8]}"
    return dataclasses.replace(changed, name=name, metric=metric)


def _suite(given: Overridden, home: Path) -> Suite:
    if given.datasets is not None:
        wrong = [name for name in given.datasets if name in suites() and name not in names(home)]
        if wrong:
            raise UserError(f"override datasets: {wrong[0]!r} is a suite, not a dataset: override the suite instead")
        return load_suite(list(given.datasets), home, "override datasets")
    assert given.suite is not None
    if str(given.suite) not in suites() and str(given.suite) in names(home):
        raise UserError(f"override suite: {given.suite!r} is a dataset, not a suite: override the datasets instead")
    return load_suite(given.suite, home, "override suite")


def _suite_word(changed: Study, given: Overridden) -> str:
    suite = changed.suite
    if given.datasets is not None:
        return f"datasets={_word(','.join(suite.datasets), suite.datasets)}"
    return f"suite={_word(suite.name, suite.datasets, own=given.suite not in suites())}"


def _recipe_word(changed: Study, given: Overridden) -> str:
    recipe = changed.recipe
    contents, own = dataclasses.replace(recipe, name="", paper=None), given.recipe not in recipes()
    name = Path(given.recipe).stem if own and isinstance(given.recipe, (str, Path)) else recipe.name
    return f"recipe={_word(name, repr(contents), own=own)}"


def _matters_word(changed: Study, given: Overridden) -> str:
    return f"matters={in_words(changed.matters).replace(' ', '_')}"


def _seeds_word(changed: Study, given: Overridden) -> str:
    seeds = changed.seeds
    if changed.most_seeds is not None:
        return f"seeds={len(seeds)}-{changed.most_seeds}"
    if seeds == tuple(range(len(seeds))):
        return f"seeds={len(seeds)}"
    several = ",".join(map(str, seeds))
    return f"seeds={_word(several if len(seeds) > 1 else f'{several},', seeds)}"


def _word(text: str, contents: Any, *, own: bool = False) -> str:
    """`text` as part of a folder's name; with a digest of the contents where they are the user's `own` or it is cut short."""
    shown = re.sub(r"[^\w.,@-]", "_", text)[:LONGEST]
    return f"{shown}-{digest(contents)[:8]}" if own or shown != text else text
