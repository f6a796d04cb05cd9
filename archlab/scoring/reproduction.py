"""Do published accuracies come out again? Two tables of the same models and datasets, cell by cell."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from archlab.foundation import UserError
from archlab.scoring.frame import FEWEST_DATASETS, LAMBDA, xscore
from archlab.scoring.noise import NO_NOISE
from archlab.scoring.predictors import fisher_interval
from archlab.scoring.tidy import records, seed_means

LEVEL = 0.95
SEEDS, BOTH, IMAGES, NEITHER = "seed noise", "seed and test-set noise", "test-set noise", "neither"
FEWEST_RANKED = 3  # models; two ranks correlate by 1 or -1 whatever they are


@dataclass(frozen=True)
class Reproduction:
    """What was published and what came out, in points (percent).

    Args:
        cells: A row a model and dataset of both tables: model, dataset, published, reproduced, difference (reproduced less
            published), seed_noise and test_noise (half-widths of 95 % intervals of the difference; NaN where not known),
            explained_by (`SEEDS`, `BOTH`, `IMAGES` where seed noise is not known, `NEITHER`, or None: cannot be judged).
        datasets: A row a dataset: models, difference (mean), spearman with its 95 % interval (low, high), kendall.
        scores: By model that is complete in both, best published first: published, reproduced (xScores, each in the frame of
            these models), difference, published_rank, reproduced_rank. Empty where there are no scores, as `reason` says.
        ranking: Spearman's and Kendall's correlation of the xScores and of the mean accuracies: a row each (xscore, mean).
        only_published, only_reproduced: Models and datasets that one of the tables lacks, and single cells, MODEL on DATASET.
    """

    cells: pd.DataFrame
    datasets: pd.DataFrame
    scores: pd.DataFrame
    ranking: pd.DataFrame
    only_published: tuple[str, ...] = ()
    only_reproduced: tuple[str, ...] = ()
    reason: str = ""

    @property
    def explained(self) -> dict[str, int]:
        """The number of cells by what explains their difference; "" for those that cannot be judged."""
        counts = self.cells["explained_by"].fillna("").value_counts()
        return {name: int(counts.get(name, 0)) for name in (SEEDS, BOTH, IMAGES, NEITHER, "")}

    def document(self) -> dict[str, Any]:
        """As plain JSON values, null where a number is not known."""
        tables = {
            "cells": self.cells,
            "datasets": self.datasets,
            "scores": self.scores.reset_index(),
            "ranking": self.ranking.reset_index(),
        }
        return {
            **{name: [_plain(row) for row in records(table)] for name, table in tables.items()},
            "explained": self.explained,
            "only_published": list(self.only_published),
            "only_reproduced": list(self.only_reproduced),
            **({"reason": self.reason} if self.reason else {}),
        }


def reproduction(
    published: pd.DataFrame,
    reproduced: pd.DataFrame,
    test_images: Mapping[str, int],
    lam: float = LAMBDA,
    *,
    higher_is_better: bool = True,
) -> Reproduction:
    """Holds the cells (model, dataset, seed, value in percent) of one table against those of another.

    Seed noise: the variance between seeds, pooled over the models of a dataset, for each table from its own seeds; a table
    with one seed a cell is taken to be as noisy as the other. Test-set noise: binomial, as if the two tables had been tested on
    different images, `test_images` of them each (by dataset); where the images are the same, this part is smaller. Both as
    95 % intervals of one difference: of differences that are nothing but noise, one in twenty lies beyond.

    Raises UserError where the tables share no cell.
    """
    theirs, ours = seed_means(published), seed_means(reproduced)
    cells = _cells(theirs, ours)
    if cells.empty:
        raise UserError("the tables share no model on a dataset that both have")
    shared = set(zip(cells["model"], cells["dataset"], strict=True))
    rows = [_within(table, shared) for table in (published, reproduced)]
    cells["seed_noise"] = _seed_noise(cells, *rows)
    cells["test_noise"] = [
        _test_noise(p, r, test_images.get(dataset))
        for p, r, dataset in zip(cells["published"], cells["reproduced"], cells["dataset"], strict=True)
    ]
    cells["explained_by"] = [_explanation(row) for row in records(cells)]
    scores, ranking, reason = _scores(cells, lam, higher_is_better)
    return Reproduction(
        cells=cells,
        datasets=_datasets(cells),
        scores=scores,
        ranking=ranking,
        only_published=_missing(theirs, shared),
        only_reproduced=_missing(ours, shared),
        reason=reason,
    )


def _cells(theirs: pd.DataFrame, ours: pd.DataFrame) -> pd.DataFrame:
    found = [
        (model, dataset, theirs.loc[model, dataset], ours.loc[model, dataset])
        for dataset in theirs.columns
        if dataset in ours
        for model in theirs.index
        if model in ours.index
    ]
    cells = pd.DataFrame(found, columns=["model", "dataset", "published", "reproduced"]).dropna()
    return cells.assign(difference=cells["reproduced"] - cells["published"]).reset_index(drop=True)


def _missing(means: pd.DataFrame, shared: set[tuple[str, str]]) -> tuple[str, ...]:
    """What one table has and the other lacks: models, datasets, and single cells of those that both have."""
    models, datasets = ({str(pair[at]) for pair in shared} for at in (0, 1))
    there = [(str(model), str(dataset)) for model, dataset in means.stack().dropna().index]
    cells = [pair for pair in there if pair[0] in models and pair[1] in datasets and pair not in shared]
    wholly = [*(name for name in means.index if name not in models), *(d for d in means.columns if d not in datasets)]
    return (*map(str, wholly), *(f"{model} on {dataset}" for model, dataset in cells))


def _within(rows: pd.DataFrame, shared: set[tuple[str, str]]) -> pd.DataFrame:
    return rows[[pair in shared for pair in zip(rows["model"], rows["dataset"], strict=True)]]


def _seed_noise(cells: pd.DataFrame, published: pd.DataFrame, reproduced: pd.DataFrame) -> list[float]:
    """Half-widths of the difference of two seed means."""
    from scipy import stats

    noises = [_between_seeds(rows) for rows in (published, reproduced)]
    counts = [rows.groupby(["model", "dataset"])["seed"].nunique() for rows in (published, reproduced)]
    halves = []
    for model, dataset in zip(cells["model"], cells["dataset"], strict=True):
        known = [noise.get(dataset) for noise in noises]
        variances = [each for own, other in (known, known[::-1]) if (each := own or other)]
        if not variances:
            halves.append(math.nan)
            continue
        parts = [variance / count[model, dataset] for (variance, _), count in zip(variances, counts, strict=True)]
        freedom = sum(parts) ** 2 / sum(part**2 / free for part, (_, free) in zip(parts, variances, strict=True))
        if not all(known):  # one table's noise stands for both: its degrees of freedom are all that there are
            freedom = variances[0][1]
        halves.append(float(stats.t.ppf((1 + LEVEL) / 2, freedom)) * math.sqrt(sum(parts)))
    return halves


def _between_seeds(rows: pd.DataFrame) -> dict[str, tuple[float, int]]:
    """By dataset with two seeds or more, the variance of one run and its degrees of freedom, pooled over models.

    What a seed does to all models alike stays in: it moves a cell against one from elsewhere.
    """
    groups = rows.groupby(["dataset", "model"])["value"]
    squares = ((rows["value"] - groups.transform("mean")) ** 2).groupby(rows["dataset"]).sum()
    freedom = (groups.count() - 1).groupby("dataset").sum()
    pooled = pd.DataFrame({"variance": squares / freedom.where(freedom > 0), "freedom": freedom})
    known = pooled[pooled["variance"] > NO_NOISE**2].rename_axis("dataset").reset_index()
    return {row["dataset"]: (row["variance"], row["freedom"]) for row in records(known)}


def _test_noise(published: float, reproduced: float, images: int | None) -> float:
    if not images:
        return math.nan
    variance = sum(share * (1 - share) for share in (published / 100, reproduced / 100)) / images
    return 196 * math.sqrt(variance)


def _explanation(cell: dict[str, Any]) -> str | None:
    size, seeds, images = abs(cell["difference"]), cell["seed_noise"], cell["test_noise"]
    if size <= seeds:
        return SEEDS
    if math.isnan(seeds):
        return IMAGES if size <= images else None
    if math.isnan(images):
        return None
    return BOTH if size <= math.hypot(seeds, images) else NEITHER


def _datasets(cells: pd.DataFrame) -> pd.DataFrame:
    rows = []
    for dataset, of_dataset in cells.groupby("dataset", sort=False):
        found = _correlation(of_dataset["published"], of_dataset["reproduced"])
        rows.append(
            {"dataset": dataset, "models": len(of_dataset), "difference": of_dataset["difference"].mean(), **found}
        )
    return pd.DataFrame(rows)


def _correlation(published: pd.Series, reproduced: pd.Series) -> dict[str, float]:
    """spearman, low, high, kendall; NaN where all are equal or models are fewer than three, the interval below four."""
    from scipy import stats

    unknown = dict.fromkeys(("spearman", "low", "high", "kendall"), math.nan)
    if len(published) < FEWEST_RANKED or published.nunique() < 2 or reproduced.nunique() < 2:
        return unknown
    r = float(stats.spearmanr(published, reproduced).statistic)
    low, high = fisher_interval(r, len(published), 1 + r * r / 2) if len(published) > 3 else (math.nan, math.nan)
    return {
        "spearman": r,
        "low": low,
        "high": high,
        "kendall": float(stats.kendalltau(published, reproduced).statistic),
    }


def _scores(cells: pd.DataFrame, lam: float, higher_is_better: bool) -> tuple[pd.DataFrame, pd.DataFrame, str]:
    """Both xScores of the models that are complete on all shared datasets, and how alike they rank."""
    columns = ["published", "reproduced", "difference", "published_rank", "reproduced_rank"]
    tables = {which: cells.pivot(index="model", columns="dataset", values=which).dropna() for which in columns[:2]}
    told = [name for name in tables["published"] if all(table[name].nunique() > 1 for table in tables.values())]
    if len(tables["published"]) < 2 or len(told) < FEWEST_DATASETS:
        reason = (
            "no xScores: two models that are complete in both tables and two datasets that tell them apart are needed"
        )
        return pd.DataFrame(columns=columns), pd.DataFrame(), reason
    scores = pd.DataFrame(
        {
            which: xscore(table[told], lam, higher_is_better=higher_is_better)["xscore"]
            for which, table in tables.items()
        }
    )
    scores["difference"] = scores["reproduced"] - scores["published"]
    for which in columns[:2]:
        scores[f"{which}_rank"] = scores[which].rank(ascending=False, method="min").astype(int)
    means = {which: table.mean(axis=1) for which, table in tables.items()}
    ranking = {
        "xscore": _correlation(scores["published"], scores["reproduced"]),
        "mean": _correlation(means["published"], means["reproduced"]),
    }
    found = pd.DataFrame.from_dict(ranking, orient="index").rename_axis("by")
    return scores.sort_values("published", ascending=False), found, ""


def _plain(row: dict[str, Any]) -> dict[str, Any]:
    numbers = {name: value.item() if isinstance(value, np.generic) else value for name, value in row.items()}
    return {name: None if isinstance(value, float) and math.isnan(value) else value for name, value in numbers.items()}
