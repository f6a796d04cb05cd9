"""Finished runs that nobody has trained, for measuring a large store."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from archlab.runs.run import Run
from archlab.runs.store import Store
from archlab.runs.stored import write_run


@dataclass(frozen=True)
class _Synthetic:
    metrics: dict[str, dict[str, float]]
    history: list[dict[str, Any]]
    weights: dict[str, Any] = field(default_factory=dict)
    mode: dict[str, Any] = field(default_factory=lambda: {"device": "cpu"})
    seconds: float = 10.0
    peak_memory: int | None = 2**29


def write_synthetic_runs(store: Store, models: int, datasets: int, seeds: int) -> None:
    """Writes a run of each model, dataset and seed, without weights and without waiting for the disk."""
    chance = np.random.default_rng(0)
    difficulty, quality = chance.uniform(-0.5, 2.5, datasets), chance.normal(0, 0.4, models)
    taste = chance.normal(0, 0.1, (models, datasets))  # what a model makes of a dataset in particular
    for model in range(models):
        architecture = {"layers": [{"block": "conv", "arguments": {"out": model}}], "head": {}, "resolution": 32}
        for dataset in range(datasets):
            logit = difficulty[dataset] + quality[model] + taste[model, dataset]
            for seed in range(seeds):
                run = Run(
                    architecture=architecture,
                    width=1.0,
                    num_classes=10,
                    dataset=f"dataset{dataset}",
                    dataset_digest=str(dataset),
                    resolution=32,
                    smallest_map=2,
                    recipe={"epochs": 3},
                    seed=seed,
                    code="synthetic",
                    model=f"model{model}",
                )
                _write(store, run, logit + chance.normal(0, 0.05, 2))


def write_synthetic_results(store: Store, runs: Iterable[Run]) -> None:
    """Gives each run a result, without weights and without waiting for the disk."""
    chance = np.random.default_rng(0)
    for run in runs:
        _write(store, run, chance.normal(1.0, 0.5, 2))


def _write(store: Store, run: Run, logits: np.ndarray) -> None:
    folder = store.directory(run.key)
    folder.mkdir(parents=True, exist_ok=True)
    write_run(folder, run, _synthetic(logits))


def _synthetic(logits: np.ndarray) -> _Synthetic:
    validation, test = (float(value) for value in 1 / (1 + np.exp(-logits)))
    return _Synthetic(
        metrics={
            "validation": {"accuracy": validation, "balanced_accuracy": validation, "log_loss": 1 - validation},
            "test": {"accuracy": test, "balanced_accuracy": test, "log_loss": 1 - test},
        },
        history=[{"epoch": epoch, "steps": 100 * epoch, "loss": 2.0 / epoch, "seconds": 3.0} for epoch in (1, 2, 3)],
    )
