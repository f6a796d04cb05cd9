"""How much metrics would vary with other test images of the same classes, paired: all models see the same images."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from archlab.foundation import UserError


@dataclass(frozen=True)
class OnDataset:
    """Contributions of one dataset's test images.

    Args:
        models: In the order of the rows of `contributions`.
        contributions: float (models, images): of the mean over a model's seeds; see `archlab.scoring.contributions`.
        strata: int (images,): within which images are resampled: their classes.
        interaction: float (models,): the variance of a single seed's metric that is its own on these images, beside what
            seeds share: it is part of the variance between seeds too. NaN where a model has one seed.
        seeds: int (models,): how many of each these are means of.
    """

    models: tuple[str, ...]
    contributions: np.ndarray
    strata: np.ndarray
    interaction: np.ndarray
    seeds: np.ndarray

    def lasting(self, models: Sequence[str]) -> np.ndarray:
        """(models, models): the covariance, over test sets with as many images of each class, that is left with any number of
        seeds: that of the means less what the seeds behind them make of these very images."""
        own = self.interaction[np.isfinite(self.interaction)]
        seeds = dict(zip(self.models, self.seeds, strict=True))
        of_seeds = [own.mean() / seeds[model] if len(own) and model in seeds else 0.0 for model in models]
        return _positive(self.covariance(models) - np.diag(of_seeds))

    def covariance(self, models: Sequence[str]) -> np.ndarray:
        """(models, models): of the mean over the seeds of each; 0 for a model that has none here."""
        scaled = np.zeros((len(models), self.contributions.shape[1]))
        there = [row for row, model in enumerate(models) if model in self.models]
        known = [self.models.index(models[row]) for row in there]
        scaled[there] = centred(self.contributions[known], self.strata)
        return scaled @ scaled.T

    @property
    def freedom(self) -> int:
        """Degrees of freedom of the covariance."""
        return int(sum(count - 1 for count in np.bincount(self.strata) if count > 1))


def _positive(matrix: np.ndarray) -> np.ndarray:
    """The nearest covariance: no direction has less than no variance."""
    values, vectors = np.linalg.eigh(matrix)
    return (vectors * values.clip(min=0)) @ vectors.T


def centred(contributions: np.ndarray, strata: np.ndarray) -> np.ndarray:
    """Contributions (..., images) less the mean of their stratum, so that the sum of their products is a covariance."""
    counts = np.bincount(strata)
    sums = np.zeros((*contributions.shape[:-1], len(counts)))
    for stratum in np.flatnonzero(counts):
        sums[..., stratum] = contributions[..., strata == stratum].sum(-1)
    means = sums / np.maximum(counts, 1)
    scale = np.sqrt(counts / np.maximum(counts - 1, 1))
    return (contributions - means[..., strata]) * scale[strata]


@dataclass(frozen=True)
class ImageNoise:
    """The noise of a finite test set, by dataset."""

    datasets: dict[str, OnDataset] = field(default_factory=dict)

    def knows(self, counts: pd.DataFrame) -> bool:
        """Whether every cell, model and dataset, with more than no seeds has contributions."""
        return all(
            str(name) in self.datasets and set(counts.index[column > 0]) <= set(self.datasets[str(name)].models)
            for name, column in counts.items()
        )

    def joined(self, other: ImageNoise) -> ImageNoise:
        """With the models of both. Models of a dataset whose test images differ are left out of the second."""
        found = dict(self.datasets)
        for name, more in other.datasets.items():
            mine = found.get(name)
            if mine is None:
                found[name] = more
            elif np.array_equal(mine.strata, more.strata):
                new = [row for row, model in enumerate(more.models) if model not in mine.models]
                found[name] = OnDataset(
                    (*mine.models, *(more.models[row] for row in new)),
                    np.vstack([mine.contributions, more.contributions[new]]),
                    mine.strata,
                    np.concatenate([mine.interaction, more.interaction[new]]),
                    np.concatenate([mine.seeds, more.seeds[new]]),
                )
        return ImageNoise(found)

    def renamed(self, names: dict[str, str]) -> ImageNoise:
        """With other names for some models."""
        return ImageNoise(
            {
                name: replace(each, models=tuple(names.get(model, model) for model in each.models))
                for name, each in self.datasets.items()
            }
        )

    def save(self, path: Path) -> None:
        """Into a file as NumPy has them, without pickle."""
        arrays: dict[str, Any] = {"datasets": np.array(list(self.datasets), dtype=str)}
        for index, each in enumerate(self.datasets.values()):
            arrays |= {
                f"{index}_models": np.array(each.models, dtype=str),
                f"{index}_contributions": each.contributions.astype(np.float32),
                f"{index}_strata": each.strata.astype(np.int32),
                f"{index}_interaction": each.interaction,
                f"{index}_seeds": each.seeds,
            }
        with path.open("wb") as file:
            np.savez_compressed(file, allow_pickle=False, **arrays)

    @classmethod
    def load(cls, path: Path) -> ImageNoise:
        """Raises UserError where the file is none that `save` wrote."""
        try:
            with np.load(path, allow_pickle=False) as arrays:
                return cls(
                    {
                        str(name): OnDataset(
                            tuple(map(str, arrays[f"{index}_models"])),
                            arrays[f"{index}_contributions"].astype(float),
                            arrays[f"{index}_strata"].astype(int),
                            arrays[f"{index}_interaction"].astype(float),
                            arrays[f"{index}_seeds"].astype(int),
                        )
                        for index, name in enumerate(arrays["datasets"])
                    }
                )
        except Exception as error:
            raise UserError(
                f"holds no image noise: {type(error).__name__}; run the study again", where=str(path)
            ) from None


def on_dataset(by_model: dict[str, list[np.ndarray]], strata: np.ndarray) -> OnDataset:
    """Of the contributions of each seed of each model, float (images,)."""
    means, interaction = [], []
    for of_seeds in by_model.values():
        stacked = np.stack(of_seeds)
        means.append(stacked.mean(0))
        own = centred(stacked - stacked.mean(0), strata)
        interaction.append((own**2).sum() / (len(stacked) - 1) if len(stacked) > 1 else np.nan)
    seeds = np.array([len(of_seeds) for of_seeds in by_model.values()])
    return OnDataset(tuple(by_model), np.stack(means), strata, np.array(interaction), seeds)
