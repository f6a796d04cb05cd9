"""A study held against another, or against published accuracies, whose models and datasets may be named otherwise."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass

import pandas as pd

from archlab.foundation import UserError
from archlab.report.material import Material
from archlab.scoring import Reproduction, cells, in_percent, reproduction

CATALOGUE_NAMES = {"imagenette160": "imagenette"}  # of datasets that the published tables call otherwise


@dataclass(frozen=True)
class HeldAgainst:
    """What was found. `published`: the name of the other table. `datasets`: by own name, the name there. `test_images`: by
    own name, where known."""

    published: str
    metric: str
    datasets: dict[str, str]
    test_images: dict[str, int]
    found: Reproduction


def hold_against(material: Material, other: Material) -> HeldAgainst:
    """Cell by cell, both in percent, under the names that the material has.

    Models are matched by name, datasets too, and a variant of a dataset (`@`) with what it is a variant of; case, spaces,
    dashes and underscores do not count. Raises UserError where there is nothing to hold against each other.
    """
    metric = next((name for name in (material.metric, "accuracy") if _has(material, name) and _has(other, name)), None)
    if metric is None:
        raise UserError(f"{material.name} and {other.name} share no metric: {material.metric} and {other.metric}")
    ours, theirs = (cells(each.scored, each.split, metric) for each in (material, other))
    names = {}
    for what, key in (("dataset", _dataset_key), ("model", _model_key)):
        here, there = (list(dict.fromkeys(rows[what])) for rows in (ours, theirs))
        names[what] = _matched(here, there, key)
        if not names[what]:
            raise UserError(
                f"{material.name} and {other.name} share no {what}: {', '.join(here[:5])} and {', '.join(there[:5])}"
            )
    for what, matched in names.items():
        own = {there: here for here, there in matched.items()}
        theirs[what] = [
            own.get(name, name if name not in matched else f"{name} ({other.name})") for name in theirs[what]
        ]
    images = {name: other.test_images[there] for name, there in names["dataset"].items() if there in other.test_images}
    images |= {name: count for name, count in material.test_images.items() if name in names["dataset"]}
    if metric != "accuracy":  # the noise of a share of images is known, that of other metrics is not
        images = {}
    found = reproduction(_percent(theirs), _percent(ours), images, material.lam)
    return HeldAgainst(other.name, metric, names["dataset"], images, found)


def _has(material: Material, metric: str) -> bool:
    table = material.table
    return metric in set(table["metric"]) if "metric" in table else metric == material.metric


def _matched(here: Iterable[str], there: Iterable[str], key: Callable[[str], str]) -> dict[str, str]:
    """For each of our names that has one, theirs: the same, else the first with the same key."""
    left = list(here)
    found: dict[str, str] = {}
    for same in (lambda own, name: own == name, lambda own, name: key(own) == key(name)):
        for name in there:
            own = next((own for own in left if same(own, name)), None)
            if own is not None and name not in found.values():
                found[own] = name
                left.remove(own)
    return found


def _model_key(name: str) -> str:
    return re.sub(r"[-_ .]", "", name.casefold())


def _dataset_key(name: str) -> str:
    key = _model_key(name.partition("@")[0])
    return CATALOGUE_NAMES.get(key, key)


def _percent(rows: pd.DataFrame) -> pd.DataFrame:
    return rows if in_percent(rows["value"]) else rows.assign(value=100 * rows["value"])
