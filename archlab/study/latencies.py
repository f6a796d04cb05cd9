"""The latency of a study's models on this machine, kept beside its results; a measurement, so never part of them."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

from archlab.forecast.latencies import latencies
from archlab.foundation import write_atomically
from archlab.runs import Store
from archlab.study.ablation import Cell
from archlab.study.resolved import ResolvedStudy

FILE = "latencies.json"


def save_latencies(study: ResolvedStudy, wanted: list[Cell], store: Store, folder: Path) -> None:
    """Writes `latencies.json`: by model with a stored run, its `archlab.budget.Latency` on each device of this machine.

    At the class count and resolution that costs refer to. What is not known yet is measured, so nothing else should run.
    """
    runs = {
        cell.model: dataclasses.replace(cell.run, num_classes=study.classes, resolution=study.resolution)
        for cell in wanted
        if cell.run.key in store
    }
    found = latencies(runs.values(), store)
    by_model = {model: found[run.key] for model, run in runs.items() if run.key in found}
    with write_atomically(folder / FILE) as temporary:
        temporary.write_text(json.dumps(by_model, indent=1), encoding="utf-8")
