"""Stand-ins for training, without torch: what a worker process calls in the tests of this room."""

from __future__ import annotations

import ctypes
import logging
import os
import resource
import signal
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from archlab.executors import Outcome, Settings, Task, execute
from archlab.foundation import UserError
from archlab.runs import Run


@dataclass
class Trained:
    metrics: dict[str, dict[str, float]]
    history: list[dict[str, Any]]
    weights: dict[str, Any] = field(default_factory=dict)
    mode: dict[str, Any] = field(default_factory=lambda: {"device": "cpu"})
    seconds: float = 0.0
    peak_memory: int | None = None


def make_run(seed: int = 0, **changes: Any) -> Run:
    fields: dict[str, Any] = {
        "architecture": {"layers": [{"block": "conv", "arguments": {"out": 8}}], "head": {}, "resolution": 32},
        "width": 1.0,
        "num_classes": 10,
        "dataset": "digits",
        "dataset_digest": "d" * 64,
        "resolution": 32,
        "smallest_map": 2,
        "recipe": {"epochs": 2},
        "code": "c" * 32,
        "model": "toy",
    }
    return Run(**{**fields, "seed": seed, **changes})


def compute(
    runs: Any,
    store: Any,
    *,
    function: str = "standin:train",
    options: dict[str, Any] | None = None,
    on_event: Any = None,
    **settings: Any,
) -> Outcome:
    """`execute` with a stand-in for training, one worker unless told."""
    settings = {"workers": 1, **settings}
    return execute(runs, store, Settings(**settings), task=Task(function, options or {}), on_event=on_event)


def make_trained(run: Run) -> Trained:
    """A result that depends on the run's key alone."""
    chance = np.random.default_rng(int(run.key[:15], 16))
    accuracies = chance.random(4)
    return Trained(
        metrics={
            "validation": {"accuracy": accuracies[0], "balanced_accuracy": accuracies[1], "log_loss": 1.0},
            "test": {"accuracy": accuracies[2], "balanced_accuracy": accuracies[3], "log_loss": 1.0},
        },
        history=[{"epoch": 1, "loss": 2.0}, {"epoch": 2, "loss": 1.0}],
        weights={"classifier.weight": chance.random((3, 4)).astype(np.float32)},
    )


def train(run: Run, *, home: Path, folder: Path, report: Any, **options: Any) -> Trained:
    """Two short epochs; then whatever `run.recipe` tells it to do. Counts its calls in `home/executions`."""
    _note(home / "executions", run.key)
    for epoch in range(run.recipe.get("epochs", 2)):
        time.sleep(run.recipe.get("seconds", 0.0))
        _note(folder / "epochs", str(epoch))
        report(epoch=epoch + 1, loss=1.0 / (epoch + 1))
    if words := run.recipe.get("warning"):
        logging.getLogger("archlab").warning(words)
    fault = run.recipe.get("fault", "")
    if fault and not (fault.endswith("once") and len(executions(home, run.key)) > 1):
        FAULTS[fault.removesuffix(" once")](folder)
    return make_trained(run)


def value(run: Run, *, home: Path, folder: Path, report: Any, **options: Any) -> dict[str, Any]:
    return {"seed": run.seed, "folder": str(folder), **options}


def gpu(run: Run, *, home: Path, folder: Path, report: Any, **options: Any) -> dict[str, Any]:
    return {"gpu": os.environ.get("CUDA_VISIBLE_DEVICES")}


def executions(home: Path, key: str) -> list[str]:
    """One entry for every time that `train` was called for the run."""
    path = home / "executions"
    return [line for line in path.read_text().split() if line == key] if path.exists() else []


def _note(path: Path, line: str) -> None:
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    os.write(handle, f"{line}\n".encode())
    os.close(handle)


def _run_out_of_address_space(folder: Path) -> None:
    used = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (used + (64 << 20),) * 2)
    np.ones(256 << 20, np.uint8)


def _write_too_much(folder: Path) -> None:
    resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 16,) * 2)
    (folder / "checkpoint").write_bytes(bytes(1 << 20))


def _fill_disk(folder: Path) -> None:
    raise OSError(28, "No space left on device", str(folder))


def _exceed_quota(folder: Path) -> None:
    """As safetensors tells of it."""
    raise RuntimeError("Error while serializing: I/O error: Disk quota exceeded (os error 122)")


def _raise(folder: Path) -> None:
    raise ValueError("a loss\nof two lines")


def _refuse(folder: Path) -> None:
    raise UserError("no data", where="study.yaml:3")


def _detach(folder: Path) -> None:
    """A grandchild in a session of its own, which holds everything that this process has open; noted in the store."""
    read, write = os.pipe()
    if os.fork() == 0:
        os.setsid()
        if os.fork() == 0:
            signal.signal(signal.SIGTERM, signal.SIG_IGN)
            (folder.parents[1] / f"detached.{os.getpid()}").touch()
            os.write(write, b"x")
            time.sleep(3600)
        os._exit(0)
    os.read(read, 1)


def _ignore_and_hang(folder: Path) -> None:
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    time.sleep(3600)


FAULTS = {
    "detach": _detach,
    "detach and die": lambda folder: (_detach(folder), os.kill(os.getpid(), signal.SIGKILL)),
    "detach and hang": lambda folder: (_detach(folder), time.sleep(3600)),
    "ignore and hang": _ignore_and_hang,
    "memory": _run_out_of_address_space,
    "kill": lambda folder: os.kill(os.getpid(), signal.SIGKILL),
    "hang": lambda folder: time.sleep(3600),
    "segfault": lambda folder: ctypes.string_at(0),
    "disk": _write_too_much,
    "full": _fill_disk,
    "quota": _exceed_quota,
    "raise": _raise,
    "refuse": _refuse,
    "exit": lambda folder: os._exit(3),
}


def time_models(run: Run, *, home: Path, runs: list[dict], **options: Any) -> dict[str, Any]:
    """A machine on which a model takes as many milliseconds as its width; a worker dies of `m3`."""
    _note(home / "timed", " ".join(each["model"] for each in runs))
    if "m3" in [each["model"] for each in runs]:
        os.kill(os.getpid(), signal.SIGKILL)
    described = [Run.from_document(each) for each in runs]
    return {"latencies": {each.key: [{"median_ms": each.width, "hardware": "here"}] for each in described}}


def hang(run: Run, *, home: Path, **options: Any) -> dict[str, Any]:
    """A machine on which no measurement ends, whoever asks."""
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    _note(home / "hanging", str(os.getpid()))
    time.sleep(3600)
    return {}


def measure(run: Run, *, home: Path, folder: Path, report: Any, **options: Any) -> dict[str, Any]:
    """A machine that takes a second a step for model `m1`, two for `m2`, and cannot be measured for `m3`."""
    _note(home / "measured", run.model)
    if run.model == "m3":
        os.kill(os.getpid(), signal.SIGKILL)
    return {"setup": 1.0, "step": float(run.model[1:]), "image": 0.5, "checkpoint": 0.25, "memory": 2**30}
