"""Everything that a report says, computed from its material: scores, effects, stability, tests, claims."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any, TypeVar

import pandas as pd

from archlab.foundation import UserError
from archlab.foundation.metric import UNDEFINED, Metric
from archlab.report.agreeing import Agreeing, agree
from archlab.report.by_class import ByClass, by_class
from archlab.report.combining import combined
from archlab.report.costs import Cost, cost_table
from archlab.report.held_against import HeldAgainst, hold_against
from archlab.report.material import Material
from archlab.report.naming import told_apart
from archlab.report.quantised import Quantised, quantised
from archlab.report.tuned import Tuning, tuning
from archlab.scoring import (
    LAMBDAS,
    Comparison,
    Effects,
    Elements,
    Frame,
    Regret,
    Scores,
    Subsets,
    answer,
    cells,
    column_of_means,
    compare_over_datasets,
    effects,
    elements,
    may_be_best,
    percent_factor,
    predictors,
    rank_probabilities,
    ranks_by_lambda,
    ranks_without_each_dataset,
    regret,
    score_table,
    seed_means,
    seed_noise,
    subsets,
    undefined_on,
    uneven_gains,
    uneven_seeds,
    worst_datasets,
)

SUBSET = 4  # as in the published estimate; smaller where there are fewer datasets or models
T = TypeVar("T")


@dataclass(frozen=True)
class Analysis:
    """What was found. A part that could not be computed is None, and `missing` says why under its name.

    Args:
        material: What it was found in; of several studies, all of them as one.
        seeds: The fewest and the most that a cell has.
        models: Indexed by model, best first: role, the columns of `costs`, accuracy (mean over datasets), mean,
            variance, xscore, xscore_low, xscore_high, difference (of the xScore, to the base), worst (dataset),
            at_chance (datasets), reason, and the user's own scores.
        means: Models x datasets, seed means, in the unit of the table.
        contenders: The models that may have the highest xScore, best first; None where the noise of seeds is not known.
        answers, effects: One for each study that has options; courses: for each that went on until it was decided.
        by_class: Of each dataset whose runs have kept class scores; `without_class_scores` are the others.
        unseen: For each study with datasets that took no part in any choice, the document of `archlab.scoring.Gains`.
    """

    material: Material
    seeds: tuple[int, int]
    scores: Scores
    models: pd.DataFrame
    means: pd.DataFrame
    costs: list[Cost]
    answers: dict[str, str]
    effects: dict[str, Effects]
    provenance: dict[str, dict[str, str]]
    warnings: list[str]
    regret: Regret
    contenders: list[str] | None = None
    ranks: pd.DataFrame | None = None
    ranks_without: pd.DataFrame | None = None
    ranks_by_lambda: pd.DataFrame | None = None
    comparison: Comparison | None = None
    predictors: pd.DataFrame | None = None
    subsets: Subsets | None = None
    elements: Elements | None = None
    against: HeldAgainst | None = None
    by_class: list[ByClass] = field(default_factory=list)
    without_class_scores: list[str] = field(default_factory=list)
    agreement: Agreeing | None = None
    quantised: Quantised | None = None
    tuning: Tuning | None = None
    unseen: dict[str, dict[str, Any]] = field(default_factory=dict)
    courses: dict[str, str] = field(default_factory=dict)
    missing: dict[str, str] = field(default_factory=dict)

    @property
    def name(self) -> str:
        return self.material.name

    @property
    def base(self) -> str | None:
        return self.material.base

    @property
    def metric(self) -> Metric:
        return self.material.metric

    @property
    def noise(self) -> str:
        """What the intervals of scores, and ranks, cover."""
        images, scored = self.material.images, self.models["xscore"].notna()
        there = self.means.loc[self.models.index[scored]].notna().astype(int)
        return "seed and test-set noise" if images is not None and images.knows(there) else "seed noise"

    @property
    def frame(self) -> Frame | None:
        return self.scores.frame


def analyse(materials: list[Material], against: Material | None = None, cheap: Material | None = None) -> Analysis:
    """The analysis of one study or table, or of several in one frame (see `combined`), held `against` another, and whether a
    `cheap` one ranks as it does."""
    named = told_apart([*materials, *filter(None, (against, cheap))])
    materials, others = named[: len(materials)], iter(named[len(materials) :])
    against, cheap = (next(others) if each else None for each in (against, cheap))
    material, warnings = combined(materials)
    scores, rows = _scores(material), cells(material.scored, material.split, material.metric)
    means = seed_means(rows).loc[scores.models.index]
    costs, kinds = cost_table(material)
    models = _models(material, scores, means).join(costs)
    told = models.drop(index=[name for name in scores.at_chance if name != material.base])  # of the others all is said
    seeds = rows.groupby(["model", "dataset"])["seed"].nunique()
    warnings += [*scores.warnings, *_mixed(material.runs), *uneven_gains(told, material.base)]
    warnings += dict.fromkeys(said for each in named for said in each.doubts)
    warnings += [said for each in materials if each.seeds is None for said in _doubts_of_table(each)]
    classes, without = by_class(material, list(scores.models.index))
    by_study = {each.name: found for each in materials if (found := _effects(each))}
    return Analysis(
        material=material,
        seeds=(int(seeds.min()), int(seeds.max())),
        scores=scores,
        models=models,
        means=means,
        costs=kinds,
        answers={each.name: answer(by_study[each.name], each.seconds) for each in materials if each.name in by_study},
        effects=by_study,
        courses={each.name: each.course for each in materials if each.course},
        provenance={each.name: each.provenance for each in materials if each.provenance},
        warnings=warnings,
        regret=regret(means[scores.models["reason"] == ""], scores.frame, material.lam, material.metric),
        by_class=classes,
        without_class_scores=without,
        unseen={each.name: each.unseen for each in materials if each.unseen},
        against=hold_against(material, against) if against else None,
        agreement=agree(cheap, material) if cheap else None,
        quantised=quantised(material, scores),
        tuning=tuning(material),
        **_in_frame(material, scores, means) if scores.frame else {},
    )


def told(means: pd.DataFrame, metric: Metric) -> pd.DataFrame:
    """Shares in percent, whatever unit they came in; other metrics as they are."""
    return means * percent_factor(means.max(), metric)


def _scores(material: Material) -> Scores:
    table, datasets, seeds = material.scored, material.datasets, material.seeds
    rows = table[table["split"] == material.split] if material.split and "split" in table else table
    undefined = undefined_on(rows, material.metric)
    without = [f"{material.metric.words} is not defined on {name}: {UNDEFINED}" for name in undefined]
    datasets = [name for name in datasets if name not in undefined] if datasets else None
    scores = score_table(
        table,
        material.references,
        material.split,
        material.lam,
        datasets=datasets,
        seeds=seeds,
        metric=material.metric,
        images=material.images,
        classes={name: counts.images for name, counts in material.classes.items()},
    )
    return replace(
        scores,
        models=scores.models.assign(**material.own_scores),
        own=tuple(material.own_scores),
        warnings=(*without, *scores.warnings),
    )


def _models(material: Material, scores: Scores, means: pd.DataFrame) -> pd.DataFrame:
    known = pd.DataFrame.from_dict(material.models, orient="index")
    found = scores.models.copy()
    found["role"] = known["role"].reindex(found.index) if "role" in known else None
    found["accuracy"] = means.mean(axis=1, skipna=False)
    base = found["xscore"].get(material.base) if material.base else None
    found["difference"] = found["xscore"] - base if base is not None else float("nan")
    if scores.frame is not None:
        complete = found.index[found["reason"] == ""]
        found["worst"] = worst_datasets(means.loc[complete], scores.frame)["dataset"].reindex(found.index)
    found["at_chance"] = [", ".join(scores.at_chance.get(str(model), [])) or None for model in found.index]
    return found


def _in_frame(material: Material, scores: Scores, means: pd.DataFrame) -> dict[str, Any]:
    """The parts that need complete models and a frame."""
    frame, lam, missing = scores.frame, material.lam, dict[str, str]()
    assert frame is not None
    complete = list(scores.models.index[scores.models["reason"] == ""])
    means, rows = means.loc[complete], cells(material.table, material.split, material.metric)
    gained = means if frame.higher_is_better else -means

    def attempt(part: str, compute: Callable[[], T]) -> T | None:
        try:
            return compute()
        except UserError as error:
            missing[part] = str(error)
            return None

    size = max(1, min(SUBSET, len(frame.datasets) - 1, len(complete) - 3))
    ranks = rank_probabilities(rows, complete, frame, lam, material.images)
    if ranks is None:
        missing["ranks"] = f"no rank probabilities: {seed_noise(rows, complete, list(frame.datasets)).unknown_because}"
    return {
        "contenders": may_be_best(rows, scores.models["xscore"].loc[complete], frame, lam, material.images),
        "ranks": ranks,
        "ranks_without": ranks_without_each_dataset(means, frame, lam),
        "ranks_by_lambda": ranks_by_lambda(means, frame, sorted({*LAMBDAS, lam})),
        "comparison": attempt("comparison", lambda: compare_over_datasets(gained)),
        "predictors": attempt("predictors", lambda: predictors(means[list(frame.datasets)], frame, lam)),
        "subsets": attempt("subsets", lambda: subsets(means, frame, size, lam)),
        "elements": attempt("elements", lambda: _elements(scores.models["xscore"], material)),
        "missing": missing,
    }


def _elements(scores: pd.Series, material: Material) -> Elements:
    if material.elements is None:
        raise UserError("the architectures behind this table are not known")
    return elements(scores, material.elements)


def _effects(study: Material) -> Effects | None:
    """The effects of a study's own options, in its own names and frame."""
    models = [{"model": name, **model} for name, model in study.models.items() if model.get("options")]
    if study.base is None or len(models) < 2 or study.base not in set(study.table["model"]):
        return None
    frame = _scores(study).frame
    return effects(
        study.table,
        models,
        study.base,
        frame,
        study.split,
        study.lam,
        metric=study.metric,
        seeds=study.seeds,
        images=study.images,
        matters=study.matters,
        rounds=study.rounds,
    )


def _doubts_of_table(table: Material) -> list[str]:
    rows = cells(table.scored, table.split, table.metric)
    return [*uneven_seeds(rows), *column_of_means(seed_means(rows), table.metric)]


def _mixed(runs: list[dict[str, Any]]) -> list[str]:
    """What makes runs of one table hard to compare."""
    found = []
    data = {(run["dataset"], run["data"]) for run in runs}
    for dataset in sorted({name for name, _ in data}):
        if sum(name == dataset for name, _ in data) > 1:
            found.append(f"{dataset} is not the same for all models: other images, splits or resolution")
    named = ("device", "hardware", "precision", "threads", "torch")
    modes = {tuple(str(run[key]) for key in named) for run in runs}
    if len(modes) > 1:
        listed = "; ".join(" ".join(mode) for mode in sorted(modes))
        found.append(f"this table mixes execution modes, whose last digits and speeds differ: {listed}")
    return found
