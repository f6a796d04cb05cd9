"""Simulated studies of options against a base, with a look after every round of seeds, whose truth is known."""

from dataclasses import dataclass

import numpy as np

from archlab.scoring.allocation import shares_of
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


def stopping(
    effects, most, *, studies, seed, deviations=(1.3,), matters=1.0, image=0.0, once=False, stop=True, paired=False
) -> Stopping:
    """Runs of normal noise; the base goes on as long as an option does, an option until its contrast is decided.

    Args:
        effects: In the mean over datasets, by option, or studies x options.
        most: Seeds of each model at most.
        deviations: Between seeds, by dataset.
        image: Standard error of each difference from the test images.
        once: One look, at the most seeds, the same for all.
        stop: Else everybody goes on to the end.
        paired: As many degrees of freedom as are left where what a seed does to all models is taken out.
    """
    rng, deviations = np.random.default_rng(seed), np.array(deviations)
    effects = np.broadcast_to(effects, (studies, np.shape(effects)[-1]))
    options, datasets = effects.shape[1], len(deviations)
    values = deviations[:, None] * rng.standard_normal((studies, options + 1, datasets, most))
    values[:, 1:] += (effects + image * rng.standard_normal(effects.shape))[:, :, None, None]
    sums, squares = values.cumsum(axis=-1), (values**2).cumsum(axis=-1)
    rounds = [most] if once else range(2, most + 1)
    one = (2 * (deviations**2).mean() / datasets) ** 0.5
    at, fractions = counted_looks([information_fraction(image, one, seeds, most) for seeds in rounds])
    by_dataset = np.full((studies, datasets), rounds[0])
    seeds = np.full((studies, options + 1, datasets), rounds[0])
    z = np.full((studies, options, 4, len(at)), np.nan)
    is_open, shares = np.ones((studies, options), bool), np.ones((studies, datasets))
    for look, now in enumerate(rounds[index] for index in at):
        if look:
            by_dataset = np.maximum(by_dataset, np.ceil(now * shares - 1e-9).astype(int))
        moving = np.concatenate([is_open.any(axis=1, keepdims=True), is_open], axis=1)
        seeds = np.where(moving[:, :, None], by_dataset[:, None], seeds)
        means, freedom, variance = _pooled(sums, squares, seeds, paired)
        difference = (means[:, 1:] - means[:, :1]).mean(axis=2)
        parts = variance[:, None] * (1 / seeds[:, 1:] + 1 / seeds[:, :1])
        error = np.sqrt(image**2 + parts.sum(axis=2) / datasets**2)
        together = parts.sum(axis=2) ** 2 / (parts**2 / freedom[:, None]).sum(axis=2)
        against = np.stack([difference, -difference, difference + matters, matters - difference], axis=2)
        found = z_values(against / error[:, :, None], together[:, :, None], fractions)
        z[..., look] = np.where(is_open[:, :, None], found, np.nan)
        shares = shares_of(variance, freedom)
        if stop or look == len(at) - 1:
            p = sequential_p(z[..., : look + 1], fractions[: look + 1])[..., -1]
            claims = [adjusted(np.minimum(2 * each[:, :2].min(1), 1), each[:, 2:].max(1)) for each in p]
            differs, same = (np.array([pair[kind] for pair in claims]) < 0.05 for kind in (0, 1))
            is_open &= ~(differs | same)
    return Stopping(differs, same, seeds.sum(axis=(1, 2)))


def _pooled(sums, squares, seeds, paired):
    """Means by model and dataset, and by dataset the variance of a run over all models with its degrees of freedom."""
    at = seeds[..., None] - 1
    means = np.take_along_axis(sums, at, -1)[..., 0] / seeds
    rest = np.take_along_axis(squares, at, -1)[..., 0] - seeds * means**2
    counted = slice(1 if paired else 0, None)
    freedom = (seeds[:, counted] - 1).sum(axis=1)
    return means, freedom, rest[:, counted].sum(axis=1) / freedom
