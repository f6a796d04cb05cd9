"""The stored runs of a finished study, their learning curves, and what boards took for their networks."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pandas as pd

from archlab.deploy.board_measurements import network_of, read_measurements
from archlab.runs import Run, Store


def read_runs(cells: Iterable[dict[str, Any]], home: Path) -> tuple[list[dict[str, Any]], pd.DataFrame | None]:
    """Finished runs and learning curves of the cells whose runs are still stored."""
    store = Store(home)
    runs, curves = [], []
    for cell in cells:
        if cell["split"] != "test" or (result := store.get(cell["key"])) is None:
            continue
        name = {key: cell[key] for key in ("model", "dataset", "seed")}
        run, mode = result["run"], result["mode"]
        runs.append(
            {
                **name,
                "accuracy": cell["accuracy"],
                "seconds": result["seconds"],
                "key": cell["key"],
                "network": network_of(Run.from_document(run)),
                "fit": run["recipe"].get("fit"),
                "data": run["dataset_digest"],
                "code": run["code"],
                "finished": result["finished"],
                "archlab": result["archlab"],
                **{key: mode.get(key) for key in ("device", "hardware", "precision", "threads", "torch")},
            }
        )
        curves += [{**name, **epoch} for epoch in result["history"]]
    return runs, pd.DataFrame(curves) if curves else None


def measured_on_boards(runs: Iterable[dict[str, Any]], home: Path) -> list[dict[str, Any]]:
    """Of each model what boards took for the networks of its runs, in the model's name here; boards by name, float before int8.

    The fields of `archlab.deploy.board_measurements.BoardMeasurement`, without `network` and `replaced`.
    """
    by_network: dict[str, list[dict[str, Any]]] = {}
    for each in read_measurements(Store(home)):
        document = each.document()
        del document["replaced"]
        by_network.setdefault(each.network, []).append(document)
    models = dict.fromkeys((run["model"], run["network"]) for run in runs)
    found = [{**document, "model": model} for model, network in models for document in by_network.get(network, [])]
    return sorted(found, key=lambda row: [row[name] for name in ("target", "precision", "resolution", "classes")])
