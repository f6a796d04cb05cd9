"""What is measured of a run on a GPU, where no card is at hand."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest
import torch
from standin import make_run

from archlab.forecast import measuring
from archlab.forecast.measuring import measure_run, try_run
from archlab.training.graph import WARM_UP

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
