"""`ema`: the average that counts is an average, computed here step by step; checkpoints keep it."""

from __future__ import annotations

import dataclasses

import pytest
import torch

from archlab.training import loop
from archlab.training.averaging import Average
from archlab.training.loop import train
from archlab.training.reading import load_recipe
from tests.training.stub import TINY, Interruption, Made, interrupt_after, same

RECIPE = load_recipe({"resolution": 16, "batch_size": 16, "epochs": 4, "steps": 22, "lr": 2e-2, "weight_decay": 0.05})
AVERAGED = dataclasses.replace(RECIPE, ema=0.9)


def weights_after_each_step(monkeypatch, recipe, data) -> tuple[list[dict[str, torch.Tensor]], loop.Trained]:
    seen, real = [], loop.make_optimizer

    def watched(model, *given, **named):
        optimizer = real(model, *given, **named)
        optimizer.register_step_post_hook(
            lambda *_: seen.append({name: tensor.detach().clone() for name, tensor in model.state_dict().items()})
        )
        return optimizer

    monkeypatch.setattr(loop, "make_optimizer", watched)
    return seen, train(TINY, data, recipe, 0)


@pytest.mark.parametrize("decay", [0.9, 0.3])
def test_the_average_is_what_the_formula_says_and_whole_numbers_are_the_last(monkeypatch, decay, digits):
    seen, trained = weights_after_each_step(monkeypatch, dataclasses.replace(RECIPE, ema=decay), digits)
    assert len(seen) == 22
    for name, found in trained.weights.items():
        expected = seen[0][name].double()
        for step, tensors in enumerate(seen[1:], start=1):
            kept = min(decay, (1 + step) / (10 + step))
            expected = kept * expected + (1 - kept) * tensors[name].double()
        if not found.is_floating_point():
            expected = seen[-1][name]
        torch.testing.assert_close(found.double(), expected.double(), rtol=1e-4, atol=1e-6)
    names = [name for name in trained.weights if name.endswith("running_mean")]
    assert names and not any(torch.equal(trained.weights[name], seen[-1][name]) for name in names)


def test_a_step_sends_nothing_to_the_device(monkeypatch):
    """It would wait for a GPU."""
    network = torch.nn.Sequential(torch.nn.Linear(2, 2), torch.nn.BatchNorm1d(2))
    average = Average(network, 0.9)
    monkeypatch.setattr(torch.Tensor, "to", lambda *_, **__: pytest.fail("something was sent"))
    for _ in range(2):
        average.update_parameters(network)
    assert int(average.n_averaged) == 2


def test_what_is_validated_and_tested_is_the_average(monkeypatch):
    given, real = [], loop.evaluate
    monkeypatch.setattr(loop, "evaluate", lambda model, *rest: given.append(model) or real(model, *rest))
    trained = train(TINY, Made(), AVERAGED, 0)
    assert len(given) == 6 and len(set(map(id, given))) == 1
    assert all(torch.equal(tensor, trained.weights[name]) for name, tensor in given[0].state_dict().items())


def test_training_itself_is_as_without_and_off_is_plain_to_the_bit():
    plain, averaged = train(TINY, Made(), RECIPE, 0), train(TINY, Made(), AVERAGED, 0)
    assert [row["loss"] for row in plain.history] == [row["loss"] for row in averaged.history]
    assert not same(plain, averaged)
    off = load_recipe({**RECIPE.canonical(), "ema": 0})
    assert off.canonical() == RECIPE.canonical() and same(plain, train(TINY, Made(), off, 0))


@pytest.mark.parametrize("weights", ["last", "best_validation"])
@pytest.mark.parametrize("after", [1, 3])
def test_interrupted_and_resumed_equals_uninterrupted(tmp_path, after, weights):
    recipe, checkpoint = dataclasses.replace(AVERAGED, weights=weights), tmp_path / "checkpoint.safetensors"
    with pytest.raises(Interruption):
        train(TINY, Made(), recipe, 0, checkpoint=checkpoint, on_epoch=interrupt_after(after))
    epochs = []
    resumed = train(TINY, Made(), recipe, 0, checkpoint=checkpoint, on_epoch=epochs.append)
    assert len(epochs) == 4 - after and same(resumed, train(TINY, Made(), recipe, 0))
