"""Which few datasets stand for all? Every subset of a size, judged on the models it was fitted to and on others."""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from itertools import combinations

import numpy as np
import pandas as pd

from archlab.foundation import UserError
from archlab.foundation.words import counted
from archlab.scoring.frame import LAMBDA, Frame, normalised_scores, xscore

MOST_SUBSETS = 20_000
MOST_FOLDS = 100
EQUAL = 1e-9  # xScores that differ by less do so by rounding
SOUND = 1e-7  # a fit is updated where what is left of it is more than this share of the whole


@dataclass(frozen=True)
class Subsets:
    """All subsets of one size.

    Args:
        rows: One row a subset, best validated first: datasets (a tuple), in_sample_r2 and left_out_r2 (of the least-squares
            map from its accuracies to the full xScore; for left_out_r2 each model is predicted by a map fitted to the
            others), left_out_rank (Spearman of those predictions), score_r2 and score_rank (of the subset's own xScore,
            which is fitted to nothing).
        nested_r2: The R2 of the whole procedure: each model (each hundredth of them, where they are more than a hundred) is
            predicted by the subset and the map that the other models alone would have chosen. It is what a claim about a
            chosen subset is worth.
    """

    rows: pd.DataFrame
    nested_r2: float

    @property
    def chosen(self) -> tuple[str, ...]:
        """The subset with the highest left-out R2."""
        return self.rows["datasets"].iloc[0]


def subsets(means: pd.DataFrame, frame: Frame, size: int = 4, lam: float = LAMBDA) -> Subsets:
    """Judges all subsets of `size` of the frame's datasets by how well they predict the xScore over all of them.

    Args:
        means: Models x datasets, complete; at least size + 3 models, or a map with size + 1 coefficients cannot be validated.

    Raises UserError for too few models or such of one xScore, a size outside 1 to one less than the datasets, or more than
    20,000 subsets.
    """
    datasets, models = list(frame.datasets), len(means)
    if not 1 <= size < len(datasets):
        said = f"a subset of {counted(len(datasets), 'dataset')} has 1 to {len(datasets) - 1} of them, not {size}"
        raise UserError(said)
    if models < size + 3:
        said = (
            f"{counted(models, 'model')} cannot validate a map from {counted(size, 'dataset')}: {size + 3} are needed"
        )
        raise UserError(said)
    combined = list(combinations(range(len(datasets)), size))
    if len(combined) > MOST_SUBSETS:
        raise UserError(f"{len(combined):,} subsets of {size}: at most {MOST_SUBSETS:,} are tried")
    target = xscore(means[datasets], lam, frame)["xscore"].to_numpy()
    if np.ptp(target) <= EQUAL:
        raise UserError("all models have the same xScore, which any subset would predict")
    values = means[datasets].to_numpy()
    designs = np.stack([np.column_stack([np.ones(models), values[:, chosen]]) for chosen in combined])
    fitted, left_out = _fit(designs, target)
    rows = pd.DataFrame(
        {
            "datasets": [tuple(datasets[at] for at in chosen) for chosen in combined],
            "in_sample_r2": r_squared(target, fitted),
            "left_out_r2": r_squared(target, left_out),
            "left_out_rank": _rank_correlation(target, left_out),
        }
    )
    if size > 1:
        worst, best = np.array([frame.datasets[name] for name in datasets]).T[:, combined][:, :, None]
        own = normalised_scores(designs[:, :, 1:], worst, best, lam)[2]
        rows = rows.assign(score_r2=r_squared(target, own), score_rank=_rank_correlation(target, own))
    rows = rows.sort_values("left_out_r2", ascending=False, kind="stable").reset_index(drop=True)
    return Subsets(rows, _nested(designs, target))


def r_squared(target: np.ndarray, predicted: np.ndarray) -> np.ndarray:
    """1 - squared error / squared deviation from the mean, over the last axis."""
    return 1 - ((target - predicted) ** 2).sum(-1) / ((target - target.mean()) ** 2).sum()


def _fit(designs: np.ndarray, target: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Predictions of subsets x models by least squares: fitted to all models, and each fitted to the others alone."""
    inverse = np.linalg.pinv(designs)
    fitted = (designs @ (inverse @ target)[..., None]).squeeze(-1)
    leverage = np.minimum((designs * inverse.swapaxes(1, 2)).sum(-1), 1 - 1e-9)
    return fitted, target - (target - fitted) / (1 - leverage)


def _nested(designs: np.ndarray, target: np.ndarray) -> float:
    """The R2 of predictions by the subset and the map that the others alone would have chosen."""
    basis, scale, _ = np.linalg.svd(designs, full_matrices=False)
    is_sound = scale[:, -1] > SOUND * scale[:, 0]
    residuals = target - (basis @ (basis.swapaxes(1, 2) @ target)[..., None]).squeeze(-1)
    leverage = (basis**2).sum(-1)
    predicted = np.empty(len(target))
    for fold in np.array_split(np.arange(len(target)), min(len(target), MOST_FOLDS)):
        others = np.setdiff1d(np.arange(len(target)), fold)
        left_out, is_known = _without(fold, basis, residuals, leverage, target)
        left_out, is_known = left_out[:, others], is_known & is_sound
        if not is_known.all():
            left_out[~is_known] = _fit(designs[np.ix_(~is_known, others)], target[others])[1]
        best = designs[int(np.argmax(r_squared(target[others], left_out)))]
        predicted[fold] = best[fold] @ (np.linalg.pinv(best[others]) @ target[others])
    return float(r_squared(target, predicted))


def _without(
    fold: np.ndarray, basis: np.ndarray, residuals: np.ndarray, leverage: np.ndarray, target: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """What `_fit` predicts of the left out from designs without the models of `fold`, by the update of a fit for rows that
    are taken away; and of which subsets that is sound, since the map does not hang on these models alone."""
    shared = basis @ basis[:, fold].swapaxes(1, 2)  # subsets x models x fold: of the hat matrix
    kept = np.eye(len(fold)) - shared[:, fold]
    is_known = np.linalg.eigvalsh(kept)[:, 0] > SOUND
    kept[~is_known] = np.eye(len(fold))
    update = shared @ np.linalg.inv(kept)
    residuals = residuals + (update @ residuals[:, fold, None]).squeeze(-1)
    leverage = np.minimum(leverage + (update * shared).sum(-1), 1 - 1e-9)
    return target - residuals / (1 - leverage), is_known


def _rank_correlation(target: np.ndarray, predicted: np.ndarray) -> np.ndarray:
    """Spearman's, of each row with the target; NaN for a row of equal values."""
    from scipy import stats

    ranks = stats.rankdata(predicted, axis=-1)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", stats.ConstantInputWarning)
        found: np.ndarray = stats.pearsonr(
            np.broadcast_to(stats.rankdata(target), ranks.shape), ranks, axis=-1
        ).statistic
    return found
