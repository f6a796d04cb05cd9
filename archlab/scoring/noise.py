"""How much accuracies vary between seeds, one variance a dataset, pooled over models; and with other test images."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from archlab.scoring.image_noise import ImageNoise

NO_NOISE = 1e-9  # deviations below are rounding: seeds that agree exactly say nothing about the noise


@dataclass(frozen=True)
class Noise:
    """Seed means of models x datasets and what is known of the noise in them.

    Args:
        means: Models x datasets, the mean over seeds.
        counts: Models x datasets, the number of seeds.
        variance: By dataset, of a single seed, pooled over models.
        freedom: By dataset, the degrees of freedom of `variance`; 0 (and a variance of NaN) where each model has one seed.
        images: Where the test images' part is known, (datasets, models, models): the covariance, over test sets with as many
            images of each class, that is left with any number of seeds. What a seed makes of these very images is in
            `variance` already.
        image_freedom: By dataset, the degrees of freedom of `images`.
    """

    means: pd.DataFrame
    counts: pd.DataFrame
    variance: pd.Series
    freedom: pd.Series
    images: np.ndarray | None = None
    image_freedom: pd.Series | None = None

    def with_images(self, images: ImageNoise | None) -> Noise:
        """With the noise of the test images too, where that is known for all models on all datasets."""
        if images is None or not self.known or not images.knows(self.counts):
            return self
        parts = [images.datasets[str(name)] for name in self.means]
        lasting = np.stack([part.lasting(list(self.means.index)) for part in parts])
        freedom = pd.Series([part.freedom for part in parts], self.means.columns)
        return replace(self, images=lasting, image_freedom=freedom)

    @property
    def known(self) -> bool:
        """Whether intervals can be given."""
        return not self.unknown_because

    @property
    def unknown_because(self) -> str:
        """Why there are no intervals, "" where there are."""
        single = [str(name) for name in self.freedom.index[self.freedom <= 0]]
        if len(single) == len(self.freedom):
            return "each cell has one seed"
        if single:
            return f"no model has two seeds on {', '.join(single)}"
        if not self.variance.max() > NO_NOISE**2:
            return "all seeds agree to the last digit, which says nothing about the noise"
        return ""


def seed_noise(
    rows: pd.DataFrame, models: list[str] | None = None, datasets: list[str] | None = None, *, paired: bool = True
) -> Noise:
    """The noise in the cells (model, dataset, seed, value) of these models and datasets, else of all.

    Models with the same value everywhere share their runs and count once. Where all models were trained from the same
    seeds, what a seed does to all of them alike is taken out first: it moves no difference, and no xScore in a frame of
    these models. This is what pairing by seed does; not `paired`, it stays in.
    """
    models = list(dict.fromkeys(rows["model"])) if models is None else models
    datasets = list(dict.fromkeys(rows["dataset"])) if datasets is None else datasets
    seeds, seed_names = pd.factorize(rows["seed"])
    index, columns = pd.Index(models, name="model"), pd.Index(datasets, name="dataset")
    at = index.get_indexer(pd.Index(rows["model"])), columns.get_indexer(pd.Index(rows["dataset"]))
    inside = (at[0] >= 0) & (at[1] >= 0)
    grid = np.full((len(models), len(datasets), len(seed_names)), np.nan)
    grid[at[0][inside], at[1][inside], seeds[inside]] = rows["value"].to_numpy()[inside]
    counts = np.isfinite(grid).sum(axis=2)
    with np.errstate(invalid="ignore"):
        means = np.nansum(grid, axis=2) / counts
    distinct = np.unique(np.nan_to_num(grid, nan=-1.0).reshape(len(models), -1), axis=0, return_index=True)[1]
    pooled = [_pooled((grid - means[:, :, None])[distinct, at], paired) for at in range(len(datasets))]
    variance, freedom = (pd.Series(part, columns) for part in zip(*pooled, strict=True))
    return Noise(pd.DataFrame(means, index, columns), pd.DataFrame(counts, index, columns), variance, freedom)


def _pooled(residuals: np.ndarray, paired: bool) -> tuple[float, int]:
    """Variance and degrees of freedom of one dataset's residuals, models x seeds, NaN where there was no run."""
    there = np.isfinite(residuals)
    residuals = residuals[there.any(axis=1)][:, there.any(axis=0)]
    models, seeds = residuals.shape
    freedom = int(there.sum()) - models
    if paired and models > 1 and np.isfinite(residuals).all():
        residuals = residuals - residuals.mean(axis=0)
        freedom -= seeds - 1
    squares = float(np.nansum(residuals**2))
    return (squares / freedom, freedom) if freedom > 0 else (float("nan"), 0)
