"""Intervals of the xScore for the noise of seeds and test images, these datasets held fixed."""

from __future__ import annotations

import numpy as np
import pandas as pd

from archlab.scoring.frame import Frame, normalised_scores
from archlab.scoring.image_noise import ImageNoise
from archlab.scoring.noise import Noise, seed_noise

LEVEL = 0.95
DRAWS = 4000


def draw_scores(noise: Noise, frame: Frame, lam: float, draws: int) -> np.ndarray:
    """Draws x models: scores of tables whose seed means are drawn anew, the frame estimated again in each.

    The noise of a seed mean is normal with the variance pooled over models, which is itself uncertain by its degrees of
    freedom; that of the test images, where it is known, is normal with their covariance. A frame from a file stays as it is.
    The same arguments give the same draws.
    """
    rng = np.random.default_rng(0)
    freedom = noise.freedom.to_numpy()
    deviation = np.sqrt(noise.variance.to_numpy() * freedom / rng.chisquare(freedom, (draws, 1, len(freedom))))
    means = noise.means.to_numpy()
    tables = means + rng.standard_normal((draws, *means.shape)) * deviation / np.sqrt(noise.counts.to_numpy())
    if noise.images is not None:
        tables += _normal(rng, noise.images, draws)
    return _scored(tables, noise, frame, lam)


def draw_lasting_scores(noise: Noise, frame: Frame, lam: float, draws: int) -> np.ndarray:
    """As `draw_scores`, with as many seeds as one likes: the noise of the test images alone, which is known."""
    assert noise.images is not None
    return _scored(noise.means.to_numpy() + _normal(np.random.default_rng(0), noise.images, draws), noise, frame, lam)


def _normal(rng: np.random.Generator, covariances: np.ndarray, draws: int) -> np.ndarray:
    """Draws x models x datasets, of covariances (datasets, models, models)."""
    values, vectors = np.linalg.eigh(covariances)
    factors = vectors * np.sqrt(values.clip(min=0))[:, None]
    return np.stack([rng.standard_normal((draws, len(each))) @ each.T for each in factors], axis=-1)


def _scored(tables: np.ndarray, noise: Noise, frame: Frame, lam: float) -> np.ndarray:
    if frame.kind == "file":
        limits = np.array([frame.datasets[name] for name in noise.means.columns])
        return normalised_scores(tables, limits[:, 0], limits[:, 1], lam)[2]
    spanning = tables[:, noise.means.index.get_indexer(pd.Index(frame.models))]
    ends = spanning.min(1, keepdims=True), spanning.max(1, keepdims=True)
    return normalised_scores(tables, *(ends if frame.higher_is_better else ends[::-1]), lam)[2]


def score_intervals(
    rows: pd.DataFrame, scores: pd.Series, frame: Frame, lam: float, images: ImageNoise | None = None
) -> pd.DataFrame:
    """Models x (xscore_low, xscore_high): 95 % intervals around `scores`; NaN where the noise is not known.

    The half-width is the 95 % quantile of the distance between a redrawn score and the score: symmetric, so that what
    re-estimating minimum and maximum adds to the error widens the interval instead of moving it. Percentiles of the
    draws themselves cover as little as 66 % for the models that span the frame. A model that spans the frame can score
    1 at most. In a frame from a file what a seed does to all models alike moves their scores, and so is part of the noise.
    """
    noise = seed_noise(rows, list(scores.index), list(frame.datasets), paired=frame.kind != "file").with_images(images)
    columns = ["xscore_low", "xscore_high"]
    if not noise.known:
        return pd.DataFrame(np.nan, index=scores.index, columns=columns)
    draws = draw_scores(noise, frame, lam, DRAWS)
    half = np.quantile(np.abs(draws - scores.to_numpy()), LEVEL, axis=0)
    ends = pd.DataFrame({"xscore_low": scores - half, "xscore_high": scores + half})
    if lam >= 0 and frame.kind != "file":
        spanning = ends.index.isin(frame.models)
        ends.loc[spanning, "xscore_high"] = ends.loc[spanning, "xscore_high"].clip(upper=1.0)
    return ends
