"""Replicas fused: the numbers of separate training, from the same random streams."""

from __future__ import annotations

import dataclasses

import pytest
import torch
from torch import nn

import archlab.data.transforms
import blocks
from archlab.architecture import architecture, build_model, references
from archlab.training import load_recipe, train
from archlab.training.fusing import fuse, is_exact, taken_apart
from archlab.training.replicas import row_of, train_replicas
from tests.training.stub import TINY, Made

SEEDS = [5, 0, 2]
STEPS = {
    "resolution": 32,
    "batch_size": 8,
    "steps": 3,
    "lr": 1e-2,
    "optimizer": "sgd",  # Adam would turn the rounding of gradients that should be zero into steps
    "weight_decay": 0.05,
    "zero_residual": True,
    "augment": {"shift": 2, "flip": True, "erasing": 0.2},
}
EPOCHS = load_recipe({**STEPS, "optimizer": "adamw", "batch_size": 16, "epochs": 3, "steps": None})


@pytest.fixture
def in_float64(monkeypatch):
    normalized = archlab.data.transforms.normalized
    monkeypatch.setattr(archlab.data.transforms, "normalized", lambda *given: normalized(*given).double())
    torch.set_default_dtype(torch.float64)
    yield
    torch.set_default_dtype(torch.float32)


@pytest.mark.parametrize("name", references())
def test_equal_to_separate_training_in_float64(name, in_float64):
    design, data, recipe = architecture(name), Made(train=24), load_recipe(STEPS)
    together = train_replicas(design, data, recipe, SEEDS, width=0.25)
    for seed, fused in zip(SEEDS, together, strict=True):
        alone = train(design, data, recipe, seed, width=0.25)
        assert fused.history[0]["loss"] == pytest.approx(alone.history[0]["loss"], rel=0, abs=1e-10)
        assert fused.weights.keys() == alone.weights.keys()
        for key, weight in alone.weights.items():
            assert torch.allclose(fused.weights[key], weight, rtol=1e-10, atol=1e-10), key
        assert fused.metrics == {split: pytest.approx(values, abs=1e-6) for split, values in alone.metrics.items()}


@pytest.mark.parametrize("mixing", [{}, {"cutmix": 1.0, "mixup": 0.2}])
def test_adam_mixed_labels_and_the_best_weights_are_those_of_separate_training(mixing):
    augment = {**STEPS["augment"], **mixing}
    recipe = load_recipe({**EPOCHS.canonical(), "augment": augment, "weights": "best_validation", "optimizer": "adam"})
    together = train_replicas(TINY, Made(), recipe, SEEDS)
    for seed, fused in zip(SEEDS, together, strict=True):
        alone = train(TINY, Made(), recipe, seed)
        assert [row["loss"] for row in fused.history] == pytest.approx([row["loss"] for row in alone.history], rel=1e-3)
        assert fused.metrics["test"]["loss"] == pytest.approx(alone.metrics["test"]["loss"], rel=1e-2)
        assert fused.mode == {**alone.mode, "replicas": 3}


def test_goes_on_from_its_checkpoint_to_the_same_numbers(tmp_path):
    rows = []

    def stop(row):
        rows.append(row)
        if row["epoch"] == 2:
            raise InterruptedError

    path = tmp_path / "checkpoint"
    with pytest.raises(InterruptedError):
        train_replicas(TINY, Made(), EPOCHS, SEEDS, checkpoint=path, on_epoch=stop)
    resumed = train_replicas(TINY, Made(), EPOCHS, SEEDS, checkpoint=path, on_epoch=rows.append)
    undisturbed = train_replicas(TINY, Made(), EPOCHS, SEEDS)
    assert [row["epoch"] for row in rows] == [1, 2, 3]
    for number, (one, other) in enumerate(zip(resumed, undisturbed, strict=True)):
        assert one.metrics == other.metrics
        assert all(torch.equal(one.weights[name], other.weights[name]) for name in one.weights)
        assert one.history[-1] == row_of(rows[-1], number)


def test_another_group_of_seeds_does_not_go_on_from_that_checkpoint(tmp_path):
    rows, path = [], tmp_path / "checkpoint"
    train_replicas(TINY, Made(), EPOCHS, SEEDS, checkpoint=path)
    train_replicas(TINY, Made(), EPOCHS, [5, 0, 3], checkpoint=path, on_epoch=rows.append)
    train(TINY, Made(), EPOCHS, 5, checkpoint=path, on_epoch=rows.append)
    assert [row["epoch"] for row in rows] == [1, 2, 3, 1, 2, 3]


@pytest.mark.parametrize("block", sorted(blocks.BLOCKS))
def test_every_block_is_fused_exactly_or_found_out(block):
    kind = blocks.BLOCKS[block]
    for arguments in kind.examples:
        dropout = arguments.get("dropout", 0.1 if block == "additive_mobilevit" else 0.0)
        complete = blocks.arguments.complete(kind, arguments, block)

        def build(complete=complete):
            layer = kind(in_channels=24, out_channels=24, **complete)
            return nn.Sequential(nn.Conv2d(3, 24, 1), layer)

        if block == "patch":
            continue  # a network of its own is needed; convmixer has it
        assert is_exact(build, 8) == (not dropout), arguments


class Reversed(nn.Module):
    """Treats channels in a way that fusing knows nothing of."""

    def forward(self, x):
        return x.flip(1)


class Tied(nn.Module):
    """One tensor under two names."""

    def __init__(self):
        super().__init__()
        self.first, self.second = nn.Conv2d(3, 3, 1), nn.Conv2d(3, 3, 1)
        self.second.weight = self.first.weight

    def forward(self, x):
        return self.second(self.first(x).relu())


@pytest.mark.parametrize(
    "build",
    [
        lambda: nn.Sequential(nn.Conv2d(3, 8, 1), Reversed(), nn.Conv2d(8, 2, 1)),
        lambda: nn.Sequential(nn.Conv2d(3, 8, 1), nn.Softmax(dim=1)),
        lambda: nn.Sequential(nn.Conv2d(3, 8, 1), nn.Dropout2d(0.5)),
        lambda: nn.Sequential(nn.Conv2d(3, 8, 1), nn.PixelShuffle(2), nn.ConvTranspose2d(2, 2, 2)),
        Tied,
    ],
    ids=["reversed", "softmax", "dropout2d", "transposed", "tied"],
)
def test_what_cannot_be_fused_is_found_out(build):
    assert not is_exact(build, 8)


def test_taking_apart_gives_back_what_was_fused():
    design = architecture("ghostnet")
    models = [build_model(design, 5, width=0.25, resolution=32) for _ in range(3)]
    before = [{name: tensor.clone() for name, tensor in model.state_dict().items()} for model in models]
    fused = fuse(models, [torch.Generator()] * 3)
    for model in models:
        for parameter in model.parameters():
            nn.init.zeros_(parameter)
    taken_apart(fused, models)
    for model, expected in zip(models, before, strict=True):
        assert all(torch.equal(tensor, expected[name]) for name, tensor in model.state_dict().items())


@pytest.mark.slow
def test_accuracies_over_five_seeds_cannot_be_told_apart():
    recipe = dataclasses.replace(EPOCHS, epochs=8)
    data = Made(train=400)
    together = [trained.metrics["test"]["accuracy"] for trained in train_replicas(TINY, data, recipe, range(5))]
    apart = [train(TINY, data, recipe, seed).metrics["test"]["accuracy"] for seed in range(5)]
    assert sum(together) / 5 == pytest.approx(sum(apart) / 5, abs=0.02)
    assert min(together) > 0.8
