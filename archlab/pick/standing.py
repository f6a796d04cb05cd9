"""Who leads on validation images, and who is surely behind: with the noise of both, the images and the seeds."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from archlab.foundation.metric import Metric
from archlab.pick.trainer import SPLIT, Attempt, Trainer
from archlab.runs import Store
from archlab.scoring.contributions import contributions
from archlab.scoring.image_noise import on_dataset

LEVEL = 0.95


@dataclass(frozen=True)
class Standing:
    """Models of one length of training, best first.

    Attributes:
        worth: Mean over the seeds of each, the higher the better.
        covariance: float (models, models), of these means: over other images of the same classes, paired, and other seeds.
        seed_variance: float (models,), of these means, the part of seeds; 0 where no model has several, and only images are
            known to tell them apart.
        freedom: Degrees of freedom of that.
        image: What one image is worth: no difference is known better.
    """

    models: tuple[str, ...]
    worth: tuple[float, ...]
    seeds: tuple[int, ...]
    covariance: np.ndarray
    seed_variance: np.ndarray
    freedom: int
    image: float

    def behind(self, model: str, leader: str | None = None) -> tuple[float, float]:
        """By how much it is worth less than the leader, and the standard error of that."""
        one, other = self.models.index(leader or self.models[0]), self.models.index(model)
        variance = self.covariance[one, one] + self.covariance[other, other] - 2 * self.covariance[one, other]
        floor = 0.0 if one == other else self.image
        return self.worth[one] - self.worth[other], max(math.sqrt(max(variance, 0.0)), floor)

    def interval(self, model: str, leader: str | None = None) -> tuple[float, float, float]:
        """By how much it is worth less than the leader; low and high, of 95 %, by Student's t with Satterthwaite's degrees of
        freedom, since few seeds tell little of their variance."""
        from scipy.stats import t

        difference, error = self.behind(model, leader)
        of_seeds = sum(self.seed_variance[self.models.index(each)] for each in (leader or self.models[0], model))
        freedom = self.freedom * error**4 / of_seeds**2 if of_seeds else math.inf
        half = error * float(t.ppf((1 + LEVEL) / 2, freedom))
        return difference, difference - half, difference + half

    @property
    def open(self) -> list[str]:
        """The leader, and who may be as good: no difference is in the interval of what it is behind."""
        leader, *others = self.models
        return [leader, *(model for model in others if self.interval(model)[1] <= 0)]


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
    variance, freedom = _between_seeds(by_model)
    of_seeds = np.array([variance / len(by_model[model]) for model in order])
    return Standing(
        models=tuple(order),
        worth=tuple(means[model] for model in order),
        seeds=tuple(len(by_model[model]) for model in order),
        covariance=covariance + np.diag(of_seeds),
        seed_variance=of_seeds,
        freedom=freedom,
        image=1 / len(strata),
    )


def error_between(one: Attempt, other: Attempt, trainer: Trainer) -> float:
    """The standard error, over other images of the same classes, of the difference between two networks."""
    kept = [trainer.store.class_scores(each.run.key)[SPLIT] for each in (one, other)]
    shares = {str(at): [contributions(trainer.metric.name, each.scores, each.labels)] for at, each in enumerate(kept)}
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


def _between_seeds(by_model: dict[str, list[Attempt]]) -> tuple[float, int]:
    """The variance of a seed, pooled over the models that have several, and its degrees of freedom; 0 where none has."""
    several = [[each.worth for each in own] for own in by_model.values() if len(own) > 1]
    freedom = sum(len(own) - 1 for own in several)
    variance = sum(float(np.var(own)) * len(own) for own in several) / freedom if freedom else 0.0
    return variance, freedom
