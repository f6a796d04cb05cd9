"""`clip`: no gradient longer than asked for moves the weights."""

from __future__ import annotations

import dataclasses

import pytest
import torch

from archlab.training.loop import train
from archlab.training.reading import load_recipe
from tests.training.stub import TINY, Made, same

RECIPE = load_recipe({"resolution": 16, "batch_size": 16, "steps": 12, "lr": 0.1, "optimizer": "sgd", "momentum": 0.0})


def lengths(monkeypatch, recipe, data) -> list[float]:
    """Of the gradients that the optimiser is given, over all parameters."""
    found, real = [], torch.optim.SGD.step

    def watched(self, *given, **named):
        gradients = [each.grad.flatten() for group in self.param_groups for each in group["params"]]
        found.append(float(torch.cat(gradients).norm()))
        return real(self, *given, **named)

    with monkeypatch.context() as patched:
        patched.setattr(torch.optim.SGD, "step", watched)
        train(TINY, data, recipe, 0)
    return found


def test_gradients_are_as_long_as_they_were_or_as_asked_for(monkeypatch, digits):
    free = lengths(monkeypatch, RECIPE, digits)
    limit = sorted(free)[len(free) // 2]
    clipped = lengths(monkeypatch, dataclasses.replace(RECIPE, clip=limit), digits)
    assert max(free) > limit * 1.01 and max(clipped) == pytest.approx(limit, rel=1e-4)
    assert clipped[0] == pytest.approx(min(free[0], limit), rel=1e-4)


def test_a_limit_that_nothing_reaches_and_none_are_plain_training_to_the_bit():
    plain = train(TINY, Made(), RECIPE, 0)
    off = load_recipe({**RECIPE.canonical(), "clip": 0})
    assert off.canonical() == RECIPE.canonical() and same(plain, train(TINY, Made(), off, 0))
    assert same(plain, train(TINY, Made(), dataclasses.replace(RECIPE, clip=1e6), 0))
    assert dataclasses.replace(RECIPE, clip=1.0).canonical()["clip"] == 1.0
