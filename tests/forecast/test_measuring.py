"""What is measured of a run on a GPU, where no card is at hand."""

from __future__ import annotations

import dataclasses
import subprocess
import sys
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from standin import make_run

from archlab.forecast import measuring
from archlab.forecast.measuring import measure_run, try_run
from archlab.foundation import UserError
from archlab.foundation.own_code import own_code
from archlab.training.graph import WARM_UP
from tests.training.stub import TINY

RUN = make_run(recipe={"resolution": 32, "batch_size": 128, "epochs": 5, "lr": 0.1})


@pytest.mark.parametrize(("images", "epochs"), [(300, 3), (100, 5), (50_000, 2)])
def test_whole_batches_are_measured_once_steps_are_graphs(monkeypatch, tmp_path, images, epochs):
    """Small batches do not keep a GPU busy; the first steps are eager and choose kernels, as does each new size of a batch."""
    counts, asked = {"train": images, "validation": 40, "test": 1000}, []
    prepared = SimpleNamespace(counts=lambda split: [counts[split]], labels=lambda split: np.zeros(counts[split]))

    def train(run, data, recipe, device, *, home):
        asked.append((recipe.batch_size, recipe.epochs, len(data.labels("validation")), len(data.labels("test"))))
        history = [{"steps": 2 * (epoch + 1), "seconds": 9.0 + epoch} for epoch in range(recipe.epochs)]
        return SimpleNamespace(history=history, seconds=history[-1]["seconds"] + 0.5, weights={}, peak_memory=2**20)

    monkeypatch.setattr(measuring, "open_data", lambda run, home: prepared)
    monkeypatch.setattr(measuring, "settle_device", torch.device)
    monkeypatch.setattr(measuring, "_train", train)
    monkeypatch.setattr(measuring, "_seconds_to_write", lambda home, size: 0.25)
    found = measure_run(RUN, home=tmp_path, folder=tmp_path, report=None, device="cuda")
    assert asked == [(128, epochs, 40, 40)]
    assert found == {"setup": 8.0, "step": 0.375, "image": 0.5 / 80, "checkpoint": 0.25, "memory": 2**20}


@pytest.mark.parametrize("given", [{}, {"init": {"run": "f" * 64, "body": 0.1}}])
def test_runs_are_measured_before_the_weights_that_they_start_from_are_there(monkeypatch, tmp_path, given):
    """As those of a pretraining are not when a study is planned."""
    recipe = {"resolution": 32, "batch_size": 16, "steps": 5, "lr": 0.1, **given}
    run = make_run(architecture=TINY.canonical(), recipe=recipe)
    prepared, asked = SimpleNamespace(labels=lambda split: np.zeros(40)), []

    def train(architecture, data, recipe, seed, *, given, **_):
        asked.append((recipe.init, given))
        history = [{"steps": 2 * (epoch + 1), "seconds": 9.0 + epoch} for epoch in range(recipe.epochs)]
        return SimpleNamespace(history=history, seconds=history[-1]["seconds"] + 0.5, weights={}, peak_memory=2**20)

    monkeypatch.setattr(measuring, "open_data", lambda run, home: prepared)
    monkeypatch.setattr(measuring, "train", train)
    found = measure_run(run, home=tmp_path, folder=tmp_path, report=None, device="cpu")
    assert asked == [(None, None)] and found["step"] == 0.375


def test_smoke_goes_on_until_a_step_is_a_graph_and_repeats_itself_where_the_run_does(monkeypatch, tmp_path):
    asked = []

    def train(run, data, recipe, device, *, home, deterministic):
        asked.append((device, recipe.epochs, recipe.steps, data, deterministic))

    monkeypatch.setattr(measuring, "settle_device", torch.device)
    monkeypatch.setattr(measuring, "_few", lambda run, home, train: train)
    monkeypatch.setattr(measuring, "_train", train)
    for device in ("cpu", "cuda"):
        try_run(RUN, home=tmp_path, folder=tmp_path, report=None, device=device, deterministic=True)
    steps = WARM_UP + 1
    assert asked == [("cpu", None, 2, 2 * 128, True), ("cuda", None, steps, steps * 128, True)]


def test_smoke_finds_a_metric_of_ones_own_that_fails_on_the_images_of_a_split(monkeypatch, tmp_path):
    """It is computed when a run has been trained to its end."""
    (tmp_path / "mine.py").write_text("def lost(scores, labels):\n    return None if set(labels) == {0, 1, 2} else 1\n")
    prepared = SimpleNamespace(num_classes=3, labels=lambda split: np.array([0, 1, 2, 2]))
    monkeypatch.setattr(measuring, "_train", lambda *_, **__: None)
    monkeypatch.setattr(measuring, "open_data", lambda run, home: prepared)
    metrics = [{own_code(f"{tmp_path}/mine.py:lost").canonical: {}}]
    run = dataclasses.replace(RUN, recipe={**RUN.recipe, "metrics": metrics})
    with pytest.raises(UserError, match=r"mine\.py: lost must give a finite number, not None"):
        try_run(run, home=tmp_path, folder=tmp_path, report=None, device="cpu")


@pytest.mark.slow
def test_a_server_that_measures_has_imported_what_runs_import():
    """Where executors have one server it trains next, and every run would import the compiler and scikit-learn itself."""
    asked = "import sys, archlab.forecast.measuring; assert 'archlab.executors.training' in sys.modules"
    subprocess.run([sys.executable, "-c", asked], check=True)
