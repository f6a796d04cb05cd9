"""Several studies or tables as one, on the datasets that all of them have."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pandas as pd

from archlab.foundation import UserError
from archlab.report.material import Material
from archlab.scoring import ImageNoise


def combined(materials: list[Material]) -> tuple[Material, list[str]]:
    """Several materials as one, on the datasets that all of them have, and what has to be said about it.

    Models of one name are one where their results agree; else each is named after its study. The frame is spanned by the
    references of all, or by all models where one material has no references. A cell without all seeds of its study is
    left out, so that its model is incomplete here as it is there.
    """
    if len(materials) == 1:
        return materials[0], []
    if len(metrics := {each.metric.name for each in materials}) > 1:
        raise UserError(f"studies scored by different metrics cannot be compared: {', '.join(sorted(metrics))}")
    datasets = [each.datasets or list(dict.fromkeys(each.table["dataset"])) for each in materials]
    shared = set(datasets[0]).intersection(*datasets)
    if len(shared) < 2:
        raise UserError(
            f"{', '.join(each.name for each in materials)} share {len(shared)} dataset(s): a score needs two"
        )
    dropped = set().union(*datasets) - shared
    warnings = [f"{', '.join(sorted(dropped))} left out: not all of the studies compared have it"] if dropped else []
    warnings += _differences(materials)
    tables: list[pd.DataFrame] = []
    filled: list[pd.DataFrame] = []
    merged: dict[str, Any] = {"models": {}, "latencies": {}, "failed": [], "runs": [], "int8": [], "boards": []}
    merged |= {"test_images": {}, "classes": {}, "kin": {}}
    references: list[str] = []
    images = ImageNoise() if all(each.images for each in materials) else None
    for each in materials:
        names = _renamed(each, tables)
        if images is not None and each.images is not None:
            images = images.joined(each.images.renamed(names))
        table = each.table[each.table["dataset"].isin(shared)]
        tables.append(table.assign(model=table["model"].map(names)))
        filled.append(_with_all_seeds(tables[-1], each.seeds))
        for part in ("models", "latencies"):
            merged[part] |= {names.get(model, model): known for model, known in getattr(each, part).items()}
        merged["test_images"] |= each.test_images
        merged["kin"] |= each.kin
        merged["classes"] |= each.classes
        for part in ("failed", "runs", "int8", "boards"):
            rows = [{**row, "model": names.get(row["model"], row["model"])} for row in getattr(each, part)]
            merged[part] += [row for row in rows if part != "boards" or row not in merged[part]]
        references += [names[model] for model in each.references or []]
    key = [
        column for column in ("model", "dataset", "seed", "split", "metric") if all(column in table for table in tables)
    ]
    whole = pd.concat(filled).drop_duplicates(key).reset_index(drop=True)
    spans = all(each.references for each in materials)
    return Material(
        name=" + ".join(each.name for each in materials),
        table=whole,
        split=materials[0].split,
        base=materials[0].base,
        references=list(dict.fromkeys(references)) if spans else None,
        lam=materials[0].lam,
        metric=materials[0].metric,
        home=materials[0].home,
        trained=list(dict.fromkeys(said for each in materials for said in each.trained)),
        images=images,
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
    else:
        spanning = material.references
    own = material.own_scores if spanning == material.references else {}
    return replace(material, references=spanning, own_scores=own)


def _differences(materials: list[Material]) -> list[str]:
    found = []
    if len({each.provenance.get("recipe") for each in materials}) > 1:
        found.append(
            "the studies compared were trained by different recipes, so their models differ in more than design"
        )
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


def _renamed(material: Material, earlier: list[pd.DataFrame]) -> dict[str, str]:
    """The name of each model beside the tables before: its own, or with its study where another has it for other results."""
    names = {}
    for model, rows in material.table.groupby("model"):
        key = [column for column in ("dataset", "seed", "split", "metric") if column in rows]
        names[str(model)] = str(model)
        for table in earlier:
            same = table[table["model"] == model]
            both = rows.merge(same, on=key, suffixes=("", "_other"))
            if len(same) and (both.empty or not (both["value"] == both["value_other"]).all()):
                names[str(model)] = f"{model} ({material.name})"
    return names
