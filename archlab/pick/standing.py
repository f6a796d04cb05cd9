"""Who leads on validation images, and who is surely behind: with the noise of both, the images and the seeds."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from archlab.foundation.metric import Metric
from archlab.pick.trainer import SPLIT, Attempt
from archlab.runs import Store
from archlab.scoring.contributions import contributions
from archlab.scoring.image_noise import on_dataset

Z = 1.959964  # of 95 %


@dataclass(frozen=True)
class Standing:
    """Models of one length of training, best first.

    Attributes:
        worth: Mean over the seeds of each, the higher the better.
        covariance: float (models, models), of these means: over other images of the same classes, paired, and other seeds.
    """

    models: tuple[str, ...]
    worth: tuple[float, ...]
    seeds: tuple[int, ...]
    covariance: np.ndarray

    def behind(self, model: str, leader: str | None = None) -> tuple[float, float]:
        """By how much it is worth less than the leader, and the standard error of that."""
        one, other = self.models.index(leader or self.models[0]), self.models.index(model)
        variance = self.covariance[one, one] + self.covariance[other, other] - 2 * self.covariance[one, other]
        return self.worth[one] - self.worth[other], math.sqrt(max(variance, 0.0))

    def interval(self, model: str, leader: str | None = None) -> tuple[float, float, float]:
        """By how much it is worth less than the leader; low and high, of 95 %."""
        difference, error = self.behind(model, leader)
        return difference, difference - Z * error, difference + Z * error

    @property
    def open(self) -> list[str]:
        """The leader, and who is not surely behind it."""
        return [model for model in self.models if model == self.models[0] or self.interval(model)[1] <= 0]


def standing(attempts: Sequence[Attempt], metric: Metric, store: Store) -> Standing:
    """Of runs of one length; each model has one or more seeds."""
    by_model: dict[str, list[Attempt]] = {}
    for attempt in attempts:
        by_model.setdefault(attempt.candidate.name, []).append(attempt)
    means = {model: float(np.mean([each.worth for each in own])) for model, own in by_model.items()}
    order = sorted(means, key=lambda model: -means[model])
    shares, strata = dict[str, list[np.ndarray]](), np.empty(0, dtype=int)
    for model in order:
        kept = [store.class_scores(each.run.key)[SPLIT] for each in by_model[model]]
        shares[model] = [contributions(metric.name, each.scores, each.labels) for each in kept]
        strata = _strata(kept[0].labels)
    covariance = on_dataset(shares, strata).covariance(order)
    covariance += np.diag([_between_seeds(by_model) / len(by_model[model]) for model in order])
    return Standing(
        tuple(order),
        tuple(means[model] for model in order),
        tuple(len(by_model[model]) for model in order),
        covariance,
    )


def error_between(one: Attempt, other: Attempt, metric: Metric, store: Store) -> float:
    """The standard error, over other images of the same classes, of the difference between two networks."""
    kept = [store.class_scores(each.run.key)[SPLIT] for each in (one, other)]
    shares = {str(at): [contributions(metric.name, each.scores, each.labels)] for at, each in enumerate(kept)}
    covariance = on_dataset(shares, _strata(kept[0].labels)).covariance(("0", "1"))
    return math.sqrt(max(covariance[0, 0] + covariance[1, 1] - 2 * covariance[0, 1], 0.0))


def _strata(labels: np.ndarray) -> np.ndarray:
    """The classes; those of a single image, which alone tells nothing of its noise, are one stratum with the smallest other."""
    counts = np.bincount(labels)
    alone = counts[labels] == 1
    if not alone.any():
        return labels
    several = np.flatnonzero(counts > 1)
    joined = several[counts[several].argmin()] if len(several) and alone.sum() == 1 else len(counts)
    return np.where(alone, joined, labels)


def _between_seeds(by_model: dict[str, list[Attempt]]) -> float:
    """The variance of a seed, pooled over the models that have several; 0 where none has, which only images tell apart."""
    several = [[each.worth for each in own] for own in by_model.values() if len(own) > 1]
    freedom = sum(len(own) - 1 for own in several)
    return sum(float(np.var(own)) * len(own) for own in several) / freedom if freedom else 0.0
