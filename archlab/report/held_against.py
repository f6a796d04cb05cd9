"""A study held against another, or against published accuracies, whose models and datasets may be named otherwise."""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from dataclasses import dataclass
from itertools import product
from operator import itemgetter

import pandas as pd

from archlab.foundation import UserError
from archlab.foundation.metric import METRICS, Metric
from archlab.report.material import Material
from archlab.scoring import Reproduction, cells, percent_factor, reproduction

CATALOGUE_NAMES = {"imagenette160": "imagenette"}  # of datasets that the published tables call otherwise


@dataclass(frozen=True)
class HeldAgainst:
    """What was found. `published`: the name of the other table; `origin`: what it is. `datasets`: by own name, the name
    there. `test_images`: by own name, where known."""

    published: str
    origin: str
    metric: Metric
    datasets: dict[str, str]
    test_images: dict[str, int]
    found: Reproduction


def hold_against(material: Material, other: Material) -> HeldAgainst:
    """Cell by cell, both in percent, under the names that the material has.

    Models are matched by name, datasets too, and a variant of a dataset (`@`, `like`) with what it is a variant of, the nearest
    first; case, spaces, dashes and underscores do not count.

    Raises UserError where there is nothing to hold against each other.
    """
    metric, names, ours, theirs = on_common_names(material, other)
    if not names["dataset"]:
        here, there = (list(dict.fromkeys(each.scored["dataset"])) for each in (material, other))
        raise UserError(
            f"{material.name} and {other.name} share no dataset: {', '.join(here[:5])} and {', '.join(there[:5])}"
        )
    images = {name: other.test_images[there] for name, there in names["dataset"].items() if there in other.test_images}
    images |= {name: count for name, count in material.test_images.items() if name in names["dataset"]}
    if metric.name != "accuracy":  # the noise of a share of images is known, that of other metrics is not
        images = {}
    found = reproduction(theirs, ours, images, material.lam, higher_is_better=metric.higher_is_better)
    return HeldAgainst(other.name, other.origin, metric, names["dataset"], images, found)


def on_common_names(
    material: Material, other: Material
) -> tuple[Metric, dict[str, dict[str, str]], pd.DataFrame, pd.DataFrame]:
    """The metric that both have, by `dataset` and `model` the names there by own names, and the cells of both, shares in
    percent, under the names that the material has.

    Raises UserError where they share no metric or no model.
    """
    both = (each for each in (material.metric, METRICS["accuracy"]) if _has(material, each) and _has(other, each))
    metric = next(both, None)
    if metric is None:
        raise UserError(
            f"{material.name} and {other.name} share no metric: {material.metric.call} and {other.metric.call}"
        )
    ours, theirs = (cells(each.scored, each.split, metric) for each in (material, other))
    names = {}
    for what, keys in (("dataset", _dataset_keys), ("model", _model_keys)):
        here, there = (list(dict.fromkeys(rows[what])) for rows in (ours, theirs))
        names[what] = _matched(material, here, other, there, keys)
        if not names[what] and what == "model":
            raise UserError(
                f"{material.name} and {other.name} share no model: {', '.join(here[:5])} and {', '.join(there[:5])}"
            )
    for what, matched in names.items():
        own = {there: here for here, there in matched.items()}
        theirs[what] = [own.get(name, name) for name in theirs[what]]
    return metric, names, _told(ours, metric), _told(theirs, metric)


def _has(material: Material, metric: Metric) -> bool:
    table, own = material.table, material.metric
    if metric.name == own.name and not metric.agrees_with(own):
        return False
    return metric.name in set(table["metric"]) if "metric" in table else metric == own


Keys = Callable[[Material, str], list[str]]  # of a name, nearest first: names with a common key mean the same


def _matched(material: Material, here: list[str], other: Material, there: list[str], keys: Keys) -> dict[str, str]:
    """For each of our names that has one, theirs: the same, else the nearest that is left."""
    same = set(here) & set(there)
    found = {name: name for name in here if name in same}
    ours, theirs = (
        [(name, keys(of, name)) for name in names if name not in same]
        for of, names in ((material, here), (other, there))
    )
    distances = [
        (_distance(own, their), name, there_named) for (name, own), (there_named, their) in product(ours, theirs)
    ]
    for distance, own, name in sorted(distances, key=itemgetter(0)):
        if distance < math.inf and own not in found and name not in found.values():
            found[own] = name
    return found


def _distance(own_keys: list[str], keys: list[str]) -> float:
    """How far both are from the nearest that both count as; infinite where there is none."""
    return min((own_keys.index(key) + at for at, key in enumerate(keys) if key in own_keys), default=math.inf)


def _model_keys(material: Material, name: str) -> list[str]:
    return [re.sub(r"[-_ .]", "", name.casefold())]


def _dataset_keys(material: Material, name: str) -> list[str]:
    names = material.kin.get(name) or (name, name.partition("@")[0])
    keys = [key for each in names for key in _model_keys(material, each)]
    return list(dict.fromkeys(CATALOGUE_NAMES.get(key, key) for key in keys))


def _told(rows: pd.DataFrame, metric: Metric) -> pd.DataFrame:
    return rows.assign(value=rows["value"] * percent_factor(rows["value"], metric))
