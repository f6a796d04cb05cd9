"""Several studies or tables as one, on the datasets that all of them have."""

from __future__ import annotations

from dataclasses import replace
from itertools import combinations
from typing import Any

import numpy as np
import pandas as pd

from archlab.foundation import UserError
from archlab.foundation.words import counted
from archlab.report.material import Material
from archlab.scoring import ImageNoise, cells, percent_factor
from archlab.scoring.tidy import the_split

KEY = ["model", "dataset", "seed", "split", "metric"]


def combined(materials: list[Material]) -> tuple[Material, list[str]]:
    """Several materials as one, on the datasets that all of them have, and what has to be said about it.

    Models of one name are one where their results agree; else each is named after its study, but those of a first that has a
    base. Shares are in one unit. The frame is spanned by the references of all, or by all models where one material has no
    references. A cell without all seeds of its study is left out, so that its model is incomplete here as it is there.
    """
    if len(materials) == 1:
        return materials[0], []
    if not all(one.metric.agrees_with(other.metric) for one, other in combinations(materials, 2)):
        metrics = sorted({each.metric.call for each in materials})
        raise UserError(f"studies scored by different metrics cannot be compared: {', '.join(metrics)}")
    splits = list(dict.fromkeys(the_split(each.table, each.split) for each in materials))
    materials = _in_one_unit(_with_the_same_columns(materials, splits))
    datasets = [each.datasets or list(dict.fromkeys(each.table["dataset"])) for each in materials]
    shared = set(datasets[0]).intersection(*datasets)
    if len(shared) < 2:
        raise UserError(
            f"{', '.join(each.name for each in materials)} share {counted(len(shared), 'dataset')}: a score needs two"
        )
    dropped = set().union(*datasets) - shared
    warnings = [f"{', '.join(sorted(dropped))} left out: not all of the studies compared have it"] if dropped else []
    warnings += _differences(materials, splits)
    filled: list[pd.DataFrame] = []
    tables = [each.table[each.table["dataset"].isin(shared)] for each in materials]
    merged: dict[str, Any] = {"models": {}, "latencies": {}, "failed": [], "runs": [], "int8": [], "boards": []}
    merged |= {"test_images": {}, "classes": {}, "kin": {}}
    references: list[str] = []
    elements: list[pd.DataFrame] = []
    images = ImageNoise() if all(each.images for each in materials) else None
    for each, table, names in zip(materials, tables, _renamed(materials, tables), strict=True):
        if images is not None and each.images is not None:
            images = images.joined(each.images.renamed(names))
        filled.append(_with_all_seeds(table.assign(model=table["model"].map(names)), each.seeds))
        if each.elements is not None:
            elements.append(each.elements[each.elements.index.isin(list(names))].rename(index=names))
        for part in ("models", "latencies"):
            merged[part] |= {names[model]: known for model, known in getattr(each, part).items() if model in names}
        merged["test_images"] |= each.test_images
        merged["kin"] |= each.kin
        merged["classes"] |= each.classes
        for part in ("failed", "runs", "int8", "boards"):
            merged[part] += [{**row, "model": names.get(row["model"], row["model"])} for row in getattr(each, part)]
        references += [names[model] for model in each.references or [] if model in names]
    for part in ("failed", "runs", "int8", "boards"):  # studies may share what they rest on
        merged[part] = list({repr(row): row for row in merged[part]}.values())
    whole = pd.concat(filled)
    whole = whole.drop_duplicates([column for column in KEY if column in whole]).reset_index(drop=True)
    spans = all(each.references for each in materials)
    known: pd.DataFrame | None = None
    if elements:  # of one architecture under two names once: the one would foretell the other
        known = pd.concat(elements)
        known = known[~known.index.duplicated()].drop_duplicates()
    return Material(
        name=" + ".join(each.name for each in materials),
        table=whole,
        split=splits[0] if len(splits) == 1 else None,
        base=materials[0].base,
        references=list(dict.fromkeys(references)) if spans else None,
        lam=materials[0].lam,
        metric=min(
            (each.metric for each in materials), key=lambda metric: metric.higher_is_better
        ),  # lower is never assumed
        home=next((each.home for each in materials if each.home), None),
        trained=list(dict.fromkeys(said for each in materials for said in each.trained)),
        images=images,
        elements=known,
        datasets=[name for name in datasets[0] if name in shared],
        **merged,
    ), warnings


def in_frame_of(material: Material, frame: str) -> Material:
    """In the frame of its `references`, or of `all` models. Scores of the user's own that were made in another are left out.

    Raises UserError where it has no references.
    """
    spanning: list[str] | None = None
    if frame == "all":
        pass
    elif material.references is None:
        spanning = [name for name, model in material.models.items() if model.get("role") == "reference"]
        if not spanning:
            raise UserError(
                f"{material.name} does not say which of its models are references: its frame is that of all"
            )
        spanning = [name for name in spanning if name in set(material.table["model"])]
    else:
        spanning = material.references
    if spanning == material.references:
        return material
    own = ", ".join(material.own_scores)
    said = [f"{own} left out: such a score was computed in another frame"] if own else []
    return replace(material, references=spanning, own_scores={}, doubts=[*material.doubts, *said])


def _with_the_same_columns(materials: list[Material], splits: list[str | None]) -> list[Material]:
    """Of tables whose columns or splits differ, what is scored alone."""
    if len(splits) == 1 and len({frozenset(each.table) for each in materials}) == 1:
        return materials
    rows = [cells(each.table, each.split, each.metric) for each in materials]
    there = [set(table["dataset"]) for table in rows]
    return [
        replace(each, table=table, datasets=each.datasets and [name for name in each.datasets if name in names])
        for each, table, names in zip(materials, rows, there, strict=True)
    ]


def _in_one_unit(materials: list[Material]) -> list[Material]:
    """Shares all in percent, where some are."""
    factors = [percent_factor(cells(each.table, each.split, each.metric)["value"], each.metric) for each in materials]
    return materials if len(set(factors)) == 1 else list(map(_scaled, materials, factors))


def _scaled(material: Material, factor: int) -> Material:
    table = material.table
    scored = table["metric"] == material.metric.name if "metric" in table else pd.Series(True, table.index)
    int8 = [row | ({"int8": factor * row["int8"]} if row.get("int8") is not None else {}) for row in material.int8]
    return replace(
        material, table=table.assign(value=table["value"].where(~scored, factor * table["value"])), int8=int8
    )


def _differences(materials: list[Material], splits: list[str | None]) -> list[str]:
    found = []
    if len(stated := [split for split in splits if split]) > 1:
        found.append(f"the tables compared hold different splits: {', '.join(stated)}")
    recipes = {each.provenance.get("recipe") for each in materials}
    if len(recipes - {None}) > 1:
        found.append(
            "the studies compared were trained by different recipes, so their models differ in more than design"
        )
    elif len(recipes) > 1:
        unknown = ", ".join(each.name for each in materials if "recipe" not in each.provenance)
        found.append(f"how {unknown} was trained is not known, so models may differ in more than design")
    if len({each.lam for each in materials}) > 1:
        weights = ", ".join(f"{each.name} {each.lam:g}" for each in materials)
        found.append(f"the studies weigh the variance differently ({weights}): all are scored by that of the first")
    if own := [name for each in materials for name in each.own_scores]:
        found.append(
            f"{', '.join(dict.fromkeys(own))} left out: such a score was computed in the frame of one study alone"
        )
    if tuned := [each.name for each in materials if each.tuning]:
        others = [each.name for each in materials if not each.tuning]
        others_too = f"; not tuned: {', '.join(others)}" if others else ""
        told = "the order of the models with and without tuning is on the page of each tuned study alone"
        found.append(f"tuned before training: {', '.join(tuned)}{others_too}; {told}")
    return found


def _with_all_seeds(table: pd.DataFrame, seeds: list[int] | None) -> pd.DataFrame:
    """The rows of those cells, model and dataset, that have every seed."""
    if not seeds:
        return table
    return table[table.groupby(["model", "dataset"])["seed"].transform(lambda found: set(seeds) <= set(found))]


def _renamed(materials: list[Material], tables: list[pd.DataFrame]) -> list[dict[str, str]]:
    """Of each material the new names of its models, by own name: a model that another has too, for other results, is named
    after its study, unless it comes first and is of a study with a base."""
    taken = {str(model) for table in tables for model in table["model"].unique()}
    known: dict[str, dict[str, pd.DataFrame]] = {}  # by own name, the results of each that has it by its new name
    found: list[dict[str, str]] = []
    for each, table in zip(materials, tables, strict=True):
        found.append(names := {})
        for model, rows in table.groupby("model"):
            before = known.setdefault(str(model), {})
            name = next((name for name, results in before.items() if _agree(rows, results)), None)
            if name is None:
                name = _named_after(each, str(model), taken) if before else str(model)
                before[name] = rows
            names[str(model)] = name
    for own, results in known.items():
        first = [(each, names) for each, names in zip(materials, found, strict=True) if names.get(own) == own]
        if len(results) > 1 and not any(each.base for each, _ in first):
            name = _named_after(first[0][0], own, taken)
            for _, names in first:
                names[own] = name
    return found


def _named_after(material: Material, model: str, taken: set[str]) -> str:
    """A name that is not taken, which is taken then."""
    name, count = f"{model} ({material.name})", 1
    while name in taken:
        count += 1
        name = f"{model} ({material.name}, {count})"
    taken.add(name)
    return name


def _agree(rows: pd.DataFrame, others: pd.DataFrame) -> bool:
    """Whether they share cells, and all that they share are equal but for rounding."""
    key = [column for column in KEY if column in rows]
    one, two = (each.astype(dict.fromkeys(key, str)) for each in (rows, others))
    both = one.merge(two, on=key, suffixes=("", "_other"))
    return len(both) > 0 and bool(np.isclose(both["value"], both["value_other"], rtol=1e-9, equal_nan=True).all())
