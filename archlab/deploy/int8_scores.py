"""What stored runs are worth in int8, measured in workers and kept."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace
from importlib.metadata import version
from typing import Any

from archlab.deploy.extras import onnx_runtime_version
from archlab.deploy.mending import VERSION as WAYS
from archlab.executors.settings import Settings, Task
from archlab.forecast.kept import keep_measurement, read_measurement
from archlab.forecast.planning import tries
from archlab.foundation.machine import cpu_name
from archlab.foundation.metric import Metric
from archlab.foundation.own_code import OwnCode, own_code
from archlab.foundation.words import counted
from archlab.runs.run import Run, digest
from archlab.runs.store import Store
from archlab.training.metrics import with_call

SCORE = "archlab.deploy.score_int8:score_in_int8"


def int8_scores(
    runs: Iterable[Run],
    store: Store,
    metric: Metric,
    settings: Settings,
    announce: Callable[[str], None] = lambda words: None,
) -> dict[str, dict[str, Any]]:
    """By key of a stored run what `archlab.deploy.score_int8.score_in_int8` finds; of one that cannot be scored its `cause`.

    Nothing is trained. What is known already is read; the rest is computed on this machine, as many at once as `settings` say.
    """
    wanted = {run.key: run for run in runs}
    kept = {key: read_measurement(store, "int8", _name(run, metric)) for key, run in wanted.items()}
    found: dict[str, dict[str, Any]] = {key: known for key, known in kept.items() if known is not None}
    new = [run for key, run in wanted.items() if key not in found]
    if not new:
        return found
    announce(f"scoring {counted(len(new), 'trained network')} in int8, once")
    # loading takes the blocks that a run carries
    alone = [replace(run, own_files=tuple(str(code.file) for code in _code_of(metric, run))) for run in new]
    on_cpu, task = replace(settings, device="cpu"), Task(SCORE, {"metric": metric.document()}, keep=False)
    for event in tries(alone, store, on_cpu, task):  # a worker a core, not one a GPU
        if event.kind == "finished":
            names = ("float", "int8", "drop", "low", "high", "images", "way")
            found[event.run.key] = {name: event.detail[name] for name in names}
            keep_measurement(store, "int8", _name(event.run, metric), found[event.run.key])
            done = sum(run.key in found for run in new)
            announce(f"[{done}/{len(new)}] {event.run} in int8: {100 * event.detail['drop']:.1f} points lost")
        elif event.kind == "failed":
            found[event.run.key] = {"cause": event.detail["cause"]}
            announce(f"{event.run}: not scored in int8: {event.detail['cause']}")
    return found


def _code_of(metric: Metric, run: Run) -> list[OwnCode]:
    """What computes a metric of the user's own; nothing of one of archlab's."""
    return [own_code(reference) for reference in with_call(metric, run.recipe).own or ()]


def _name(run: Run, metric: Metric) -> str:
    versions = [version("torch"), version("onnx"), onnx_runtime_version(), version("archlab")]
    texts = [code.canonical for code in _code_of(metric, run)]
    return digest([run.key, metric.document(), cpu_name(), WAYS, *versions, *texts])[:32]
