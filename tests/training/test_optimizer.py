"""Optimisers and schedules."""

from __future__ import annotations

import dataclasses
import math

import pytest
import torch

from archlab.training.optimizer import Schedule, make_optimizer
from archlab.training.reading import load_recipe

RECIPE = load_recipe({"resolution": 32, "batch_size": 1, "steps": 100, "lr": 1.0, "final_lr": 0.1, "warmup": 0.1})


def schedule(**changes):
    return Schedule(dataclasses.replace(RECIPE, **changes), epochs=10, steps=100, steps_per_epoch=10)


def test_rises_to_the_peak_and_falls_to_the_end():
    rates = [schedule().lr(step) for step in range(100)]
    assert rates[0] == pytest.approx(0.1) and rates[9] == 1.0 and rates[99] == pytest.approx(0.1)
    assert rates[:10] == sorted(rates[:10]) and rates[9:] == sorted(rates[9:], reverse=True)
    assert rates[54] == pytest.approx(0.55)  # half-way between peak and end


def test_equals_the_published_schedule_by_epoch():
    """Warm-up lr (e + 1) / 5, then cosine in (e + 1 - 5) / 95, e counted from 0 (the published study's trainer)."""
    recipe = load_recipe("zhang2025").settled("mobilenetv2", "cifar10")
    ours = Schedule(recipe, epochs=100, steps=700, steps_per_epoch=7)
    for epoch in range(100):
        if epoch < 5:
            published = 1e-3 * (epoch + 1) / 5
        else:
            published = 1e-5 + (1e-3 - 1e-5) * 0.5 * (1 + math.cos(math.pi * (epoch + 1 - 5) / 95))
        assert ours.lr(7 * epoch) == ours.lr(7 * epoch + 6) == pytest.approx(published, rel=1e-12)


def test_constant():
    rates = [schedule(schedule="constant").lr(step) for step in range(100)]
    assert rates[4] == pytest.approx(0.5) and rates[10:] == [1.0] * 90


def test_one_step_and_nothing_but_warmup_divide_by_nothing():
    assert Schedule(dataclasses.replace(RECIPE, warmup=0.0), 1, 1, 10).lr(0) == pytest.approx(0.1)
    assert [schedule(warmup=1.0).lr(step) for step in (49, 98)] == pytest.approx([0.5, 0.99])


@pytest.mark.parametrize("name", ["adamw", "adam", "sgd"])
def test_no_decay_on_one_dimension(name):
    model = torch.nn.Sequential(torch.nn.Conv2d(3, 4, 3), torch.nn.BatchNorm2d(4))
    model.register_parameter("scale", torch.nn.Parameter(torch.ones(4, 1, 1)))
    optimizer = make_optimizer(model, dataclasses.replace(RECIPE, optimizer=name, weight_decay=0.3))
    decays = {id(p): group["weight_decay"] for group in optimizer.param_groups for p in group["params"]}
    assert {n for n, p in model.named_parameters() if decays[id(p)]} == {"0.weight"}
    assert len(decays) == len(list(model.parameters()))


def weight_after(*gradients, **changes):
    """What a weight of 1 is after steps with these gradients."""
    layer = torch.nn.Linear(2, 2, bias=False)
    torch.nn.init.ones_(layer.weight)
    optimizer = make_optimizer(layer, dataclasses.replace(RECIPE, lr=0.1, **changes))
    for gradient in gradients:
        layer.weight.grad = torch.full((2, 2), gradient)
        optimizer.step()
    return layer.weight[0, 0].item()


def test_decay_of_adamw_is_decoupled_and_that_of_adam_a_part_of_the_gradient():
    assert weight_after(0.0, weight_decay=0.5) == pytest.approx(1 - 0.1 * 0.5)
    assert weight_after(0.0, weight_decay=0.5, optimizer="adam") == pytest.approx(1 - 0.1)


def test_momentum_of_sgd_is_nesterovs():
    first, second = 1 + 0.9 * 1, 1 + 0.9 * (1 + 0.9 * 1)
    assert weight_after(1.0, 1.0, optimizer="sgd", momentum=0.9) == pytest.approx(1 - 0.1 * first - 0.1 * second)
