"""Simulated studies of options against a base, with a look after every round of seeds, whose truth is known."""

from dataclasses import dataclass

import numpy as np

from archlab.scoring.sequential import counted_looks, information_fraction, sequential_p, z_values
from archlab.scoring.verdicts import adjusted


@dataclass(frozen=True)
class Stopping:
    """Studies x options: differences and equivalences that are claimed, and by study the runs that it took."""

    differs: np.ndarray
    same: np.ndarray
    runs: np.ndarray

    @property
    def decided(self) -> np.ndarray:
        return self.differs | self.same


def stopping(effects, most, *, studies, seed, deviation=1.3, matters=1.0, image=0.0, once=False, stop=True) -> Stopping:
    """Runs of normal noise; the base goes on as long as an option does, an option until its contrast is decided.

    Args:
        effects: By option, or studies x options.
        most: Seeds of each model at most.
        image: Standard error of each difference from the test images.
        once: One look, at the most seeds.
        stop: Else everybody gets all seeds.
    """
    rng = np.random.default_rng(seed)
    effects = np.broadcast_to(effects, (studies, np.shape(effects)[-1]))
    options = effects.shape[1]
    values = deviation * rng.standard_normal((studies, options + 1, most))
    values[:, 1:] += (effects + image * rng.standard_normal(effects.shape))[:, :, None]
    sums, squares = values.cumsum(axis=2), (values**2).cumsum(axis=2)
    rounds = [most] if once else range(2, most + 1)
    at, fractions = counted_looks([information_fraction(image, 2**0.5 * deviation, n, most) for n in rounds])
    seeds = np.full((studies, options + 1), rounds[0])
    z = np.full((studies, options, 4, len(at)), np.nan)
    is_open = np.ones((studies, options), bool)
    for look, now in enumerate(rounds[index] for index in at):
        seeds[:, 1:][is_open] = now
        seeds[is_open.any(axis=1), 0] = now
        means, freedom, variance = _pooled(sums, squares, seeds)
        difference = means[:, 1:] - means[:, :1]
        error = np.sqrt(image**2 + variance[:, None] * (1 / seeds[:, 1:] + 1 / seeds[:, :1]))
        against = np.stack([difference, -difference, difference + matters, matters - difference], axis=2)
        found = z_values(against / error[:, :, None], freedom[:, None, None], fractions)
        z[..., look] = np.where(is_open[:, :, None], found, np.nan)
        if stop or look == len(at) - 1:
            p = sequential_p(z[..., : look + 1], fractions[: look + 1])[..., -1]
            claims = [adjusted(np.minimum(2 * each[:, :2].min(1), 1), each[:, 2:].max(1)) for each in p]
            differs, same = (np.array([pair[kind] for pair in claims]) < 0.05 for kind in (0, 1))
            is_open &= ~(differs | same)
    return Stopping(differs, same, seeds.sum(axis=1))


def _pooled(sums, squares, seeds):
    """Means by model, and the variance of a run over all models of a study with its degrees of freedom."""
    at = seeds[:, :, None] - 1
    means = np.take_along_axis(sums, at, 2)[..., 0] / seeds
    rest = np.take_along_axis(squares, at, 2)[..., 0] - seeds * means**2
    freedom = (seeds - 1).sum(axis=1)
    return means, freedom, rest.sum(axis=1) / freedom
