"""How far a ranking by xScore can be trusted: seed noise, one dataset less, another lambda, what the variance took away."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from archlab.scoring.frame import FEWEST_DATASETS, LAMBDA, Frame, xscore
from archlab.scoring.image_noise import ImageNoise
from archlab.scoring.intervals import DRAWS, LEVEL, draw_scores
from archlab.scoring.noise import seed_noise

MOST_ALIKE = 5  # warnings of one kind
LAMBDAS = (0.0, 0.25, 0.5, 1.0, 2.0)


def rank_probabilities(
    rows: pd.DataFrame, models: Sequence[str], frame: Frame, lam: float = LAMBDA, images: ImageNoise | None = None
) -> pd.DataFrame | None:
    """Models x ranks (1 is best): how often noise would give a model that rank; equals take theirs by lot. None where the noise
    of seeds is not known."""
    noise = seed_noise(rows, list(models), list(frame.datasets)).with_images(images)
    if not noise.known:
        return None
    drawn = draw_scores(noise, frame, lam, DRAWS)
    order = np.lexsort((np.random.default_rng(0).random(drawn.shape), -drawn))
    ranks = np.empty_like(order)
    np.put_along_axis(ranks, order, np.arange(len(models))[None, :], axis=1)
    shares = np.array([np.bincount(of_model, minlength=len(models)) for of_model in ranks.T]) / DRAWS
    return pd.DataFrame(
        shares, index=pd.Index(models, name="model"), columns=pd.RangeIndex(1, len(models) + 1, name="rank")
    )


def may_be_best(
    rows: pd.DataFrame, scores: pd.Series, frame: Frame, lam: float = LAMBDA, images: ImageNoise | None = None
) -> list[str] | None:
    """Of complete models with their xScores those that may have the highest. None where the noise of seeds is not known.

    A model is left out where it is further behind the highest than 95 % of the tables drawn anew move the largest of its
    differences to all others, paired. So one that truly is the best is left out in 5 % of studies at most, however many there
    are and whichever looks best (a subset as of S. S. Gupta: "On some multiple decision (selection and ranking) rules",
    Technometrics 7, 1965).
    """
    noise = seed_noise(rows, list(scores.index), list(frame.datasets)).with_images(images)
    if not noise.known:
        return None
    moved = draw_scores(noise, frame, lam, DRAWS) - scores.to_numpy()
    largest = np.maximum(moved.max(axis=1, keepdims=True) - moved, moved - moved.min(axis=1, keepdims=True))
    return list(scores.index[scores.max() - scores <= np.quantile(largest, LEVEL, axis=0)])


def ranks_without_each_dataset(means: pd.DataFrame, frame: Frame, lam: float = LAMBDA) -> pd.DataFrame | None:
    """Models x datasets: a model's rank when that dataset is left out. None where too few datasets would remain.

    This is about these datasets; it says nothing certain about others.
    """
    datasets = list(frame.datasets)
    if len(datasets) <= FEWEST_DATASETS:
        return None
    found = {}
    for left_out in datasets:
        rest = [name for name in datasets if name != left_out]
        found[left_out] = _ranks(means[rest], frame.only(rest), lam)
    return pd.DataFrame(found)


def ranks_by_lambda(means: pd.DataFrame, frame: Frame, lambdas: Sequence[float] = LAMBDAS) -> pd.DataFrame:
    """Models x lambdas: a model's rank under each weight of the variance; 0 ranks by the mean alone."""
    return pd.DataFrame({lam: _ranks(means[list(frame.datasets)], frame, lam) for lam in lambdas})


def worst_datasets(means: pd.DataFrame, frame: Frame) -> pd.DataFrame:
    """Models x (dataset, normalised): where each model is weakest, and its normalised accuracy there."""
    normalised = frame.normalised(means)
    return pd.DataFrame({"dataset": normalised.idxmin(axis=1), "normalised": normalised.min(axis=1)})


def unrewarded(means: pd.DataFrame, frame: Frame, lam: float = LAMBDA) -> list[str]:
    """Sentences on accuracies so far above the model's others that a higher one lowers its xScore, which is not monotone.

    The slope of the xScore in one normalised accuracy a is negative where a - mean > (D - 1) / (2 lambda D). Where the model
    is itself the best of the frame, a higher accuracy moves the frame, and a stays 1.
    """
    if lam <= 0:
        return []
    normalised, count = frame.normalised(means), len(frame.datasets)
    spanning = normalised.index.isin(frame.models if frame.kind != "file" else ())
    leads = spanning[:, None] & (normalised >= 1).to_numpy()
    beyond = (normalised.sub(normalised.mean(axis=1), axis=0) > (count - 1) / (2 * lam * count)) & ~leads
    return first_few(
        [
            f"{model} is so far above its mean on {dataset} that doing better there lowers its xScore"
            for model, datasets in beyond.iterrows()
            for dataset in beyond.columns[datasets]
        ]
    )


def uneven_gains(scores: pd.DataFrame, base: str | None) -> list[str]:
    """Sentences on models (index; mean, xscore) of a higher mean than the base's and, all the same, a lower xScore."""
    found: list[str] = []
    if base is None or base not in scores.index:
        return found
    for model in scores.index:
        gained = scores.loc[model, ["mean", "xscore"]] - scores.loc[base, ["mean", "xscore"]]
        if gained["mean"] > 0 > gained["xscore"]:
            found.append(
                f"{model} has the higher mean ({gained['mean']:+.3f}) but the lower xScore ({gained['xscore']:+.3f}) "
                f"than {base}: what it gained, it gained unevenly"
            )
    return first_few(found)


def first_few(sentences: list[str]) -> list[str]:
    """Of warnings of one kind the first five, and how many more there are."""
    more = len(sentences) - MOST_ALIKE
    return [*sentences[:MOST_ALIKE], f"and {more} more like this"] if more > 0 else sentences


def _ranks(means: pd.DataFrame, frame: Frame, lam: float) -> pd.Series:
    return xscore(means, lam, frame)["xscore"].rank(ascending=False, method="min").astype(int)
