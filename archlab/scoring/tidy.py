"""The results table: one tidy frame with the columns model, dataset, seed, split, metric, value.

`seed`, `split` and `metric` may be missing in a table from elsewhere: one seed, one split not stated, accuracy.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pandas as pd

from archlab.foundation import UserError
from archlab.foundation.metric import Metric

KEY = ["model", "dataset", "seed"]
REQUIRED = ["model", "dataset", "value"]


def cells(table: pd.DataFrame, split: str | None = None, metric: Metric | str = "accuracy") -> pd.DataFrame:
    """The rows of one split and metric as a frame model, dataset, seed, value, each cell once and finite.

    Without `split`, the table must hold one split only. Raises UserError for what cannot be scored: a missing
    column, no such split or metric, a cell given twice, a value that is no finite number.
    """
    missing = [column for column in REQUIRED if column not in table]
    if missing:
        raise UserError(f"the table has no column {missing[0]!r}", name=missing[0], known=map(str, table.columns))
    if table.empty:
        raise UserError("the table holds no values")
    if "metric" in table:
        table = _where_equal(table, "metric", str(metric))
    if split is not None and "split" in table:
        table = _where_equal(table, "split", split)
    elif "split" in table and table["split"].nunique() > 1:
        raise UserError(f"the table holds the splits {', '.join(sorted(table['split'].unique()))}: name one")
    rows = pd.DataFrame(
        {
            "model": table["model"].astype(str),
            "dataset": table["dataset"].astype(str),
            "seed": table.get("seed", 0),
            "value": pd.to_numeric(table["value"], errors="coerce"),
        }
    )
    bad = rows[~np.isfinite(rows["value"].astype(float))]
    if len(bad):
        row = bad.iloc[0]
        raise UserError(f"the value of {row['model']} on {row['dataset']} (seed {row['seed']}) is no finite number")
    twice = rows[rows.duplicated(KEY)]
    if len(twice):
        row = twice.iloc[0]
        raise UserError(f"{row['model']} on {row['dataset']} (seed {row['seed']}) is given twice")
    return rows.reset_index(drop=True)


def the_split(table: pd.DataFrame, split: str | None = None) -> str | None:
    """The split that `cells` reads: the one named, else the table's only one, else None (not stated)."""
    if split is None and "split" in table and table["split"].nunique() == 1:
        return str(table["split"].iloc[0])
    return split


def undefined_on(table: pd.DataFrame, metric: Metric | str) -> list[str]:
    """The datasets that a tidy table has values of, but of this metric none."""
    if "metric" not in table:
        return []
    known = set(table.loc[table["metric"] == str(metric), "dataset"])
    return [str(name) for name in dict.fromkeys(table["dataset"]) if name not in known]


def uneven_seeds(rows: pd.DataFrame) -> list[str]:
    """A sentence on the cells with the fewest and the most seeds; none where all have as many."""
    seeds = rows.groupby(["model", "dataset"])["seed"].count().reset_index()
    least, most = (seeds.loc[at] for at in (seeds["seed"].argmin(), seeds["seed"].argmax()))
    if least["seed"] == most["seed"]:
        return []
    words = [f"{cell['seed']} of {cell['model']} on {cell['dataset']}" for cell in (least, most)]
    return [f"uneven seeds: {', '.join(words)}"]


def seed_means(rows: pd.DataFrame) -> pd.DataFrame:
    """Models x datasets, each the mean over its seeds (NaN where a cell has none), in order of appearance."""
    means = rows.groupby(["model", "dataset"], sort=False)["value"].mean().unstack("dataset")
    return means.reindex(index=rows["model"].unique(), columns=rows["dataset"].unique())


def records(frame: pd.DataFrame) -> list[dict[str, Any]]:
    """The rows of a frame as dicts."""
    return [{str(name): value for name, value in row.items()} for row in frame.to_dict("records")]


def plain(value: float) -> float | None:
    """A number as JSON has it; None where it is not finite."""
    return float(value) if math.isfinite(value) else None


def _where_equal(table: pd.DataFrame, column: str, wanted: str) -> pd.DataFrame:
    found = table[table[column] == wanted]
    if found.empty:
        known = sorted(table[column].dropna().astype(str).unique())
        raise UserError(f"the table has no {column} {wanted!r}, only {', '.join(known)}", name=wanted, known=known)
    return found
