"""Stand-ins for training, without torch: what a worker process calls in the tests of this room."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np

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


def make_trained(run: Run) -> Trained:
    """A result that depends on the run's key alone."""
    chance = np.random.default_rng(int(run.key[:15], 16))
    accuracies = chance.random(4)
    return Trained(
        metrics={
            "validation": {"accuracy": accuracies[0], "balanced_accuracy": accuracies[1], "loss": 1.0},
            "test": {"accuracy": accuracies[2], "balanced_accuracy": accuracies[3], "loss": 1.0},
        },
        history=[{"epoch": 1, "loss": 2.0}, {"epoch": 2, "loss": 1.0}],
        weights={"classifier.weight": chance.random((3, 4)).astype(np.float32)},
    )
