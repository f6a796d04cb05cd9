"""Latencies of models on this machine, measured once in a worker and kept."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from importlib.metadata import version
from typing import Any

from archlab.deploy.extras import missing
from archlab.executors.settings import Settings, Task
from archlab.forecast.costs import model_of
from archlab.forecast.kept import keep_measurement, read_measurement
from archlab.forecast.planning import tries
from archlab.foundation.machine import cpu_name, gpu_names
from archlab.runs.run import Run, digest
from archlab.runs.store import Store

MEASURE = "archlab.deploy.time_models:time_models"
TOGETHER = 8  # models in a worker's memory, taking turns; what it tells of them fits into one message


def latencies(
    runs: Iterable[Run],
    store: Store,
    time_limit: float | None = None,
    announce: Callable[[str], None] = lambda words: None,
) -> dict[str, list[dict[str, Any]]]:
    """The latencies of the models of `runs`, which have one resolution, by key: a list of
    `archlab.deploy.timing.Latency` as dicts, the first that of the CPU in float.

    What is not known yet is measured now, while nothing else should run. A model that cannot be measured is left out; one
    that takes longer than `time_limit` seconds takes those along that are measured with it. All are left out without the extra
    `onnx`.
    """
    if missing("onnx"):
        return {}
    wanted = {run.key: run for run in runs}
    kept = {key: read_measurement(store, "latencies", _name(run)) for key, run in wanted.items()}
    found = {key: known for key, known in kept.items() if known is not None}
    new = [run for key, run in wanted.items() if key not in found]
    if new:
        announce(f"timing {len(new)} networks in ONNX Runtime, once")
    for at in range(0, len(new), TOGETHER):
        found |= _measured(new[at : at + TOGETHER], store, time_limit)
    for run in new:
        if run.key in found:
            keep_measurement(store, "latencies", _name(run), found[run.key])
    return found


def latency_beside(run: Run, other: Run, store: Store, time_limit: float | None = None) -> float | None:
    """How many times as long as the model of `other`, at the same resolution, that of `run` takes for one image on this
    machine's CPU; None where it cannot be measured, in `time_limit` seconds each. They take turns, so other processes may
    compute meanwhile."""
    found = _measured([run, other], store, time_limit)
    if not all(found.get(each.key) for each in (run, other)):
        return None
    own, beside = (found[each.key][0]["median_ms"] for each in (run, other))
    return own / beside


def _measured(runs: list[Run], store: Store, time_limit: float | None = None) -> dict[str, list[dict[str, Any]]]:
    own_files = sorted({file for run in runs for file in run.own_files})
    task = Task(MEASURE, {"runs": [run.document() for run in runs], "own_files": own_files}, keep=False)
    found: dict[str, list[dict[str, Any]]] = {}
    together = time_limit and time_limit * len(runs)
    for event in tries(runs[:1], store, Settings(workers=1, time_limit=together), task):
        if event.kind == "finished":
            found = event.detail["latencies"]
    return found


def _name(run: Run) -> str:
    versions = [version(name) for name in ("torch", "onnxruntime")]
    decisive = [*model_of(run), run.num_classes, run.code, cpu_name(), gpu_names(), *versions]
    return digest(decisive)[:32]
