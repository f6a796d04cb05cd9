"""What a choice by the score costs on a dataset that nobody has seen: each dataset in turn is held out as if it were one."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from archlab.foundation.metric import Metric
from archlab.foundation.words import as_sentence
from archlab.scoring.frame import FEWEST_DATASETS, LAMBDA, Frame, xscore
from archlab.scoring.reading import decimals, percent_factor, points
from archlab.scoring.tidy import plain

WAYS = {"xscore": "by the xScore on the others", "mean": "by the mean on the others", "random": "at random"}
"""Of choosing, and each in words."""
FEWEST = FEWEST_DATASETS + 1  # one is held out, and the xScore of the others needs two


@dataclass(frozen=True)
class Regret:
    """Points worse than the best model on a dataset that took no part in the choice.

    Args:
        held_out: A row a dataset: `chosen` (by the xScore on the others), `best` (the best model there), and the regret of
            choosing by the xScore on the others (`xscore`), by the mean on the others (`mean`) and at random (`random`).
        alone: By dataset, the regret of choosing the best model on that dataset alone, a mean over the others.
        reason: Why numbers are missing, "" where none are.
        lost: What regret is told in, and where it lies from the best; digits: its decimals.
    """

    held_out: pd.DataFrame
    alone: pd.Series
    reason: str = ""
    lost: str = "points below"
    digits: int = 2

    def average(self, way: str) -> float:
        """The mean over datasets of one of `WAYS`; NaN where it is not known."""
        return float(self.held_out[way].mean()) if len(self.held_out) else math.nan

    @property
    def confidence(self) -> float:
        """With which probability a further dataset, drawn as these were, lies within `most`: n / (n + 1)."""
        return len(self.held_out) / (len(self.held_out) + 1)

    def most(self, way: str) -> float:
        """The upper end of an interval from 0 for the regret on a further dataset: the largest of those held out.

        The rank of a further regret among exchangeable ones is uniform (as in conformal prediction), so this holds whatever
        their distribution. An interval of their mean does not: Student's covers 40 to 75 % of skewed regrets such as these.
        """
        return float(self.held_out[way].max()) if len(self.held_out) else math.nan

    @property
    def sentence(self) -> str:
        """What was found, in words."""
        if not len(self.held_out):
            return as_sentence(self.reason)
        ways = [
            f"{self.average(way):.{self.digits}f} chosen {words}"
            for way, words in WAYS.items()
            if not math.isnan(self.average(way))
        ]
        best, worst = self.alone.sort_values().index[[0, -1]]
        return (
            f"On a dataset that took no part, {self.lost} the best model there: {', '.join(ways)}, "
            f"{self.alone[best]:.{self.digits}f} to {self.alone[worst]:.{self.digits}f} chosen by one dataset alone "
            f"({best} to {worst})."
        )

    def document(self) -> dict[str, Any]:
        """As plain JSON values: xscore, mean, random, by_dataset; null where not known, with the reason beside them."""
        averages: dict[str, Any] = {way: plain(self.average(way)) for way in WAYS}
        alone = {str(name): plain(value) for name, value in self.alone.items()}
        reason = {"reason": self.reason} if self.reason else {}
        return {**averages, "by_dataset": alone or None, **reason}


def regret(means: pd.DataFrame, frame: Frame | None, lam: float = LAMBDA, metric: Metric | str = "accuracy") -> Regret:
    """The regret of choosing among complete models (index) by their values of a metric on the frame's datasets (columns).

    Where several models are equally good by what chooses, each is as likely: the regret is their mean. The xScore keeps the
    frame's minima and maxima, which the held-out dataset has no part in.
    """
    datasets = list(frame.datasets) if frame else []
    columns = ["chosen", "best", *WAYS]
    if len(means) < 2 or len(datasets) < FEWEST_DATASETS:
        few = (
            "one model alone leaves no choice"
            if len(means) == 1
            else "it needs two complete models and two datasets that tell them apart"
        )
        return Regret(pd.DataFrame(columns=columns), pd.Series(dtype=float), f"no regret: {few}")
    assert frame is not None
    metric = Metric.of(metric)
    sign = 1 if metric.higher_is_better else -1
    gained = sign * means[datasets] * percent_factor(means[datasets].max(), metric)
    lost = gained.max() - gained
    rows, reason = {}, ""
    if len(datasets) < FEWEST:
        reason = (
            f"no regret of the xScore: it needs {FEWEST} datasets that tell the models apart, since one is held out and a "
            "variance needs two"
        )
    for dataset in datasets:
        rest = [name for name in datasets if name != dataset]
        scores = pd.Series(np.nan, means.index) if reason else xscore(means[rest], lam, frame.only(rest))["xscore"]
        chosen = _best(scores)
        rows[dataset] = {
            "chosen": ", ".join(map(str, chosen)),
            "best": ", ".join(map(str, _best(gained[dataset]))),
            "xscore": lost.loc[chosen, dataset].mean(),
            "mean": lost.loc[_best(gained[rest].mean(axis=1)), dataset].mean(),
            "random": lost[dataset].mean(),
        }
    alone = {name: lost.loc[_best(gained[name])].drop(columns=name).mean().mean() for name in datasets}
    found = pd.DataFrame.from_dict(rows, orient="index", columns=columns).rename_axis("dataset")
    return Regret(
        found,
        pd.Series(alone, dtype=float),
        reason,
        f"{points(metric)} {'below' if metric.higher_is_better else 'above'}",
        decimals(metric),
    )


def _best(values: pd.Series) -> list[str]:
    """The models with the highest value, to rounding."""
    return list(values.index[values >= values.max() - 1e-12 * max(1.0, abs(values.max()))])
