"""Stands in for training, without torch: what a worker process calls in the tests of this room."""

from __future__ import annotations

import random
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

SKILL = {"mobilenetv2": 0.5, "starnet": 0.8, "shufflenetv2": 0.3}


@dataclass
class Trained:
    metrics: dict[str, dict[str, float]]
    history: list[dict[str, Any]] = field(default_factory=lambda: [{"epoch": 1, "loss": 1.0}])
    weights: dict[str, Any] = field(default_factory=dict)
    mode: dict[str, Any] = field(default_factory=dict)
    seconds: float = 0.0
    peak_memory: int | None = None


def trained(run: Any) -> Trained:
    """Accuracy rises with the skill of the base and with squeeze-and-excitation; a little noise by key."""
    skill = SKILL.get(run.model.partition("+")[0], 0.5) + 0.1 * ("se" in run.model.partition("=")[2])
    skill += random.Random(run.key).uniform(0, 0.02)
    accuracies = {"accuracy": skill, "balanced_accuracy": skill - 0.01, "log_loss": 1 - skill}
    return Trained({"validation": accuracies, "test": accuracies})


def train(run: Any, *, home: Path, folder: Path, report: Any, fail: str | None = None, **options: Any) -> Trained:
    """The result above; an error for the run called `fail`."""
    if str(run) == fail:
        raise ValueError("told to fail")
    return trained(run)
