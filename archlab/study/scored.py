"""Scores and effects of a study's results table."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from archlab.foundation import UserError
from archlab.foundation.metric import UNDEFINED
from archlab.runs import Run
from archlab.study.gains import on_datasets
from archlab.study.resolved import ResolvedStudy

if TYPE_CHECKING:
    import pandas as pd

    from archlab.scoring import Effects, ImageNoise, Rounds, Scores

SPLIT = "test"  # what ablation scores; search scores validation


def comparable(study: ResolvedStudy, table: pd.DataFrame) -> pd.DataFrame:
    """The table without the models that stand beside the scores, since they are not fitted to the budget."""
    beside = {model.name for model in study.models if model.kind == "raw" and study.budget["fit"] == "width"}
    return table[~table["model"].isin(beside)]


def results_table(runs: list[Run], results: dict[str, dict[str, Any]]) -> pd.DataFrame:
    """The tidy table of all runs that are among `results` (documents by key)."""
    import pandas as pd

    rows = [
        (run.model, run.dataset, run.seed, split, metric, value)
        for run in runs
        if run.key in results
        for split, values in results[run.key]["metrics"].items()
        for metric, value in values.items()
    ]
    return pd.DataFrame(rows, columns=["model", "dataset", "seed", "split", "metric", "value"])


def scores_on(
    split: str,
    study: ResolvedStudy,
    rows: pd.DataFrame,
    images: ImageNoise | None = None,
    classes: Mapping[str, Sequence[int]] | None = None,
    *,
    of_all: bool = False,
) -> Scores | None:
    """The scores of models on one split of the datasets seen, in the frame of the study's references among them, or `of_all`;
    None without any rows of it."""
    from archlab.scoring import score_table, undefined_on

    rows = on_datasets(rows[rows["split"] == split], study.datasets)
    if rows.empty:
        return None
    there, undefined = set(rows["model"]), undefined_on(rows, study.metric)
    without = [f"{study.metric.words} is not defined on {name}: {UNDEFINED}" for name in undefined]
    if set(rows["dataset"]) == set(undefined):
        raise UserError("; ".join(without))
    scores = score_table(
        rows,
        None if of_all else [name for name in study.frame if name in there],
        split,
        study.weight_of_variance,
        datasets=[name for name in study.datasets if name not in undefined],
        seeds=study.seeds,
        metric=study.metric,
        images=images,
        classes=classes,
    )
    return dataclasses.replace(scores, warnings=(*without, *scores.warnings))


def with_own_scores(study: ResolvedStudy, table: pd.DataFrame, scored: Scores) -> Scores:
    from archlab.scoring import cells, own_score, seed_means, with_own_scores

    means = seed_means(cells(table, SPLIT, study.metric))
    return with_own_scores(scored, means, [own_score(reference) for reference in study.own_scores])


def effects_of(
    study: ResolvedStudy, table: pd.DataFrame, scored: Scores | None, images: ImageNoise | None, rounds: Rounds | None
) -> Effects | None:
    from archlab.scoring import Matters, effects

    if scored is None or study.base is None or study.base not in set(table["model"]):
        return None
    models = study.contrasted
    if len(models) < 2:
        return None
    return effects(
        table,
        models,
        study.base,
        scored.frame,
        SPLIT,
        study.weight_of_variance,
        seeds=study.seeds,
        metric=study.metric,
        images=images,
        matters=Matters(**study.matters),
        rounds=rounds,
    )
