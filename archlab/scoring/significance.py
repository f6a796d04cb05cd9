"""Would it hold on other datasets? The datasets as a sample: Friedman's test and Nemenyi's post-hoc test.

J. Demšar: "Statistical Comparisons of Classifiers over Multiple Data Sets", JMLR 7, 2006. Seeds are averaged first: they are
not datasets.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import combinations

import numpy as np
import pandas as pd

from archlab.foundation import UserError

ALPHA = 0.05
MOST_MODELS = 200  # pairs grow with the square, and so does what a test must be corrected for


@dataclass(frozen=True)
class Comparison:
    """Models compared over datasets.

    Args:
        average_ranks: By model, best first; 1 is best, ties share.
        datasets: How many there are.
        statistic, p: Friedman's chi-squared and its p-value.
        critical_difference: Average ranks that differ by less are not told apart by Nemenyi's test at 5 %.
        pairwise: Models x models, Nemenyi's p-values.
        groups: Maximal groups of models that are not told apart, each best first.
        statement: What so many datasets can and cannot show, in words.
    """

    average_ranks: pd.Series
    datasets: int
    statistic: float
    p: float
    critical_difference: float
    pairwise: pd.DataFrame
    groups: tuple[tuple[str, ...], ...]
    statement: str


def compare_over_datasets(means: pd.DataFrame) -> Comparison:
    """Compares models (index, at least three) over datasets (columns, at least two), one accuracy each.

    Raises UserError for a value that is missing, or too few models or datasets, or more than 200 models.
    """
    from scipy import stats

    if not np.isfinite(means.to_numpy(dtype=float)).all():
        raise UserError("a comparison over datasets needs every accuracy: one is missing or no finite number")
    models, datasets = means.shape
    if models < 3 or datasets < 2:
        raise UserError(f"Friedman's test needs three models and two datasets, not {models} and {datasets}")
    if models > MOST_MODELS:
        pairs = models * (models - 1) // 2
        raise UserError(
            f"{models:,} models make {pairs:,} pairs: at most {MOST_MODELS} models are compared pair by pair"
        )
    ranks = means.rank(ascending=False).mean(axis=1).sort_values(kind="stable")
    all_tied = (means.nunique() == 1).all()
    statistic, p = (0.0, 1.0) if all_tied else stats.friedmanchisquare(*means.to_numpy())
    scale = math.sqrt(models * (models + 1) / (6 * datasets))
    critical = float(stats.studentized_range.ppf(1 - ALPHA, models, np.inf)) / math.sqrt(2) * scale
    distance = np.abs(ranks.to_numpy()[:, None] - ranks.to_numpy())
    distances, at = np.unique(distance, return_inverse=True)  # each tail is an integral
    pairwise = stats.studentized_range.sf(distances / scale * math.sqrt(2), models, np.inf)[at].reshape(distance.shape)
    return Comparison(
        average_ranks=ranks,
        datasets=datasets,
        statistic=float(statistic),
        p=float(p),
        critical_difference=critical,
        pairwise=pd.DataFrame(pairwise, index=ranks.index, columns=ranks.index),
        groups=_groups(ranks, critical),
        statement=_statement(models, datasets, float(p), critical, ranks),
    )


def smallest_p(datasets: int) -> float:
    """The smallest two-sided p-value that Wilcoxon's signed-rank test of two models over so many datasets can give."""
    return min(1.0, 2.0 ** (1 - datasets))


def _groups(ranks: pd.Series, critical: float) -> tuple[tuple[str, ...], ...]:
    values = ranks.to_numpy()
    runs = [np.flatnonzero((values >= first) & (values < first + critical)) for first in values]
    maximal = [run for at, run in enumerate(runs) if len(run) > 1 and (at == 0 or run[-1] > runs[at - 1][-1])]
    return tuple(tuple(ranks.index[run]) for run in maximal)


def _statement(models: int, datasets: int, p: float, critical: float, ranks: pd.Series) -> str:
    told_apart = sum(b - a >= critical for a, b in combinations(ranks, 2))
    pairs = models * (models - 1) // 2
    found = f"Friedman's test over {datasets} datasets: p = {p:.2g}. "
    found += (
        f"With {models} models on {datasets} datasets, average ranks must differ by {critical:.2f} of at most {models - 1} "
        f"to be told apart; {told_apart} of {pairs} pairs are. "
    )
    if critical >= models - 1:
        found += "No outcome at all could tell two of these models apart on so few datasets. "
    least = smallest_p(datasets)
    if least > ALPHA:
        found += f"Two models alone can never be told apart either: Wilcoxon's smallest p-value is {least:.3g}."
    else:
        found += f"Two models alone can be: where one wins on all {datasets}, Wilcoxon's p-value is {least:.2g}."
    return found
