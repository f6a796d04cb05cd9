"""Does the accuracy on one dataset predict the others and the score?"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pandas as pd

from archlab.foundation import UserError
from archlab.scoring.frame import LAMBDA, Frame, xscore

FEWEST_MODELS = 4  # an interval of a correlation needs n > 3
SCORE = "xScore of the others"


def predictors(means: pd.DataFrame, frame: Frame, lam: float = LAMBDA) -> pd.DataFrame:
    """Correlation over models of what is gained on each dataset with each other, and with the xScore of all other datasets.

    What is gained are the values, or where lower is better their negatives. The xScore leaves the predicting dataset out: a
    part correlates with its whole.

    Args:
        means: Models (at least four) x datasets, complete.

    Returns:
        One row a pair: predictor, target, pearson, pearson_low, pearson_high, spearman, spearman_low, spearman_high, models.
        The 95 % intervals are Fisher's, for Spearman with Bonett and Wright's standard error (Psychometrika 65, 2000). A
        dataset on which all models are equal correlates with nothing: NaN. So is the interval of 1 and -1.
    """
    from scipy import stats

    if len(means) < FEWEST_MODELS:
        raise UserError(f"a correlation over {len(means)} models has no interval: at least {FEWEST_MODELS} are needed")
    found, gained = [], means if frame.higher_is_better else -means
    for predictor in means.columns:
        targets = {target: gained[target] for target in means.columns if target != predictor}
        rest = [name for name in frame.datasets if name != predictor]
        if len(rest) > 1:
            targets[SCORE] = xscore(means[rest], lam, frame.only(rest))["xscore"]
        for target, values in targets.items():
            row: dict[str, Any] = {"predictor": predictor, "target": target}
            constant = gained[predictor].nunique() < 2 or values.nunique() < 2
            for name, correlate in (("pearson", stats.pearsonr), ("spearman", stats.spearmanr)):
                r = math.nan if constant else float(correlate(gained[predictor], values).statistic)
                low, high = fisher_interval(r, len(means), 1 + r * r / 2 if name == "spearman" else 1.0)
                row |= {name: r, f"{name}_low": low, f"{name}_high": high}
            found.append(row)
    return pd.DataFrame(found).assign(models=len(means))


def fisher_interval(r: float, models: int, variance: float) -> tuple[float, float]:
    """95 % interval by Fisher's transformation, whose variance is `variance` / (n - 3); NaN for 1 and -1, where it has none."""
    if not abs(r) < 1 - 1e-12:
        return math.nan, math.nan
    half = 1.959964 * math.sqrt(variance / (models - 3))
    return tuple(np.tanh([math.atanh(r) - half, math.atanh(r) + half]).tolist())
