"""Simulated results tables whose truth is known."""

from collections.abc import Mapping

import numpy as np
import pandas as pd


def simulate(expected: pd.DataFrame, deviation: float | np.ndarray, seeds: int, seed: int) -> pd.DataFrame:
    """A tidy table of `seeds` runs a cell around `expected` (models x datasets), with normal noise."""
    noise = np.random.default_rng(seed).standard_normal((*expected.shape, seeds))
    values = expected.to_numpy()[..., None] + noise * np.reshape(deviation, (1, -1, 1))
    index = pd.MultiIndex.from_product(
        [expected.index, expected.columns, range(seeds)], names=["model", "dataset", "seed"]
    )
    return pd.DataFrame({"value": values.ravel()}, index=index).reset_index().assign(split="test", metric="accuracy")


def table_of(values: Mapping[str, list[float]], datasets: int | None = None) -> pd.DataFrame:
    columns = [f"d{index}" for index in range(datasets or len(next(iter(values.values()))))]
    return pd.DataFrame.from_dict(values, orient="index", columns=columns)
