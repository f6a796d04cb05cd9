import math

import numpy as np
import pytest
from scipy import stats
from scipy.special import ndtr, ndtri

from archlab.scoring.deciding import Needed, chance_decided, chance_left, fixed_needed, what_would_decide
from archlab.scoring.sequential import information_fraction
from archlab.scoring.verdicts import Look, verdicts


def error_of(image, seed, seeds):
    return math.sqrt(image**2 + seed**2 / seeds)


@pytest.mark.parametrize(("effect", "outcome"), [(1.0, "difference"), (0.1, "same")])
def test_with_the_seeds_said_to_be_needed_about_80_percent_are_decided(effect, outcome):
    image, seed = 0.1, 1.8
    needed = getattr(what_would_decide(effect, image, seed, 4, 60, 1.0), outcome).seeds
    assert 4 < needed <= 60
    rng = np.random.default_rng(0)
    runs = effect + rng.normal(0, seed, (400, needed)) + rng.normal(0, image, (400, 1))
    counts = np.unique(np.linspace(2, needed, 12).astype(int))
    means = runs.cumsum(axis=1)[:, counts - 1] / counts
    decided = 0
    for row in means:
        looks = [
            Look(mean, error_of(image, seed, n), fraction=information_fraction(image, seed, n, 60))
            for mean, n in zip(row, counts, strict=True)
        ]
        found = verdicts([looks], 1.0)[0]
        decided += found.differs if outcome == "difference" else found.verdict == "same"
    assert decided / 400 == pytest.approx(0.8, abs=0.08)  # more looks, a few decided early


def test_a_fixed_test_is_the_limit_of_many_seeds():
    """Beyond what is possible: the usual sample size, with the last boundary's level."""
    found = what_would_decide(0.2, 0.0, 1.8, 5, 30, 1.0)
    usual = (1.8 * (ndtri(0.975) + ndtri(0.8)) / 0.2) ** 2
    assert usual < found.difference.seeds < 1.35 * usual
    assert found.same.seeds <= 60


def test_a_study_of_so_many_seeds_from_the_start_needs_the_usual_sample_size():
    quantiles = ndtri(0.975) + ndtri(0.8)
    assert fixed_needed(0.5, 0.0, 1.8, 4) == fixed_needed(-0.5, 0.0, 1.8, 4)
    assert fixed_needed(0.5, 0.0, 1.8, 4) == Needed(math.ceil((1.8 * quantiles / 0.5) ** 2), None)
    both_sides = ndtri(0.95) + ndtri(
        0.9
    )  # two one-sided tests, each with half of the error that a power of 80 % leaves
    assert fixed_needed(0.0, 0.0, 1.8, 4, matters=1.0) == Needed(math.ceil((1.8 * both_sides) ** 2), None)
    assert fixed_needed(1.0, 0.5, 1.8, 4) == Needed(None, pytest.approx((0.5 * quantiles) ** 2))
    assert fixed_needed(10.0, 0.0, 1.8, 4) == Needed(5, None), "four have not decided it"
    assert fixed_needed(1e-4, 0.0, 1.8, 4) == fixed_needed(0.0, 0.0, 1.8, 4) == Needed(None, None)


def test_where_the_images_alone_leave_it_open_it_says_how_many_more():
    image, seed, most = 0.5, 1.0, 20
    found = what_would_decide(1.0, image, seed, 4, most)
    assert found.difference.seeds is None and found.same is None
    again = what_would_decide(1.0, image / math.sqrt(found.difference.images), seed, most - 1, most)
    assert again.difference.seeds is not None and again.difference.seeds <= 1.15 * most


def test_what_nothing_decides():
    assert what_would_decide(0.0, 0.1, 0.9798, 4, 30).difference == Needed(None, None)
    assert what_would_decide(1.5, 0.1, 0.9798, 4, 30, 1.0).same == Needed(None, None)
    assert what_would_decide(1e-4, 0.0, 1, 4, 30).difference == Needed(None, None)


def test_needed_seeds_fall_with_the_difference_and_rise_with_the_strictness():
    by_size = [what_would_decide(size, 0.05, 1.797, 4, 40).difference.seeds for size in (0.6, 0.8, 1.2, 2.0)]
    assert by_size == sorted(by_size, reverse=True) and by_size[-1] >= 5
    strict = [what_would_decide(1.0, 0.05, 1.797, 4, 40, level=level).difference.seeds for level in (0.05, 0.01, 0.001)]
    assert strict == sorted(strict)


def test_the_chance_of_a_decision():
    assert chance_decided([0.5], effect=1.0) == pytest.approx(ndtr(2 - 1.96) + ndtr(-2 - 1.96), abs=0.03)
    assert chance_decided([2.0, 1.0, 0.5]) == pytest.approx(0.05, abs=0.015)
    both = 2 * ndtr(1 / 0.3 - 1.645) - 1
    assert chance_decided([0.3], 1.0) == pytest.approx(both + 0.05 * (both < 0), abs=0.06)
    rounds = [1.8 / math.sqrt(n) for n in range(2, 31)]
    chances = [chance_decided(rounds[:looks], 1.0, spread=1.5) for looks in (1, 5, 15, 29)]
    assert chances == sorted(chances) and chances[-1] > 0.8


@pytest.mark.parametrize(
    ("difference", "matters", "outcome"),
    [(7e-15, 1.0, "difference"), (1.0 - 1e-15, 1.0, "same"), (0.0, None, "difference")],
)
def test_nothing_decides_what_is_none_but_for_rounding(difference, matters, outcome):
    assert getattr(what_would_decide(difference, 0.0, 1, 4, 30, matters), outcome) == Needed(None, None)


def test_the_chance_left_is_that_of_the_last_look():
    """By simulation: what the difference will be at the most seeds, as it looks now."""
    rng = np.random.default_rng(0)
    for difference, image, seeds, most, matters in [
        (0.8, 0.0, 4, 30, None),
        (0.3, 0.2, 6, 20, 1.0),
        (1.5, 0.6, 8, 12, 1.0),
    ]:
        error, last = math.hypot(image, 2 / math.sqrt(seeds)), math.hypot(image, 2 / math.sqrt(most))
        ends = difference + math.sqrt(error**2 - last**2) * rng.standard_normal(200_000)
        decided = np.abs(ends) / last > stats.norm.isf(0.025)
        if matters:
            decided |= np.abs(ends) < matters - stats.norm.isf(0.05) * last
        chance = chance_left(difference, image, 2.0, error, most, matters)
        assert chance == pytest.approx(decided.mean(), abs=0.005)
    assert chance_left(0.1, 5.0, 2.0, 5.1, 30, 1.0) < 0.05  # of the test images, hardly any seeds
