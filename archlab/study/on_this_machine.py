"""What a study's trained networks are where they are deployed: files of measurements of this machine, beside its results."""

from __future__ import annotations

import json
from collections.abc import Callable

from archlab.deploy.int8_scores import int8_scores
from archlab.deploy.latencies import latencies
from archlab.executors import Settings
from archlab.foundation import write_file
from archlab.foundation.checksums import noting_checksums
from archlab.study.ablation import Ablation
from archlab.study.latency import runs_to_time

LATENCIES, INT8 = "latencies.json", "int8.json"


def save_latencies(
    ablation: Ablation, time_limit: float | None = None, announce: Callable[[str], None] = lambda words: None
) -> None:
    """Writes `latencies.json`, with the extra `onnx`: by model with a stored run, its `archlab.deploy.timing.Latency` in
    each precision on this machine's CPU, and on its GPU.

    At the class count and resolution that costs refer to. What is not known yet is measured, so nothing else should run; no
    model may take longer than `time_limit` seconds. A measurement, and so never part of the results.
    """
    stored = {run.model for run in ablation.runs if run.key in ablation.store}
    to_time = runs_to_time(ablation.study, ablation.study.models)
    runs = {model.name: to_time[model.name] for model in ablation.study.models if model.name in stored}
    found = latencies(runs.values(), ablation.store, time_limit, announce)
    by_model = {model: found[run.key] for model, run in runs.items() if run.key in found}
    with noting_checksums(ablation.folder, [LATENCIES]):
        write_file(ablation.folder / LATENCIES, json.dumps(by_model, indent=1))


def save_int8(ablation: Ablation, settings: Settings, announce: Callable[[str], None] = lambda words: None) -> None:
    """Writes `int8.json` where the study asks for that precision: of each stored run model, dataset, seed, key, and what
    `archlab.deploy.int8_scores` found. A measurement of this machine, and so never part of the results."""
    file = ablation.folder / INT8
    if "int8" not in ablation.study.precision:
        if file.exists():
            with noting_checksums(ablation.folder, [INT8]):
                file.unlink()
        return
    runs = [run for run in ablation.runs if run.key in ablation.store]
    found = int8_scores(runs, ablation.store, ablation.study.metric, settings, announce)
    rows = [
        {"model": run.model, "dataset": run.dataset, "seed": run.seed, "key": run.key, **found[run.key]}
        for run in runs
        if run.key in found
    ]
    with noting_checksums(ablation.folder, [INT8]):
        write_file(file, json.dumps(rows, indent=1))
