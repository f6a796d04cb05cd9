"""Everything that a report says, computed from its material: scores, effects, stability, tests, claims."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, TypeVar

import pandas as pd

from archlab.foundation import UserError
from archlab.report.costs import Cost, cost_table
from archlab.report.material import Material
from archlab.scoring import (
    LAMBDAS,
    Comparison,
    Effects,
    Elements,
    Frame,
    Scores,
    Subsets,
    answer,
    cells,
    compare_over_datasets,
    effects,
    elements,
    in_percent,
    predictors,
    rank_probabilities,
    ranks_by_lambda,
    ranks_without_each_dataset,
    score_table,
    seed_means,
    seed_noise,
    subsets,
    uneven_gains,
    worst_datasets,
)

SUBSET = 4  # as in the published estimate; smaller where there are fewer datasets or models
T = TypeVar("T")


@dataclass(frozen=True)
class Analysis:
    """What was found. A part that could not be computed is None, and `missing` says why under its name.

    Args:
        models: Indexed by model, best first: role, kind, width, the columns of `costs`, accuracy (mean over datasets), mean,
            variance, xscore, xscore_low, xscore_high, difference (of the xScore, to the base), worst (dataset), reason.
        means: Models x datasets, seed means, in the unit of the table.
        answers: One for each study that has options.
    """

    name: str
    question: str | None
    base: str | None
    seeds: int
    scores: Scores
    models: pd.DataFrame
    means: pd.DataFrame
    table: pd.DataFrame
    costs: list[Cost] = field(default_factory=list)
    answers: dict[str, str] = field(default_factory=dict)
    effects: dict[str, Effects] = field(default_factory=dict)
    ranks: pd.DataFrame | None = None
    ranks_without: pd.DataFrame | None = None
    ranks_by_lambda: pd.DataFrame | None = None
    comparison: Comparison | None = None
    predictors: pd.DataFrame | None = None
    subsets: Subsets | None = None
    elements: Elements | None = None
    curves: pd.DataFrame | None = None
    failed: list[dict[str, Any]] = field(default_factory=list)
    runs: list[dict[str, Any]] = field(default_factory=list)
    provenance: dict[str, dict[str, str]] = field(default_factory=dict)
    warnings: list[str] = field(default_factory=list)
    missing: dict[str, str] = field(default_factory=dict)
    search: dict[str, Any] | None = None

    @property
    def frame(self) -> Frame | None:
        return self.scores.frame


def analyse(materials: list[Material]) -> Analysis:
    """The analysis of one study or table, or of several in one frame (see `combined`)."""
    material, warnings = combined(materials)
    beside = [name for name, model in material.models.items() if model.get("beside")]
    table = material.table[~material.table["model"].isin(beside)]
    scores = _scores(material, table)
    means = seed_means(cells(table, material.split))
    costs, kinds = cost_table(material)
    found = Analysis(
        name=material.name,
        question=material.question,
        base=material.base,
        seeds=int(cells(table, material.split).groupby(["model", "dataset"])["seed"].nunique().min()),
        scores=scores,
        models=_models(material, scores, means).join(costs),
        costs=kinds,
        means=means.loc[scores.models.index],
        table=material.table,
        curves=material.curves,
        failed=material.failed,
        runs=material.runs,
        search=material.search,
        provenance={each.name: each.provenance for each in materials if each.provenance},
        warnings=[*warnings, *scores.warnings, *_mixed(material.runs)],
    )
    if scores.frame is not None:
        found = _in_frame(found, material, scores.frame)
    return _with_effects(found, materials)


def _scores(material: Material, table: pd.DataFrame) -> Scores:
    return score_table(
        table, material.references, material.split, material.lam, datasets=material.datasets, seeds=material.seeds
    )


def combined(materials: list[Material]) -> tuple[Material, list[str]]:
    """Several materials as one, on the datasets that all of them have, and what has to be said about it.

    Models of one name are one where their results agree; else each is named after its study. The frame is spanned by the
    references of all, or by all models where one material has no references. A cell without all seeds of its study is
    left out, so that its model is incomplete here as it is there.
    """
    if len(materials) == 1:
        return materials[0], []
    datasets = [each.datasets or list(dict.fromkeys(each.table["dataset"])) for each in materials]
    shared = set(datasets[0]).intersection(*datasets)
    if len(shared) < 2:
        raise UserError(
            f"{', '.join(each.name for each in materials)} share {len(shared)} dataset(s): a score needs two"
        )
    warnings = []
    dropped = set().union(*datasets) - shared
    if dropped:
        warnings.append(f"{', '.join(sorted(dropped))} left out: not all of the studies compared have it")
    recipes = {each.provenance.get("recipe") for each in materials}
    if len(recipes) > 1:
        warnings.append(
            "the studies compared were trained by different recipes, so their models differ in more than design"
        )
    if len({each.lam for each in materials}) > 1:
        weights = ", ".join(f"{each.name} {each.lam:g}" for each in materials)
        warnings.append(f"the studies weigh the variance differently ({weights}): all are scored by that of the first")
    tables: list[pd.DataFrame] = []
    filled: list[pd.DataFrame] = []
    merged: dict[str, Any] = {"models": {}, "latencies": {}, "failed": [], "runs": []}
    references: list[str] = []
    for each in materials:
        names = _renamed(each, tables)
        table = each.table[each.table["dataset"].isin(shared)]
        tables.append(table.assign(model=table["model"].map(names)))
        filled.append(_with_all_seeds(tables[-1], each.seeds))
        for part in ("models", "latencies"):
            merged[part] |= {names.get(model, model): known for model, known in getattr(each, part).items()}
        for part in ("failed", "runs"):
            merged[part] += [{**row, "model": names.get(row["model"], row["model"])} for row in getattr(each, part)]
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
        datasets=[name for name in datasets[0] if name in shared],
        **merged,
    ), warnings


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


def percent(accuracies: pd.DataFrame) -> pd.DataFrame:
    """Accuracies in percent, whatever unit they came in."""
    return accuracies if in_percent(accuracies.max()) else 100 * accuracies


def _models(material: Material, scores: Scores, means: pd.DataFrame) -> pd.DataFrame:
    known = pd.DataFrame.from_dict(material.models, orient="index")
    found = scores.models.copy()
    for column in ("role", "kind", "width"):
        found[column] = known[column].reindex(found.index) if column in known else None
    found["accuracy"] = means.mean(axis=1, skipna=False).reindex(found.index)
    base = found["xscore"].get(material.base) if material.base else None
    found["difference"] = found["xscore"] - base if base is not None else float("nan")
    return found


def _in_frame(found: Analysis, material: Material, frame: Frame) -> Analysis:
    """Adds all that needs complete models and a frame."""
    lam = material.lam
    complete = [model for model in found.models.index if not found.models.loc[model, "reason"]]
    means = found.means.loc[complete]
    rows = cells(found.table, material.split)
    missing: dict[str, str] = {}

    def attempt(part: str, compute: Callable[[], T]) -> T | None:
        try:
            return compute()
        except UserError as error:
            missing[part] = str(error)
            return None

    size = max(1, min(SUBSET, len(frame.datasets) - 1, len(complete) - 3))
    worst = worst_datasets(means, frame)["dataset"]
    parts: dict[str, Any] = {
        "models": found.models.assign(worst=worst.reindex(found.models.index)),
        "ranks": rank_probabilities(rows, complete, frame, lam),
        "ranks_without": ranks_without_each_dataset(means, frame, lam),
        "ranks_by_lambda": ranks_by_lambda(means, frame, sorted({*LAMBDAS, lam})),
        "comparison": attempt("comparison", lambda: compare_over_datasets(means)),
        "predictors": attempt("predictors", lambda: predictors(means[list(frame.datasets)], frame, lam)),
        "subsets": attempt("subsets", lambda: subsets(means, frame, size, lam)),
        "elements": attempt("elements", lambda: _elements(found, material)),
        "warnings": [*found.warnings, *uneven_gains(found.models, material.base)],
    }
    if parts["ranks"] is None:
        missing["ranks"] = f"no rank probabilities: {seed_noise(rows, complete, list(frame.datasets)).unknown_because}"
    return dataclasses.replace(found, **parts, missing=missing)


def _elements(found: Analysis, material: Material) -> Elements:
    if material.elements is None:
        raise UserError("the architectures behind this table are not known")
    return elements(found.models["xscore"], material.elements)


def _with_effects(found: Analysis, materials: list[Material]) -> Analysis:
    """The effects of each study's own options, in its own names and frame."""
    answers, by_study = {}, {}
    for each in materials:
        models = [{"model": name, **model} for name, model in each.models.items() if model.get("options")]
        if each.base is None or len(models) < 2 or each.base not in set(each.table["model"]):
            continue
        beside = [name for name, model in each.models.items() if model.get("beside")]
        scored = each.table[~each.table["model"].isin(beside)]
        frame = _scores(each, scored).frame
        by_study[each.name] = effects(each.table, models, each.base, frame, each.split, each.lam, seeds=each.seeds)
        answers[each.name] = answer(by_study[each.name])
    return dataclasses.replace(found, effects=by_study, answers=answers)


def _mixed(runs: list[dict[str, Any]]) -> list[str]:
    """What makes runs of one table hard to compare."""
    found = []
    data = {(run["dataset"], run["data"]) for run in runs}
    for dataset in sorted({name for name, _ in data}):
        if sum(name == dataset for name, _ in data) > 1:
            found.append(f"{dataset} is not the same for all models: other images, splits or resolution")
    named = ("device", "hardware", "precision", "threads", "torch")
    modes = {(*(str(run[key]) for key in named), f"seeds {run.get('seeds', 'separate')}") for run in runs}
    if len(modes) > 1:
        listed = "; ".join(" ".join(mode) for mode in sorted(modes))
        found.append(f"this table mixes execution modes, whose last digits and speeds differ: {listed}")
    return found
