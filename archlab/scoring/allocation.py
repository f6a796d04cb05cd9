"""How many seeds each dataset needs beside the others: more where seeds differ more."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from archlab.scoring.noise import NO_NOISE, Noise

PRIOR_FREEDOM = 12.0  # of the datasets' common variance, which each dataset's own is drawn towards
LEAST_SHARE = 1 / 3


def seed_shares(noise: Noise, spans: Mapping[str, float] | None = None) -> dict[str, float]:
    """By dataset, its seeds as a share of those of the noisiest.

    Args:
        spans: By dataset, what its values are divided by before they are averaged; a dataset that is not there, or has 0,
            does not count. None: 1 everywhere.
    """
    names = [str(name) for name in noise.means]
    span = np.array([1.0 if spans is None else spans.get(name, 0.0) for name in names])
    variance, freedom = noise.variance.to_numpy(dtype=float), noise.freedom.to_numpy(dtype=float)
    counted = span != 0
    shares = np.where(counted, 1.0, LEAST_SHARE)
    if np.isfinite(variance[counted]).all() and (variance[counted] > NO_NOISE**2).any():
        shares[counted] = shares_of(variance[counted] / span[counted] ** 2, freedom[counted])
    return dict(zip(names, shares.tolist(), strict=True))


def shares_of(variance: np.ndarray, freedom: np.ndarray) -> np.ndarray:
    """Shares of the datasets (the last axis) whose seeds have these variances, estimated with such degrees of freedom.

    The error of a mean over datasets falls fastest with seeds in proportion to the deviations (J. Neyman: "On the two
    different aspects of the representative method", Journal of the Royal Statistical Society 97, 1934). A dataset whose
    deviation comes out small by chance would get few seeds and remain so: of studies of two models without any effect up to
    10 % would report one. Each variance is therefore drawn towards what they have in common (G. K. Smyth: "Linear models and
    empirical Bayes methods for assessing differential expression", Statistical Applications in Genetics and Molecular
    Biology 3, 2004), and no dataset gets less than a third.
    """
    common = (freedom * variance).sum(axis=-1, keepdims=True) / freedom.sum(axis=-1, keepdims=True)
    drawn = (freedom * variance + PRIOR_FREEDOM * common) / (freedom + PRIOR_FREEDOM)
    return np.clip(np.sqrt(drawn / drawn.max(axis=-1, keepdims=True)), LEAST_SHARE, 1.0)
