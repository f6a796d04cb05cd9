"""Latencies of models on this machine, measured once in a worker and kept."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from importlib.metadata import version
from typing import Any

from archlab.deploy.extras import missing, onnx_runtime_version
from archlab.executors.settings import Settings, Task
from archlab.forecast.costs import model_of
from archlab.forecast.kept import keep_measurement, read_measurement
from archlab.forecast.planning import tries
from archlab.foundation.machine import cpu_name, gpu_names
from archlab.foundation.words import counted
from archlab.runs.code import code_digest
from archlab.runs.run import Run, digest
from archlab.runs.store import Store

MEASURE = "archlab.deploy.time_models:time_models"
TOGETHER = 5  # models in a worker's memory, taking turns; what it tells of them fits into one message


def run_to_time(
    name: str,
    architecture: dict[str, Any],
    width: float,
    own_files: Iterable[str] = (),
    *,
    classes: int,
    resolution: int,
    smallest_map: int | None,
) -> Run:
    """A run of no dataset: the model, given in its canonical form, as it is timed, whatever it is trained on."""
    files = tuple(own_files)
    return Run(
        architecture=architecture,
        width=width,
        num_classes=classes,
        dataset="",
        dataset_digest="",
        resolution=resolution,
        smallest_map=smallest_map,
        recipe={},
        seed=0,
        code=code_digest(architecture, files),
        model=name,
        own_files=files,
    )


def latencies(
    runs: Iterable[Run],
    store: Store,
    time_limit: float | None = None,
    announce: Callable[[str], None] = lambda words: None,
) -> dict[str, list[dict[str, Any]]]:
    """The latencies of the models of `runs`, which have one resolution, by key: a list of
    `archlab.deploy.timing.Latency` as dicts, the first that of the CPU in float.

    What is not known yet is measured now, while nothing else should run. A model that cannot be measured, or not within
    `time_limit` seconds, is left out; all are without the extra `onnx`.
    """
    if missing("onnx"):
        return {}
    wanted = {run.key: run for run in runs}
    found = {key: known for key, run in wanted.items() if (known := _kept(run, store)) is not None}
    new = [run for key, run in wanted.items() if key not in found]
    if new:
        announce(f"timing {counted(len(new), 'network')} in ONNX Runtime, once")
    for at in range(0, len(new), TOGETHER):
        together = new[at : at + TOGETHER]
        measured = _measured(together, store, time_limit)
        if not measured and len(together) > 1:  # one that ends the worker takes the others along
            for run in together:
                measured |= _measured([run], store, time_limit)
        for run in together:
            if run.key in measured:
                keep_measurement(store, "latencies", _name(run), measured[run.key])
        found |= measured
    return found


def not_timed(runs: Iterable[Run], store: Store) -> list[Run]:
    """Those of distinct models that `latencies` would measure, with the extra `onnx`."""
    if missing("onnx"):
        return []
    return list({_name(run): run for run in runs if _kept(run, store) is None}.values())


BESIDE = "latencies_beside"
"""Those of the CPU alone, of machines that have a GPU."""


def latency_beside(
    run: Run, other: Run, milliseconds: float, store: Store, time_limit: float | None = None
) -> float | None:
    """Milliseconds of the model of `run` for one image on this machine's CPU, in float; None where they cannot be measured, in
    `time_limit` seconds for each of the two.

    What is not known yet is measured now beside the model of `other`, which has the same resolution and takes `milliseconds`
    where nothing else computes. They take turns, so other processes may compute meanwhile: what counts, and is kept, is how
    many times as long as the other it takes. Nothing is kept of a GPU, which these keep busy.
    """
    if (known := _kept(run, store) or read_measurement(store, BESIDE, _name(run))) is not None:
        return known[0]["median_ms"] if known else None
    found = _measured([run, other], store, time_limit)
    if not all(found.get(each.key) for each in (run, other)):
        return None
    slower = found[other.key][0]["median_ms"] / milliseconds
    hardware = found[run.key][0]["hardware"]
    at_rest = [_divided(each, slower) for each in found[run.key] if each["hardware"] == hardware]
    of_all = len(at_rest) == len(found[run.key])
    keep_measurement(store, "latencies" if of_all else BESIDE, _name(run), at_rest)
    return at_rest[0]["median_ms"]


def _divided(latency: dict[str, Any], by: float) -> dict[str, Any]:
    return {name: value / by if name.endswith("_ms") else value for name, value in latency.items()}


def _kept(run: Run, store: Store) -> list[dict[str, Any]] | None:
    return read_measurement(store, "latencies", _name(run))


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
    versions = [version("torch"), onnx_runtime_version()]
    decisive = [*model_of(run), run.num_classes, run.code, cpu_name(), gpu_names(), "CPU time", *versions]
    return digest(decisive)[:32]
