"""Seeds go where they lower the error of the mean over datasets most."""

import numpy as np
import pandas as pd
import pytest
from scipy import optimize

from archlab.scoring.allocation import LEAST_SHARE, seed_shares, shares_of
from archlab.scoring.noise import seed_noise


def table_of(deviations, seeds=200, models=3):
    rng = np.random.default_rng(0)
    return pd.DataFrame(
        [
            (f"m{model}", f"d{at}", seed, rng.normal(0.5, deviation))
            for at, deviation in enumerate(deviations)
            for model in range(models)
            for seed in range(seeds)
        ],
        columns=["model", "dataset", "seed", "value"],
    )


def test_of_all_ways_to_share_so_many_seeds_it_leaves_the_smallest_error():
    variance = np.array([4.8, 3.1, 2.0]) ** 2
    shares = shares_of(variance, np.full(3, 1e9))
    best = optimize.minimize(
        lambda seeds: (variance / seeds).sum(),
        np.ones(3),
        bounds=[(0.01, 3)] * 3,
        constraints=[{"type": "eq", "fun": lambda seeds: seeds.sum() - 3}],
    )
    assert shares / shares.sum() == pytest.approx(best.x / best.x.sum(), abs=1e-3)


def test_a_variance_that_is_small_by_chance_is_drawn_towards_the_others():
    """Of two models with two seeds each it says next to nothing."""
    little, much = (shares_of(np.array([1.0, 0.0001]), np.full(2, freedom))[1] for freedom in (1.0, 1000.0))
    assert little > 0.9 and much == LEAST_SHARE


def test_datasets_of_a_table_by_their_noise_and_what_their_values_are_divided_by():
    noise = seed_noise(table_of([0.04, 0.02, 0.001]))
    shares = seed_shares(noise)
    assert shares["d0"] == 1 and shares["d1"] == pytest.approx(0.5, abs=0.05) and shares["d2"] == LEAST_SHARE
    turned = seed_shares(noise, {"d0": 0.8, "d1": -0.2})
    assert turned["d1"] == 1 and turned["d0"] == pytest.approx(0.5, abs=0.05) and turned["d2"] == LEAST_SHARE


@pytest.mark.parametrize("table", [table_of([0.04, 0.02], seeds=1), table_of([0.0, 0.0])])
def test_where_the_noise_is_not_known_all_get_as_many(table):
    assert seed_shares(seed_noise(table)) == {"d0": 1.0, "d1": 1.0}
