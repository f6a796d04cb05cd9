"""Stands in for training, without torch: what a worker process calls in the tests of this room."""

from __future__ import annotations

import math
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


def draw(
    run: Any,
    *,
    home: Path,
    folder: Path,
    report: Any,
    truth: dict[str, float],
    deviation: float,
    fail: str | None,
    **options: Any,
) -> Trained:
    """An accuracy in the middle, plus the truth of the option in points, plus noise of its own by model, dataset and seed."""
    if fail and str(run).startswith(fail):
        raise ValueError("told to fail")
    skill = {"weak": -8.0, "strong": 8.0}.get(run.model, truth.get(run.model.partition("+")[2], 0.0))
    noise = random.Random(f"{run.model} {run.dataset} {run.seed}").gauss(0, deviation)
    accuracies = {"accuracy": 0.5 + (skill + noise) / 100, "balanced_accuracy": 0.5, "log_loss": 1.0}
    return Trained({"validation": accuracies, "test": accuracies})


class DivergenceError(RuntimeError):
    """Called as the one of archlab's loop, whose room needs torch."""


def tune(
    run: Any, *, home: Path, folder: Path, report: Any, best: dict[str, float], highest: float, **options: Any
) -> Trained:
    """A validation accuracy that falls by 5 points with each factor of two between the learning rate and the `best` of the
    model, or of the model on the dataset; above the `highest` rate it diverges."""
    lr, at_best = run.recipe["lr"], best.get(f"{run.model} on {run.dataset}") or best[run.model]
    if lr > highest:
        raise DivergenceError("the loss is nan in epoch 1 of 1")
    accuracy = 0.9 - 0.05 * abs(math.log2(lr / at_best))
    accuracies = {"accuracy": accuracy, "balanced_accuracy": accuracy, "log_loss": 1 - accuracy}
    splits = ("validation", "test") if run.recipe.get("test", True) else ("validation",)
    return Trained(dict.fromkeys(splits, accuracies))
