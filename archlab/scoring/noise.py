"""How much accuracies vary between seeds: one variance a dataset, pooled over models."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from archlab.scoring.tidy import seed_means


@dataclass(frozen=True)
class Noise:
    """Seed means of models x datasets and what is known of the noise in them.

    Args:
        means: Models x datasets, the mean over seeds.
        counts: Models x datasets, the number of seeds.
        variance: By dataset, of a single seed, pooled over models.
        freedom: By dataset, the degrees of freedom of `variance`; 0 (and a variance of NaN) where each model has one seed.
    """

    means: pd.DataFrame
    counts: pd.DataFrame
    variance: pd.Series
    freedom: pd.Series

    @property
    def known(self) -> bool:
        """Whether every dataset has repeated seeds, so that intervals can be given."""
        return bool((self.freedom > 0).all())


def seed_noise(rows: pd.DataFrame, models: list[str] | None = None, datasets: list[str] | None = None) -> Noise:
    """The noise in the cells (model, dataset, seed, value) of these models and datasets.

    Where all models were trained from the same seeds, what a seed does to all of them alike is taken out first: it
    moves no difference and no xScore. This is what pairing by seed does.
    """
    rows = rows[rows["model"].isin(models)] if models is not None else rows
    rows = rows[rows["dataset"].isin(datasets)] if datasets is not None else rows
    means = seed_means(rows).reindex(index=models, columns=datasets)
    counts = rows.groupby(["model", "dataset"])["value"].count().unstack("dataset", fill_value=0)
    counts = counts.reindex(index=means.index, columns=means.columns, fill_value=0)
    found = {dataset: _pooled(part) for dataset, part in rows.groupby("dataset", sort=False)}
    variance = pd.Series({dataset: found[dataset][0] for dataset in means.columns}, dtype=float)
    freedom = pd.Series({dataset: found[dataset][1] for dataset in means.columns}, dtype=int)
    return Noise(means, counts, variance, freedom)


def _pooled(part: pd.DataFrame) -> tuple[float, int]:
    """Residual variance and degrees of freedom of one dataset's cells."""
    grid = part.pivot(index="model", columns="seed", values="value").to_numpy(dtype=float)
    models, seeds = grid.shape
    residuals = grid - np.nanmean(grid, axis=1, keepdims=True)
    freedom = int(np.isfinite(grid).sum() - models)
    if models > 1 and np.isfinite(grid).all():
        residuals -= residuals.mean(axis=0)
        freedom -= seeds - 1
    squares = float(np.nansum(residuals**2))
    return (squares / freedom, freedom) if freedom > 0 else (float("nan"), 0)
