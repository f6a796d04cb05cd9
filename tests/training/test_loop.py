"""The training loop: it learns, repeats itself, and goes on where it stopped."""

from __future__ import annotations

import dataclasses
import json
import time
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from torch import nn

import blocks
from archlab.architecture import InputSpec, architecture, build_model
from archlab.training import loop
from archlab.training.checkpoint import Progress, load_checkpoint, save_checkpoint
from archlab.training.loop import DivergenceError, train
from archlab.training.metrics import metrics_of
from archlab.training.optimizer import make_optimizer
from archlab.training.reading import load_recipe
from tests.training.stub import TINY, Interruption, Made, interrupt_after, same

pytestmark = pytest.mark.usefixtures("one_thread")
RECIPE = load_recipe(
    {
        "resolution": 32,
        "batch_size": 16,
        "epochs": 4,
        "steps": 22,  # of 24: the last epoch is cut short
        "lr": 2e-2,
        "warmup": 0.1,
        "weight_decay": 0.05,
        "label_smoothing": 0.05,
        "zero_residual": True,
        "augment": {"shift": 2, "flip": True, "cutmix": 1.0, "mixup": 0.2, "erasing": 0.2},
    }
)
PLAIN = dataclasses.replace(RECIPE, augment=load_recipe({**RECIPE.canonical(), "augment": {}}).augment)


def test_dropout_draws_other_numbers_in_every_epoch_and_for_every_seed():
    drawn = []
    for seed in (0, 1):
        train(TINY, Made(), RECIPE, seed, on_epoch=lambda _: drawn.append(float(torch.rand(()))))
    assert len(set(drawn)) == len(drawn) == 8


@pytest.mark.slow
def test_learns_and_says_how():
    trained = train(TINY, Made(train=400), dataclasses.replace(PLAIN, epochs=8, steps=None), 0)
    metrics = metrics_of(trained.class_scores)
    assert metrics["test"]["accuracy"] > 0.9
    assert metrics["validation"]["accuracy"] == trained.history[-1]["validation_accuracy"]
    assert [entry["epoch"] for entry in trained.history] == list(range(1, 9))
    assert trained.history[-1]["steps"] == 200
    assert trained.history[-1]["loss"] < trained.history[0]["loss"]
    assert trained.seconds > 0 and trained.peak_memory > 2**20
    assert json.loads(json.dumps(trained.mode))["threads"] == 1


def test_the_same_run_twice_gives_the_same_numbers_and_another_seed_others():
    one, other = train(TINY, Made(), RECIPE, 3), train(TINY, Made(), RECIPE, 3)
    assert same(one, other)
    assert not same(one, train(TINY, Made(), RECIPE, 4))


def test_random_numbers_of_the_process_are_left_alone():
    torch.manual_seed(7)
    expected = torch.rand(3)
    torch.manual_seed(7)
    train(TINY, Made(), RECIPE, 0)
    assert torch.equal(torch.rand(3), expected)


@pytest.mark.parametrize("changes", [{}, {"optimizer": "sgd"}, {"weights": "best_validation"}])
@pytest.mark.parametrize("after", [1, 3, 4])
def test_interrupted_and_resumed_equals_uninterrupted(tmp_path, after, changes):
    recipe, checkpoint = dataclasses.replace(RECIPE, **changes), tmp_path / "checkpoint.safetensors"

    with pytest.raises(Interruption):
        train(TINY, Made(), recipe, 0, checkpoint=checkpoint, on_epoch=interrupt_after(after))
    epochs = []
    resumed = train(TINY, Made(), recipe, 0, checkpoint=checkpoint, on_epoch=epochs.append)
    assert len(epochs) == 4 - after
    assert same(resumed, train(TINY, Made(), recipe, 0))


def test_checkpoints_take_a_small_share_of_the_time_and_an_interruption_writes_one(tmp_path, monkeypatch):
    written, now = [], [0.0]

    def save(path, model, optimizer, progress, *more):
        written.append(progress.epoch)
        now[0] += 1.0  # which is 2 % of 50 seconds
        save_checkpoint(path, model, optimizer, progress, *more)

    def pass_time(entry):
        now[0] += 30.0
        interrupt_after(4)(entry)

    monkeypatch.setattr("archlab.training.loop.save_checkpoint", save)
    monkeypatch.setattr(
        "archlab.training.loop.time", SimpleNamespace(monotonic=lambda: now[0], perf_counter=time.perf_counter)
    )
    monkeypatch.setattr("archlab.training.pace.time", SimpleNamespace(monotonic=lambda: now[0]))
    with pytest.raises(Interruption):
        train(TINY, Made(), RECIPE, 0, checkpoint=tmp_path / "checkpoint.safetensors", on_epoch=pass_time)
    assert written == [1, 3, 4]


def test_a_checkpoint_of_another_run_or_a_broken_one_is_not_used(tmp_path):
    checkpoint = tmp_path / "checkpoint.safetensors"
    train(TINY, Made(), RECIPE, 1, checkpoint=checkpoint)
    expected = train(TINY, Made(), RECIPE, 0)
    assert same(train(TINY, Made(), RECIPE, 0, checkpoint=checkpoint), expected)
    checkpoint.write_bytes(checkpoint.read_bytes()[:5000])
    assert same(train(TINY, Made(), RECIPE, 0, checkpoint=checkpoint), expected)


@pytest.mark.slow
def test_any_flipped_bit_of_a_checkpoint_is_found_and_said(tmp_path, caplog):
    checkpoint, aside = tmp_path / "checkpoint.safetensors", tmp_path / "checkpoint.damaged"
    model = build_model(TINY, InputSpec(4, 16))
    optimizer = make_optimizer(model, RECIPE)
    model(torch.rand(2, 3, 16, 16)).sum().backward()
    optimizer.step()
    save_checkpoint(checkpoint, model, optimizer, Progress(epoch=2, history=[{"epoch": 2}]), "of this run")
    whole, chance = checkpoint.read_bytes(), np.random.default_rng(0)
    header = 8 + int.from_bytes(whole[:8], "little")
    before = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    assert load_checkpoint(checkpoint, model, optimizer, "of this run").epoch == 2
    written = 8 * len(whole[:header].rstrip(b" "))
    for bit in [*range(0, written, 59), *chance.integers(8 * header, 8 * len(whole), 200)]:
        damaged = bytearray(whole)
        damaged[bit // 8] ^= 1 << bit % 8
        checkpoint.write_bytes(damaged)
        caplog.clear()
        assert load_checkpoint(checkpoint, model, optimizer, "of this run") is None, f"bit {bit % 8} of byte {bit // 8}"
        assert "the checkpoint is damaged" in caplog.text and caplog.text.count("\n") == 1
        assert not checkpoint.exists() and aside.read_bytes() == damaged
    assert all(torch.equal(before[name], tensor) for name, tensor in model.state_dict().items())


@pytest.mark.slow
def test_a_run_with_a_damaged_checkpoint_begins_anew(tmp_path):
    checkpoint, expected = tmp_path / "checkpoint.safetensors", train(TINY, Made(), RECIPE, 0)
    for byte in (3, 500, -1000):  # the header's length, the header, the weights
        with pytest.raises(Interruption):
            train(TINY, Made(), RECIPE, 0, checkpoint=checkpoint, on_epoch=interrupt_after(2))
        damaged = bytearray(checkpoint.read_bytes())
        damaged[byte] ^= 16
        checkpoint.write_bytes(damaged)
        epochs = []
        assert same(train(TINY, Made(), RECIPE, 0, checkpoint=checkpoint, on_epoch=epochs.append), expected)
        assert len(epochs) == 4
        checkpoint.unlink()


def test_best_validation_keeps_the_best_epoch():
    recipe = dataclasses.replace(RECIPE, weights="best_validation")
    trained = train(TINY, Made(), recipe, 0)
    best = max(entry["validation_accuracy"] for entry in trained.history)
    assert metrics_of(trained.class_scores)["validation"]["accuracy"] == best


def test_a_loss_that_is_not_finite_fails_in_words():
    with pytest.raises(DivergenceError, match=r"the loss is (nan|inf) in epoch 1 of 4"):
        train(TINY, Made(), dataclasses.replace(PLAIN, lr=1e30, optimizer="sgd"), 0)


def test_fewer_images_than_a_batch():
    trained = train(TINY, Made(train=9), RECIPE, 0)
    assert trained.history[-1]["steps"] == 4


def test_zero_residual_starts_the_branches_at_nothing():
    still = dataclasses.replace(PLAIN, lr=0.0, steps=1)
    zeroed = train(TINY, Made(), still, 0).weights
    as_published = train(TINY, Made(), dataclasses.replace(still, zero_residual=False), 0).weights
    changed = {name for name in zeroed if not torch.equal(zeroed[name], as_published[name])}
    assert {name for name in changed if not name.endswith(("running_mean", "running_var"))} == {
        "layers.1.projection_norm.weight"
    }
    assert not zeroed["layers.1.projection_norm.weight"].any()


def test_zero_residual_passes_over_normalisations_without_factors(own_code_forgotten):
    @blocks.NORMALIZATIONS.register("no_factors")
    def no_factors(channels: int):
        return nn.InstanceNorm2d(channels)

    layers = [{"inverted_residual": {"out": 8, "stride": 2}}, {"inverted_residual": {"out": 8}}]
    network = architecture({"name": "own", "resolution": 16, "defaults": {"norm": "no_factors"}, "layers": layers})
    assert train(network, Made(), dataclasses.replace(PLAIN, steps=1), 0).history


def test_batch_norm_statistics_of_the_test_images_are_never_seen():
    """Evaluation changes no weight: the test images could be anything."""
    made, other = Made(), Made()
    images, labels = other.arrays["test"]
    other.arrays["test"] = np.zeros_like(images), labels
    one, two = train(TINY, made, RECIPE, 0), train(TINY, other, RECIPE, 0)
    assert all(torch.equal(one.weights[name], two.weights[name]) for name in one.weights)
    assert np.array_equal(one.class_scores["validation"].scores, two.class_scores["validation"].scores)


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
def test_learns_on_a_gpu_and_repeats_itself_when_told():
    recipe = dataclasses.replace(PLAIN, epochs=8, steps=None)
    one, other = (train(TINY, Made(train=400), recipe, 0, device="cuda", deterministic=True) for _ in range(2))
    assert metrics_of(one.class_scores)["test"]["accuracy"] > 0.9 and one.mode["precision"] == "bfloat16"
    assert same(one, other)


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
def test_a_run_that_is_to_repeat_itself_goes_on_from_no_steps_that_cannot(tmp_path):
    checkpoint, epochs = tmp_path / "checkpoint.safetensors", []
    with pytest.raises(Interruption):
        train(TINY, Made(), PLAIN, 0, device="cuda", checkpoint=checkpoint, on_epoch=interrupt_after(2))
    train(TINY, Made(), PLAIN, 0, device="cuda", deterministic=True, checkpoint=checkpoint, on_epoch=epochs.append)
    assert len(epochs) == 4


def test_outputs_that_are_no_finite_numbers_fail_in_words(monkeypatch):
    """The loss is looked at before the last step, which may break the network."""
    real = loop.evaluate
    monkeypatch.setattr(loop, "evaluate", lambda *given: real(*given) * float("nan"))
    with pytest.raises(DivergenceError, match="the trained network's outputs are no finite numbers"):
        train(TINY, Made(), RECIPE, 0)
