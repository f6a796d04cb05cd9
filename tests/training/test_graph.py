"""A step as a CUDA graph: when it is captured, and that it computes what the eager step computes."""

from __future__ import annotations

import dataclasses
import warnings
from contextlib import contextmanager, nullcontext
from types import SimpleNamespace

import pytest
import torch

from archlab.data.batches import Batches
from archlab.training import graph as module
from archlab.training.averaging import Average
from archlab.training.graph import WARM_UP, GraphedStep
from archlab.training.loop import train
from archlab.training.optimizer import make_optimizer, set_lr
from archlab.training.reading import load_recipe
from tests.training.stub import TINY, Made

RECIPE = load_recipe(
    {
        "resolution": 16,
        "batch_size": 16,
        "epochs": 3,
        "lr": 2e-3,
        "warmup": 0.1,
        "weight_decay": 0.05,
        "augment": {
            "shift": 2,
            "crop": {},
            "flip": True,
            "jitter": {"brightness": 0.2, "hue": 0.1},
            "cutmix": 1.0,
            "mixup": 0.2,
            "erasing": 0.2,
        },
    }
)


def on_a_gpu(test):
    return pytest.mark.gpu(pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")(test))


class Recorder:
    """Stands in for `torch.cuda`: what the step is given while a graph is captured, a replay does with it."""

    def __init__(self, log):
        self.log, self.capturing, self.given = log, False, None

    def __call__(self, images, labels):
        if self.capturing:
            self.given = images, labels
        else:
            self.log.append(("eager", float(images.sum()), int(labels.sum())))

    @contextmanager
    def graph(self, graph, stream):
        self.capturing = True
        yield
        self.capturing = False

    def replay(self):
        images, labels = self.given
        self.log.append(("replay", float(images.sum()), int(labels.sum())))

    def cuda(self):
        stream = SimpleNamespace(wait_stream=lambda other: None)
        return SimpleNamespace(
            Stream=lambda device: stream,
            stream=lambda stream: nullcontext(),
            current_stream=lambda device: stream,
            CUDAGraph=lambda: SimpleNamespace(replay=self.replay),
            graph=self.graph,
            get_sync_debug_mode=lambda: 0,
            set_sync_debug_mode=lambda mode: None,
        )


def calls(monkeypatch, waiting):
    """What six calls do; in the calls of `waiting` the step waits for the device."""
    log = []
    recorder = Recorder(log)
    monkeypatch.setattr(module.torch, "cuda", recorder.cuda())

    def step(images, labels):
        if len(log) in waiting:
            warnings.warn("called a synchronizing CUDA operation (Triggered internally)", stacklevel=1)
        recorder(images, labels)

    graphed = GraphedStep(step, torch.device("cpu"))
    for number in range(6):
        graphed(torch.full((2, 3, 1, 1), float(number)), torch.full((2,), number))
    assert [entry[1:] for entry in log] == [(6.0 * number, 2 * number) for number in range(6)]
    return [entry[0] for entry in log]


def test_a_step_is_replayed_after_its_warm_up_with_the_images_of_each_call(monkeypatch):
    assert calls(monkeypatch, waiting=[0]) == ["eager"] * WARM_UP + ["replay"] * (6 - WARM_UP)


@pytest.mark.filterwarnings("ignore:called a synchronizing")
def test_a_step_that_waits_for_the_device_stays_eager(monkeypatch):
    assert calls(monkeypatch, waiting=range(6)) == ["eager"] * 6


class Broken:
    """Stands in for `torch.cuda.graph` around what cannot be captured: the end of the capture fails as well."""

    def __init__(self, graph, stream):
        pass

    def __enter__(self):
        pass

    def __exit__(self, *_):
        raise RuntimeError("CUDA error: operation failed due to a previous error during capture")


def test_a_step_that_cannot_be_captured_says_what_broke_it(monkeypatch):
    cuda, calls = Recorder([]).cuda(), []
    cuda.graph = Broken
    monkeypatch.setattr(module.torch, "cuda", cuda)

    def step(images, labels):
        calls.append(images)
        if len(calls) > WARM_UP:
            raise RuntimeError("CUDA error: operation not permitted when stream is capturing\nand more")

    graphed = GraphedStep(step, torch.device("cpu"))
    with pytest.raises(
        RuntimeError, match=r"may run it: CUDA error: operation not permitted when stream is capturing$"
    ):
        for _ in range(WARM_UP + 1):
            graphed(torch.ones(2, 3, 1, 1), torch.zeros(2))


def test_the_learning_rate_that_a_graph_reads_is_changed_in_place():
    weight = torch.nn.Linear(2, 2)
    optimizer = make_optimizer(weight, dataclasses.replace(RECIPE, optimizer="sgd"), capturable=True)
    rates = [group["lr"] for group in optimizer.param_groups]
    set_lr(optimizer, 0.25)
    assert [float(rate) for rate in rates] == [0.25, 0.25]


@pytest.mark.parametrize("optimizer", ["adamw", "sgd"])
@on_a_gpu
def test_a_graph_computes_what_the_eager_step_computes(monkeypatch, optimizer):
    recipe = dataclasses.replace(RECIPE, optimizer=optimizer)
    graphed = train(TINY, Made(), recipe, 0, device="cuda")
    monkeypatch.setattr(module, "WARM_UP", 10**6)
    eager = train(TINY, Made(), recipe, 0, device="cuda")
    assert (graphed.mode["step"], eager.mode["step"]) == ("graph", "eager")
    for one, other in zip(graphed.history, eager.history, strict=True):
        assert one["loss"] == pytest.approx(other["loss"], rel=0.01)
    for name, weight in graphed.weights.items():
        assert torch.allclose(weight.float(), eager.weights[name].float(), rtol=0.05, atol=0.02), name


@on_a_gpu
def test_no_step_waits_for_the_device():
    """Batches with every augmentation but RandAugment, whose operations are torchvision's."""
    device = torch.device("cuda")
    batches = Batches(Made(flip=True), "train", batch_size=16, augment=RECIPE.augment, device=device)
    model = torch.nn.Sequential(torch.nn.Conv2d(3, 4, 16), torch.nn.Flatten()).to(device)
    optimizer, average = make_optimizer(model, RECIPE, capturable=True), Average(model, 0.9)

    def step(images, labels):
        torch.nn.functional.cross_entropy(model(images), labels).backward()
        optimizer.step()
        optimizer.zero_grad()

    graphed = GraphedStep(step, device)
    for epoch in range(2):
        before = torch.cuda.get_sync_debug_mode()
        torch.cuda.set_sync_debug_mode("error" if epoch else "default")
        try:
            for number, (images, labels) in enumerate(batches.epoch(epoch)):
                set_lr(optimizer, 0.1 / (1 + number))
                graphed(images, labels)
                average.update_parameters(model)
        finally:
            torch.cuda.set_sync_debug_mode(before)
    assert graphed.graph is not None


def test_images_of_another_size_are_captured_anew(monkeypatch):
    log = []
    monkeypatch.setattr(module.torch, "cuda", (recorder := Recorder(log)).cuda())
    graphed = GraphedStep(recorder, torch.device("cpu"))
    for side in (1, 2):
        for _ in range(WARM_UP + 2):
            graphed(torch.ones(2, 3, side, side), torch.zeros(2))
    assert log == [(kind, 6.0 * side**2, 0) for side in (1, 2) for kind in (*["eager"] * WARM_UP, "replay", "replay")]


@on_a_gpu
def test_growing_images_and_an_average_go_with_graphs(monkeypatch):
    recipe = dataclasses.replace(RECIPE, progressive=0.5, ema=0.9, clip=1.0, epochs=6)
    graphed = train(TINY, Made(side=32), recipe, 0, device="cuda")
    monkeypatch.setattr(module, "WARM_UP", 10**6)
    eager = train(TINY, Made(side=32), recipe, 0, device="cuda")
    assert (graphed.mode["step"], eager.mode["step"]) == ("graph", "eager")
    for one, other in zip(graphed.history, eager.history, strict=True):
        assert one["loss"] == pytest.approx(other["loss"], rel=0.02)
