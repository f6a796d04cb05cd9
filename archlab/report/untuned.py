"""The stored runs of a tuned study as it is without tuning."""

from __future__ import annotations

from collections.abc import Container
from pathlib import Path
from typing import Any

import pandas as pd

from archlab.foundation import real
from archlab.foundation.metric import Metric
from archlab.runs import Store
from archlab.study.measuring import value_or_why

SPLIT = "test"


def read_untuned(
    folder: Path, found: dict[str, Any], datasets: Container[str], metric: Metric, home: Path
) -> pd.DataFrame | None:
    """The tidy table of their test images on the datasets; None where nothing was tuned, or a run is not stored.

    Nor is there one of a folder outside of the store whose metric is of a file: others may have made it, and no code is run.
    """
    if metric.own and not real(folder).is_relative_to(real(home / "studies")):
        return None
    store, rows = Store(home), []
    for run in found.get("tuning", {}).get("untuned", []):
        if run["dataset"] in datasets:
            value, _ = value_or_why(store.get(run["key"]), metric, SPLIT, store)
            named = {name: run[name] for name in ("model", "dataset", "seed")}
            rows.append({**named, "split": SPLIT, "metric": metric.name, "value": value})
    return pd.DataFrame(rows) if rows and all(row["value"] is not None for row in rows) else None
