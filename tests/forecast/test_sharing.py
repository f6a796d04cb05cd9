"""How many runs share a GPU."""

from __future__ import annotations

import time
import warnings
from functools import cache

import pytest
from standin import make_run

from archlab.data import open_prepared
from archlab.executors import Settings, settings
from archlab.forecast import sharing, with_workers
from archlab.forecast.measuring import throughput
from archlab.foundation import machine
from archlab.runs import Store
from archlab.training.reading import load_recipe
from tests.training.stub import TINY


@pytest.mark.parametrize(
    ("rates", "most", "chosen"),
    [
        ({1: 10, 2: 10.5}, 16, 1),  # within the noise of a measurement
        ({1: 10, 2: 18, 4: 30, 8: 31}, 16, 4),
        ({1: 10, 2: 18, 4: 30}, 6, 4),
        ({1: 10}, 1, 1),
        ({1: 10, 2: 0}, 16, 1),  # no memory for two
        ({1: 0, 2: 0}, 16, 1),
    ],
)
def test_as_many_as_get_more_done_together(rates, most, chosen):
    assert sharing.share(rates.__getitem__, most) == chosen


def test_measured_once_with_the_largest_run(monkeypatch, tmp_path):
    measured = []

    def rate(run, store, settings):
        measured.append((run.seed, settings.workers))
        return {2: 1.0, 4: 1.9, 8: 2.0}[settings.workers]

    monkeypatch.setattr(machine, "gpu_names", lambda: ("a card",) * 8)
    monkeypatch.setattr(machine, "version", lambda package: "2.6.0")
    monkeypatch.setattr(settings, "torch_has_gpus", lambda: True)
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "0,3")
    monkeypatch.setattr(sharing, "core_count", lambda: 32)
    monkeypatch.setattr(sharing, "_throughput", rate)
    monkeypatch.setattr(sharing, "_work_of_a_step", lambda run: run.seed)
    runs, store = [make_run(seed) for seed in (1, 3, 2)], Store(tmp_path)
    first, again = (with_workers(Settings(), runs, store) for _ in range(2))
    assert first == again == Settings(workers=4)
    assert with_workers(Settings(workers=3), runs, store).workers == 3
    assert with_workers(Settings(device="cpu"), runs, store).workers is None
    assert measured == [(3, 2), (3, 4), (3, 8)]


def test_a_measurement_that_failed_is_made_again(monkeypatch, tmp_path):
    rates = {1: 0.0, 2: 0.0}
    monkeypatch.setattr(machine, "gpu_names", lambda: ("a card",))
    monkeypatch.setattr(machine, "version", lambda package: "2.6.0")
    monkeypatch.setattr(settings, "torch_has_gpus", lambda: True)
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "0")
    monkeypatch.setattr(sharing, "core_count", lambda: 2)
    monkeypatch.setattr(sharing, "_throughput", lambda run, store, settings: rates[settings.workers])
    monkeypatch.setattr(sharing, "_work_of_a_step", lambda run: run.seed)
    assert with_workers(Settings(), [make_run()], Store(tmp_path)).workers == 1
    rates |= {1: 1.0, 2: 1.9}
    assert with_workers(Settings(), [make_run()], Store(tmp_path)).workers == 2


@pytest.mark.parametrize(("cards", "torch"), [((), "2.6.0"), (("a card",), "2.6.0+cpu")])
def test_a_worker_a_core_without_gpus(cards, torch, monkeypatch, tmp_path):
    monkeypatch.setattr(machine, "gpu_names", lambda: cards)
    monkeypatch.setattr(machine, "version", lambda package: torch)
    assert with_workers(Settings(), [make_run()], Store(tmp_path)).at_once == machine.core_count()


def test_cards_that_torch_cannot_use_are_told_once_and_the_cores_compute(monkeypatch, tmp_path, caplog):
    def is_available():
        words = "CUDA initialization: The NVIDIA driver on your system is too old. (Triggered internally at x.cpp:1)"
        warnings.warn(words, stacklevel=2)
        return False

    monkeypatch.setattr(machine, "gpu_names", lambda: ("a card",))
    monkeypatch.setattr(machine, "version", lambda package: "2.6.0")
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "0")
    monkeypatch.setattr("torch.cuda.is_available", is_available)
    monkeypatch.setattr(settings, "torch_has_gpus", cache(settings.torch_has_gpus.__wrapped__))
    found = [with_workers(Settings(), [make_run()], Store(tmp_path)).at_once for _ in range(2)]
    assert found == [machine.core_count()] * 2
    (said,) = caplog.messages
    assert said.startswith("warning: torch ") and said.endswith(
        "on the CPU: CUDA initialization: The NVIDIA driver on your system is too old."
    )


@pytest.mark.parametrize(("gpus", "at_once"), [(0.3, 6), (0.5, 4), (1.0, 2), (2.0, 1)])
def test_a_cluster_of_this_machine_alone_computes_as_many_runs_as_have_their_share_of_its_gpus(
    monkeypatch, gpus, at_once
):
    monkeypatch.setattr(settings, "import_ray", lambda: None)
    monkeypatch.setattr(Settings, "gpus_here", 2)
    assert Settings(executor="ray", gpus=gpus).at_once == at_once


@pytest.mark.slow
def test_throughput_is_counted_within_the_window(tmp_path):
    digits, recipe = open_prepared("digits", tmp_path), load_recipe("quick").settled("tiny", "digits")
    run = make_run(
        architecture=TINY.canonical(),
        recipe=recipe.canonical(),
        dataset_digest=digits.digest,
        resolution=digits.resolution,
    )
    end = time.time() + 0.3
    found = throughput(run, home=tmp_path, folder=tmp_path, report=None, begin=time.time(), end=end, device="cpu")
    assert time.time() >= end and found["rate"] > 0
