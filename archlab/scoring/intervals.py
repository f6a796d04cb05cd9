"""Intervals of the xScore for seed noise, these datasets held fixed."""

from __future__ import annotations

import numpy as np
import pandas as pd

from archlab.scoring.frame import Frame, normalised_scores
from archlab.scoring.noise import Noise, seed_noise

DRAWS = 4000


def draw_scores(noise: Noise, frame: Frame, lam: float, draws: int = DRAWS, seed: int = 0) -> np.ndarray:
    """Draws x models: scores of tables whose seed means are redrawn, the frame estimated again in each.

    The noise of a seed mean is Student's t with the pooled variance and its degrees of freedom.
    """
    means, counts = noise.means.to_numpy(), noise.counts.to_numpy()
    rng = np.random.default_rng(seed)
    freedom = noise.freedom.to_numpy()
    deviation = np.sqrt(noise.variance.to_numpy() * freedom / rng.chisquare(freedom, (draws, 1, len(freedom))))
    tables = means + rng.standard_normal((draws, *means.shape)) * deviation / np.sqrt(counts)
    if frame.kind == "file":
        limits = np.array([frame.datasets[name] for name in noise.means.columns])
        low, high = limits[:, 0], limits[:, 1]
    else:
        spanning = tables[:, [noise.means.index.get_loc(model) for model in frame.models]]
        low, high = spanning.min(axis=1, keepdims=True), spanning.max(axis=1, keepdims=True)
    return normalised_scores(tables, low, high, lam)[2]


def score_intervals(
    rows: pd.DataFrame, models: list[str], frame: Frame, lam: float, level: float = 0.95
) -> pd.DataFrame:
    """Models x (xscore_low, xscore_high); NaN where some dataset has one seed only."""
    noise = seed_noise(rows, models, list(frame.datasets))
    columns = ["xscore_low", "xscore_high"]
    if not noise.known:
        return pd.DataFrame(np.nan, index=models, columns=columns)
    tail = 50 * (1 - level)
    ends = np.percentile(draw_scores(noise, frame, lam), [tail, 100 - tail], axis=0)
    return pd.DataFrame(ends.T, index=models, columns=columns)
