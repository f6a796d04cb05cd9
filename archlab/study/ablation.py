"""Ablation: every model of a study on every dataset with every seed, computed where not stored yet, then scored."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from archlab.data import open_prepared
from archlab.executors import Outcome, execute
from archlab.runs import Event, Failure, Run, Store, code_digest
from archlab.study.resolved import ResolvedStudy

if TYPE_CHECKING:
    import pandas as pd

    from archlab.scoring import Effects, Scores

METRICS = ("accuracy", "balanced_accuracy", "loss")
SPLIT = "test"  # what ablation scores; search scores validation


@dataclass(frozen=True)
class Cell:
    """One entry of the results table before it is filled: a model on a dataset with a seed, and the run that fills it."""

    model: str
    dataset: str
    seed: int
    run: Run


@dataclass(frozen=True)
class Ablation:
    """A study's results.

    Attributes:
        cells: All that the table should have.
        table: Tidy: model, dataset, seed, split ("validation", "test"), metric, value.
        scores: Of references and variants, those without a budget (`@raw`) left out; None where nothing finished.
        effects: None where there is no base, or nothing to hold against it.
        computed: How many runs were computed now; the others had been stored before.
    """

    study: ResolvedStudy
    cells: list[Cell]
    table: pd.DataFrame
    scores: Scores | None
    effects: Effects | None
    failed: list[Failure]
    computed: int


def cells(study: ResolvedStudy, home: Path) -> list[Cell]:
    """The cells of a study's table, in the order of models, datasets, seeds. Two models may share a run.

    Sample datasets are prepared here where they are not yet; raises UserError for any other.
    """
    prepared = {name: open_prepared(name, home, resolution) for name, resolution in study.datasets.items()}
    codes = {model.name: code_digest(model.own_files) for model in study.models}
    return [
        Cell(
            model.name,
            dataset,
            seed,
            Run(
                architecture=model.architecture,
                width=model.width,
                num_classes=data.num_classes,
                dataset=dataset,
                dataset_digest=data.digest,
                resolution=data.resolution,
                smallest_map=study.smallest_map,
                recipe=study.recipes[model.recipes[dataset]],
                seed=seed,
                code=codes[model.name],
                model=model.name,
                own_files=tuple(model.own_files),
            ),
        )
        for model in study.models
        for dataset, data in prepared.items()
        for seed in study.seeds
    ]


def ablate(
    study: ResolvedStudy,
    store: Store,
    *,
    on_event: Callable[[Event], None] | None = None,
    **settings: Any,
) -> Ablation:
    """Computes what the store lacks and scores the study.

    `settings` are those of `archlab.executors.execute` (workers, executor, fail_fast, ...). Failed runs are listed and the rest
    goes on. Raises UserError where models are above the budget or a dataset is not prepared, before anything runs;
    Interrupted after Ctrl-C, when everything finished is stored.
    """
    study.check_budget()
    wanted = cells(study, store.home)
    outcome = execute(distinct_runs(wanted), store, on_event=on_event, **settings)
    return assess(study, wanted, outcome)


def distinct_runs(wanted: list[Cell]) -> list[Run]:
    """The runs of the cells, each once, called after the first model that needs it."""
    runs: dict[str, Run] = {}
    for cell in wanted:
        runs.setdefault(cell.run.key, cell.run)
    return list(runs.values())


def assess(study: ResolvedStudy, wanted: list[Cell], outcome: Outcome) -> Ablation:
    """The scores and effects of what was computed."""
    table = results_table(wanted, outcome.results)
    scores = _scores(study, table)
    return Ablation(study, wanted, table, scores, _effects(study, table, scores), outcome.failed, outcome.computed)


def results_table(wanted: list[Cell], results: dict[str, dict[str, Any]]) -> pd.DataFrame:
    """The tidy table of all cells whose runs are among `results` (documents by key)."""
    import pandas as pd

    rows = [
        (cell.model, cell.dataset, cell.seed, split, metric, values[metric])
        for cell in wanted
        if cell.run.key in results
        for split, values in results[cell.run.key]["metrics"].items()
        for metric in METRICS
    ]
    return pd.DataFrame(rows, columns=["model", "dataset", "seed", "split", "metric", "value"])


def _scores(study: ResolvedStudy, table: pd.DataFrame) -> Scores | None:
    scored = [model.name for model in study.models if not _is_beside_the_table(study, model.kind)]
    return scores_on(SPLIT, study, table[table["model"].isin(scored)])


def scores_on(split: str, study: ResolvedStudy, rows: pd.DataFrame) -> Scores | None:
    """The scores of models on one split, in the frame of the study's references among them; None without any rows."""
    from archlab.scoring import score_table

    if rows.empty:
        return None
    there = set(rows["model"])
    return score_table(
        rows,
        [name for name in study.frame if name in there],
        split,
        study.weight_of_variance,
        datasets=list(study.datasets),
        seeds=study.seeds,
    )


def _is_beside_the_table(study: ResolvedStudy, kind: str | None) -> bool:
    """Raw variants are beside the score table where the others have equal budgets."""
    return kind == "raw" and study.budget["fit"] == "width"


def _effects(study: ResolvedStudy, table: pd.DataFrame, scores: Scores | None) -> Effects | None:
    from archlab.scoring import effects

    if scores is None or study.base is None or study.base not in set(table["model"]):
        return None
    models = [
        {"model": model.name, "options": model.options, "kind": model.kind}
        for model in study.models
        if model.options and (model.kind is None or model.kind in study.effects)
    ]
    if len(models) < 2:
        return None
    return effects(table, models, study.base, scores.frame, SPLIT, study.weight_of_variance, seeds=study.seeds)
