"""Stands in for training in tests of search, without torch: accuracies that a design's layers decide, and a little chance."""

from __future__ import annotations

import os
import random
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

DIFFICULTY = {"digits": 0.3, "textures": 0.2, "mnist5k": 0.35, "elpv": 0.25, "pines": 0.4}


@dataclass
class Trained:
    metrics: dict[str, dict[str, float]]
    history: list[dict[str, Any]] = field(default_factory=lambda: [{"epoch": 1, "loss": 1.0}])
    weights: dict[str, Any] = field(default_factory=dict)
    mode: dict[str, Any] = field(default_factory=dict)
    seconds: float = 10.0
    peak_memory: int | None = None


def skill(architecture: dict[str, Any]) -> float:
    """Between 0 and 1: large kernels, moderate depth and attention help."""
    layers = architecture["layers"]
    kernels = [layer["arguments"].get("kernel", 3) for layer in layers]
    depth = sum(layer["repeat"] for layer in layers)
    attention = any(layer["arguments"].get("channel_attention") for layer in layers)
    return 0.06 * sum(kernels) / len(kernels) + 0.5 - 0.04 * abs(depth - 6) + 0.1 * attention


def train(
    run: Any,
    *,
    home: Path,
    folder: Path,
    report: Any,
    pause: float = 0.0,
    fail: str | None = None,
    epochs: int = 1,
    **options: Any,
) -> Trained:
    """A result that depends on the run's key alone; notes the call in `home/executions`. Accuracy rises evenly over epochs."""
    if fail and fail in run.model:
        raise ValueError("told to fail")
    if (home / "full").exists() and "+" in run.model:  # a design, not a reference
        raise OSError(28, "No space left on device", str(folder))
    handle = os.open(home / "executions", os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    os.write(handle, f"{run.key}\n".encode())
    os.close(handle)
    chance = random.Random(run.key)
    means = [skill(run.architecture) - DIFFICULTY.get(run.dataset, 0.3) + chance.gauss(0, 0.01) for _ in range(2)]
    history = []
    for epoch in range(1, epochs + 1):
        time.sleep(pause)
        entry = {"epoch": epoch, "steps": 10 * epoch, "loss": 1.0, "seconds": 10.0 * epoch / epochs}
        history.append(entry | {"validation_accuracy": means[0] * epoch / epochs})
        report(**history[-1])
    metrics = [{"accuracy": mean, "balanced_accuracy": mean, "log_loss": 1 - mean} for mean in means]
    return Trained({"validation": metrics[0], "test": metrics[1]}, history)
