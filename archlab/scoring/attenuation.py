"""The rank correlation of two measurements without their noise: corrected for attenuation.

C. Spearman: "The proof and measurement of association between two things", American Journal of Psychology 15, 1904: a
correlation of noisy measurements is that of the truths, times the root of both reliabilities. Ranks are taken as those of
normal scores, as in B. Rosner, R. J. Glynn: "Interval estimation for rank correlation coefficients based on the probit
transformation with extension to measurement error correction of correlated ranked data", Statistics in Medicine 26, 2007; so
nothing depends on how accuracies are spaced. What so few ranks correlate by on average is P. A. P. Moran's: "Rank correlation
and product-moment correlation", Biometrika 35, 1948.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

LEVEL = 0.95
DRAWS, FEWEST_DRAWS, MOST_NUMBERS = 400, 100, 400_000
MOST_MODELS = 250  # redrawn: of more models, estimates spread less by the root of how many more
SHUFFLES = 4000
GRID = np.sin(np.linspace(-math.pi / 2, math.pi / 2, 21))  # of correlations, denser towards -1 and 1
FINE = np.linspace(-1, 1, 4001)


@dataclass(frozen=True)
class Corrected:
    """What is known of the truths behind two measurements, on the scale of normal scores.

    Args:
        correlation: Of the truths; beyond -1 or 1 where chance would have it.
        reliabilities: For each, which share of the variance of a single run is the truth's.
        low, high: 95 % interval of the correlation, within -1 and 1, for models drawn as these were and for seed noise.
        redrawn: Draws x (correlation, both reliabilities) of such studies if all were as estimated.
    """

    correlation: float
    reliabilities: tuple[float, float]
    low: float
    high: float
    redrawn: np.ndarray


def corrected(one: np.ndarray, two: np.ndarray, different: np.ndarray) -> Corrected:
    """The correlation of the truths behind runs x models of two kinds; every run ranks the models once.

    The order of each pair of runs is compared: pairs of one kind tell the reliability of a run, pairs of both kinds what the
    truths have in common. So numbers of runs may differ. The interval holds those correlations under which the estimate
    lies in the middle 95 % of redrawn studies.

    Args:
        one, two: Values, at least two runs of at least four models.
        different: Runs of one x runs of two, whether a pair counts: not where one seed may have moved both alike.
    """
    ranks = [_standard(_ranked(values)) for values in (one, two)]
    estimate = np.array([each[0] for each in _estimates(ranks[0][None], ranks[1][None], different)])
    correlation, *reliabilities = estimate.tolist()
    rng, models, runs = np.random.default_rng(0), min(one.shape[1], MOST_MODELS), (len(one), len(two))
    known = (min(reliabilities[0], 1.0), min(reliabilities[1], 1.0))
    size = max(FEWEST_DRAWS, min(DRAWS, MOST_NUMBERS // (sum(runs) * models)))
    noise = [rng.standard_normal((size, count, models)) for count in runs]
    truths = rng.standard_normal((2, size, 1, models))

    def redrawn(truth: float) -> np.ndarray:
        """Estimates where the truths correlate so."""
        kinds = truths[0], truth * truths[0] + math.sqrt(max(0.0, 1 - truth**2)) * truths[1]
        drawn = (
            math.sqrt(share) * kind + math.sqrt(1 - share) * each
            for kind, share, each in zip(kinds, known, noise, strict=True)
        )
        first, second = (_standard(each.argsort(-1).argsort(-1)) for each in drawn)
        found = np.stack(_estimates(first, second, different), axis=1)
        found = found[np.isfinite(found).all(axis=1)]
        middle = np.median(found, axis=0)
        return middle + (found - middle) * math.sqrt(models / one.shape[1])

    tails = [(1 - LEVEL) / 2, (1 + LEVEL) / 2]
    ends = np.array([np.quantile(redrawn(truth)[:, 0], tails) for truth in GRID])
    lows, highs = np.maximum.accumulate(ends, axis=0).T
    high = float(np.interp(correlation, lows, GRID, left=-1.0))
    low = float(np.interp(correlation, highs, GRID, right=1.0))
    return Corrected(correlation, known, low, high, redrawn(max(-1.0, min(1.0, correlation))))


def repeats(values: np.ndarray) -> tuple[float, bool]:
    """How alike the runs (runs x models) rank the models: the mean of Spearman's correlations of all pairs, and whether
    runs that rank at random would be less alike 95 times of 100. NaN and False where a run tells no two models apart."""
    ranks = _standard(_ranked(values))
    found = float(_within(ranks[None])[0])
    if math.isnan(found):
        return found, False
    rng = np.random.default_rng(0)
    size = max(FEWEST_DRAWS * 4, min(SHUFFLES, 10 * MOST_NUMBERS // values.size))
    shuffled = rng.permuted(np.broadcast_to(ranks, (size, *ranks.shape)), axis=-1)
    return found, found > float(np.quantile(_within(shuffled), LEVEL))


def rank_scale(correlation: float) -> float:
    """Spearman's correlation of normal truths that correlate by `correlation` (Pearson's); beyond -1 and 1 it is cut."""
    return 6 / math.pi * math.asin(max(-1.0, min(1.0, correlation)) / 2)


def runs_for_one(correlation: np.ndarray, reliability: np.ndarray, other: np.ndarray) -> np.ndarray:
    """How many runs of the first kind tell as much about the truth of the second as one run of the second does.

    A mean of k runs correlates with its own truth by the root of k R / (1 + (k - 1) R) (Spearman, Brown 1910), R the
    reliability of one, and with the truth of the second by `correlation` times that. One run of the second correlates with
    its truth by the root of `other`. Where truths and noise are normal, what is known of a truth depends on this
    correlation alone. Equal at k = q (1 - R) / (R (1 - q)), q = other / correlation²; infinite where q is 1 or more, for
    then even the truth of the first tells less.
    """
    with np.errstate(divide="ignore", invalid="ignore"):
        share = np.where(correlation > 0, other / np.minimum(correlation, 1.0) ** 2, np.inf)
        runs = share * (1 - reliability) / (reliability * (1 - share))
    return np.where(share < 1, runs, np.inf)


def _estimates(one: np.ndarray, two: np.ndarray, different: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The correlation of the truths and both reliabilities, of draws x runs x models of standard ranks; NaN where a
    reliability is not above 0."""
    models = one.shape[-1]
    between = ((different.T @ one) * two).sum((-1, -2)) / different.sum()
    common, *shares = (_pearson(each, models) for each in (between, _repeated(one), _repeated(two)))
    first, second = (np.where(share > 0, share, np.nan) for share in shares)
    return common / np.sqrt(first * second), first, second


def _within(ranks: np.ndarray) -> np.ndarray:
    """The mean correlation of two different runs."""
    runs = ranks.shape[-2]
    return ((ranks.sum(-2) ** 2).sum(-1) - runs) / (runs * (runs - 1))


def _repeated(ranks: np.ndarray) -> np.ndarray:
    """As `_within`; of runs that all rank alike half-way to the next value, where one run swaps two neighbours: that no noise
    was seen in so few ranks does not mean that there is none."""
    runs, models = ranks.shape[-2:]
    swap = 12 / (models * (models**2 - 1))  # what a swap of neighbours takes from Spearman's correlation
    return np.minimum(_within(ranks), 1 - swap / runs)


def _ranked(values: np.ndarray) -> np.ndarray:
    from scipy import stats

    return stats.rankdata(values, axis=-1)


def _standard(ranks: np.ndarray) -> np.ndarray:
    """With mean 0 and length 1; NaN where all are equal."""
    centred = ranks - ranks.mean(axis=-1, keepdims=True)
    with np.errstate(invalid="ignore"):
        return centred / np.sqrt((centred**2).sum(axis=-1, keepdims=True))


def _pearson(spearman: np.ndarray, models: int) -> np.ndarray:
    """Pearson's correlation of normal scores under which the ranks of so many correlate so on average (Moran)."""
    expected = 6 / (math.pi * (models + 1)) * (np.arcsin(FINE) + (models - 2) * np.arcsin(FINE / 2))
    return np.where(np.isnan(spearman), np.nan, np.interp(spearman, expected, FINE))
