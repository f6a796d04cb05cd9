"""What would decide a contrast, seeds or test images and how many; and how likely a decision is before anything has run."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from scipy.optimize import brentq
from scipy.special import ndtr, ndtri

from archlab.scoring.intervals import LEVEL
from archlab.scoring.sequential import counted_looks, critical_values, information_fraction

POWER = 0.8  # of what is said to be needed
MOST_SEEDS = 10_000  # a difference that needs more is called too small to decide
DRAWS = 4000  # of paths: the chance of a decision is known to .8 points


@dataclass(frozen=True)
class Needed:
    """What one outcome needs, if the true difference is as it looks now, for a power of 80 %.

    Args:
        seeds: Of each model in all. More than were possible: so many would be needed. None: no number of seeds decides it.
        images: How many times as many test images would decide it, at the most seeds (in a study that does not stop, at any
            number of them). None where seeds alone can, and where images cannot either.
    """

    seeds: int | None
    images: float | None


@dataclass(frozen=True)
class WouldDecide:
    """What decides that there is a difference, and that it is none that matters (None without `matters`)."""

    difference: Needed
    same: Needed | None


def soonest(found: Sequence[Needed]) -> Needed:
    """What takes the fewest seeds, else the fewest images."""
    return min(found, key=lambda each: (each.seeds or math.inf, each.images or math.inf))


def fixed_needed(
    difference: float, image: float, seed: float, seeds: int, matters: float | None = None, level: float = 1 - LEVEL
) -> Needed:
    """What would decide a contrast in a study of so many seeds from the start, in one way or the other.

    Args:
        difference: As it looks now.
        image, seed: Of its standard error, what the test images leave, and what one seed of each model does of the rest.
        seeds: Of each model now, which do not decide it.
        matters, level: As in `what_would_decide`.
    """
    size, power = abs(difference), float(ndtri(POWER))
    errors = [size / (float(ndtri(1 - level / 2)) + power)]
    if matters is not None:
        errors.append((matters - size) / (float(ndtri(1 - level)) + float(ndtri((1 + POWER) / 2))))
    return soonest([_reached(error, image, seed, seeds) for error in errors])


def _reached(error: float, image: float, seed: float, seeds: int) -> Needed:
    """What brings the standard error down to one above 0."""
    if error <= 0:
        return Needed(None, None)
    if error <= image:
        return Needed(None, (image / error) ** 2)
    needed = max(math.ceil(seed**2 / (error**2 - image**2)), seeds + 1)
    return Needed(needed, None) if needed <= MOST_SEEDS else Needed(None, None)


def what_would_decide(
    difference: float,
    image: float,
    seed: float,
    seeds: int,
    most_seeds: int,
    matters: float | None = None,
    level: float = 1 - LEVEL,
) -> WouldDecide:
    """Seeds or test images that would decide a contrast, with looks after every seed, for each of the two outcomes.

    Args:
        difference: Of the last look.
        image, seed: Of its error, what the test images leave, and what one seed of each model does of the rest.
        seeds, most_seeds: Of each model, now and at most.
        matters: As in `verdicts`.
        level: Two-sided; .05 divided by the number of contrasts that are still open.
    """
    plan = _Plan(image, seed, seeds, max(most_seeds, seeds))
    size = abs(difference)

    def differs(error: float | np.ndarray, critical: float | np.ndarray) -> np.ndarray:
        return ndtr(size / error - critical)

    def same(error: float | np.ndarray, critical: float | np.ndarray) -> np.ndarray:
        """Both one-sided tests reject."""
        limit = math.nan if matters is None else matters
        return np.maximum(ndtr((limit - size) / error - critical) - ndtr(critical - (limit + size) / error), 0.0)

    found = plan.needed(differs, level / 2, size > 0)
    return WouldDecide(found, None if matters is None else plan.needed(same, level, size < matters))


@dataclass(frozen=True)
class _Plan:
    image: float
    seed: float
    seeds: int
    most_seeds: int

    def error(self, seeds: int) -> float:
        return math.sqrt(self.image**2 + self.seed**2 / seeds)

    def needed(self, power: Callable, level: float, possible: bool) -> Needed:
        """Needed for a test whose power falls with the error, at a one-sided level."""
        if not possible:
            return Needed(None, None)
        rounds = range(min(2, self.seeds), self.most_seeds + 1)
        fractions = [information_fraction(self.image, self.seed, seeds, self.most_seeds) for seeds in rounds]
        at, counted = counted_looks(fractions)
        critical = critical_values(counted, level)
        for index, bound in zip(at, critical, strict=True):
            if rounds[index] > self.seeds and power(self.error(rounds[index]), bound) >= POWER:
                return Needed(rounds[index], None)
        if power(math.exp(-30), critical[-1]) < POWER:  # a difference that is none but for rounding
            return Needed(None, None)
        largest = brentq(lambda log: power(math.exp(log), critical[-1]) - POWER, -30, 30)
        variance = math.exp(largest) ** 2
        if variance > self.image**2:
            seeds = max(math.ceil(self.seed**2 / (variance - self.image**2)), self.seeds + 1)
            if seeds <= MOST_SEEDS:
                return Needed(seeds, None)
        left = variance - self.seed**2 / self.most_seeds
        return Needed(None, self.image**2 / left if left > 0 and self.image > 0 else None)


def chance_left(
    difference: float,
    image: float,
    seed: float,
    error: float,
    most_seeds: int,
    matters: float | None = None,
    level: float = 1 - LEVEL,
) -> float:
    """The chance that the most seeds decide a contrast that is open now, in whichever way: the predictive power.

    D. J. Spiegelhalter, L. S. Freedman, P. R. Blackburn: "Monitoring clinical trials: conditional or predictive power?",
    Controlled Clinical Trials 7, 1986. Of the last look alone, whose bound is taken without what earlier ones have spent.

    Args:
        difference, error: As it looks now.
        image, seed: Of the error, what the test images leave, and what one seed of each model does of the rest.
        matters, level: As in `what_would_decide`.
    """
    last = math.hypot(image, seed / math.sqrt(most_seeds))
    spread = math.sqrt(max(error**2 - last**2, 0.0))  # of what the difference will be, as it looks now

    def beyond(bound: float) -> float:
        """The chance that it will be above the bound."""
        return float(ndtr((difference - bound) / spread)) if spread else float(difference > bound)

    bound = last * float(ndtri(1 - level / 2))
    chance = beyond(bound) + 1 - beyond(-bound)
    if matters is not None and (room := matters - last * float(ndtri(1 - level))) > 0:
        inside = min(room, bound)  # what lies outside of `bound` is counted already
        chance += beyond(-inside) - beyond(inside)
    return min(chance, 1.0)


def chance_decided(
    errors: Sequence[float],
    matters: float | None = None,
    level: float = 1 - LEVEL,
    effect: float = 0.0,
    spread: float = 0.0,
) -> float:
    """The chance that a contrast is decided, in whichever way, by the last look of a plan.

    Simulated with known errors, so a little too high where a few seeds must estimate them. The same arguments give the same.

    Args:
        errors: The standard error expected at each planned look, falling.
        matters, level: As in `what_would_decide`.
        effect, spread: The true difference: normal around `effect` with this standard deviation; 0 is that effect itself.
    """
    at, fractions = counted_looks([(errors[-1] / error) ** 2 for error in errors])
    deviations = np.array([errors[index] for index in at])
    rng = np.random.default_rng(0)
    truth = effect + spread * rng.standard_normal((DRAWS, 1))
    steps = rng.standard_normal((DRAWS, len(at))) * np.sqrt(np.diff((0.0, *fractions)))
    differences = truth + deviations * steps.cumsum(axis=1) / np.sqrt(fractions)
    bounds = critical_values(fractions, level / 2)
    decided = (np.abs(differences) / deviations >= bounds).any(axis=1)
    if matters is not None:
        bounds = critical_values(fractions, level)
        above = ((differences + matters) / deviations >= bounds).any(axis=1)
        decided |= above & ((matters - differences) / deviations >= bounds).any(axis=1)
    return float(decided.mean())
