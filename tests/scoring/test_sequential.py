"""Boundaries against published constants, and sequential p-values against what they promise."""

import math
import time

import numpy as np
import pytest
from scipy import stats
from scipy.special import ndtr

from archlab.scoring.sequential import (
    _first,
    _next,
    _tail,
    counted_looks,
    critical_values,
    information_fraction,
    sequential_p,
    spent,
    t_value,
    z_values,
)

# Jennison, Turnbull 2000, tables 2.1 and 2.3: two-sided level .05, equally spaced looks
POCOCK = {2: 2.178, 3: 2.289, 4: 2.361, 5: 2.413, 10: 2.555}
OBRIEN_FLEMING = {2: 1.977, 3: 2.004, 4: 2.024, 5: 2.040, 10: 2.087}
EVERY_ROUND = tuple(round(seeds / 30, 3) for seeds in range(2, 31))


def crossing_probabilities(bounds, fractions, drift=0.0):
    """The chance to reach an upper boundary first at each look, where z at fraction 1 has the expectation `drift`."""
    found, before = [], None
    # the bound is moved instead of the path, so that what is integrated stays around 0
    for bound, fraction in zip(bounds, fractions, strict=True):
        limit = np.array([bound - drift * np.sqrt(fraction)])
        if before is None:
            found.append(float(ndtr(-limit[0])))
            before = _first(limit, fraction)
        else:
            found.append(float(_tail(limit, before, fraction)[0][0]))
            before = _next(limit, before, fraction)
    return np.array(found)


@pytest.mark.parametrize("looks", POCOCK)
def test_published_boundaries_are_crossed_with_5_percent(looks):
    fractions = np.arange(1, looks + 1) / looks
    for bounds in (np.full(looks, POCOCK[looks]), OBRIEN_FLEMING[looks] / np.sqrt(fractions)):
        assert 2 * crossing_probabilities(bounds, fractions).sum() == pytest.approx(0.05, abs=1.5e-4)


@pytest.mark.parametrize("drift", [0.0, 2.5])
def test_crossing_probabilities_are_those_of_a_multivariate_normal(drift):
    fractions, bounds = np.array([0.3, 0.55, 1.0]), np.array([2.4, 2.2, 2.0])
    covariance = np.sqrt(np.minimum.outer(fractions, fractions) / np.maximum.outer(fractions, fractions))
    inside = [
        stats.multivariate_normal(drift * np.sqrt(fractions[:k]), covariance[:k, :k]).cdf(bounds[:k]) for k in (1, 2, 3)
    ]
    found = crossing_probabilities(bounds, fractions, drift)
    assert found == pytest.approx(-np.diff([1.0, *inside]), abs=2e-5)


@pytest.mark.parametrize("level", [0.025, 0.05, 0.002, 1e-5])
@pytest.mark.parametrize("fractions", [EVERY_ROUND, (0.9, 0.92, 0.95, 1.0), (0.05, 0.5), (1.0,)])
def test_the_boundary_spends_the_level_as_the_function_says(fractions, level):
    chances = crossing_probabilities(critical_values(fractions, level), fractions)
    assert chances.cumsum() == pytest.approx([spent(level, fraction) for fraction in fractions], rel=1e-3)


@pytest.mark.parametrize("fractions", [EVERY_ROUND, (0.9, 0.92, 0.95, 1.0)])
def test_a_lower_level_has_a_higher_boundary_at_every_look(fractions):
    bounds = np.array([critical_values(fractions, level) for level in np.geomspace(1e-7, 0.5, 60)])
    assert (np.diff(bounds, axis=0) < 0).all()


def test_the_p_value_is_the_level_whose_boundary_is_just_reached():
    level = 0.013
    bounds = critical_values(EVERY_ROUND, level)
    for look in (0, 7, 28):
        z = np.full(len(bounds), -9.0)
        z[look] = bounds[look]
        assert sequential_p(z, EVERY_ROUND)[look] == pytest.approx(level, rel=1e-3)


def test_one_look_is_the_fixed_test():
    z = np.array([[-9.0], [-1.0], [0.3], [2.0], [5.5], [12.0]])
    assert sequential_p(z, (1.0,)) == pytest.approx(stats.norm.sf(z), rel=1e-9)
    t, freedom = 4.2, 3
    p = sequential_p(z_values(np.array([t]), freedom, (1.0,)), (1.0,))[0]
    assert p == pytest.approx(stats.t.sf(t, freedom), rel=1e-9)
    assert t_value(float(z_values(np.array([t]), freedom, (1.0,))[0]), freedom, (1.0,)) == pytest.approx(t)
    assert z_values(np.array([2.0, 0.0]), math.inf, (0.5,)) == pytest.approx([2.0, 0.0])


def test_later_looks_never_raise_a_p_value_and_looking_earlier_never_lowers_it():
    z = np.random.default_rng(0).normal(1.5, 1, (200, len(EVERY_ROUND)))
    assert (np.diff(sequential_p(z, EVERY_ROUND), axis=1) <= 0).all()
    at_the_end = z.copy()
    at_the_end[:, :-1] = -9
    once = sequential_p(at_the_end[:, -1:], (1.0,))[:, 0]
    small = once < 0.5
    assert (sequential_p(at_the_end, EVERY_ROUND)[small, -1] >= once[small]).all()


def test_looks_too_near_to_the_one_before_are_passed_over_and_the_last_spends_all():
    assert counted_looks([0.5, 0.51, 0.53, 0.99, 1.0]) == ([0, 2, 3], (0.5, 0.53, 1.0))
    assert counted_looks([1.0]) == ([0], (1.0,))
    assert counted_looks([0.0001, 0.5]) == ([0, 1], (0.001, 0.5))


def test_estimates_with_noise_of_images_have_independent_increments_in_information():
    """The image part is drawn once; the correlation of two z is the root of the ratio of their information."""
    image, seed, most = 0.4, 1.5, 20
    rng = np.random.default_rng(0)
    runs = rng.normal(0, seed, (100_000, most)) + rng.normal(0, image, (100_000, 1))
    counts = np.array([2, 5, 12, 20])
    z = (runs.cumsum(axis=1) / np.arange(1, most + 1))[:, counts - 1] / np.sqrt(image**2 + seed**2 / counts)
    fractions = np.array([information_fraction(image, seed, n, most) for n in counts])
    expected = np.sqrt(np.minimum.outer(fractions, fractions) / np.maximum.outer(fractions, fractions))
    assert np.corrcoef(z.T) == pytest.approx(expected, abs=0.01)


def test_100_contrasts_of_30_looks_take_less_than_a_second():
    fractions = tuple(round(seeds / 31, 3) for seeds in range(2, 32))
    z = np.random.default_rng(0).standard_normal((100, 30))
    start = time.process_time()
    sequential_p(z, fractions)
    assert time.process_time() - start < 1
