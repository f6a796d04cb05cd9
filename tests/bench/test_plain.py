"""The fast path gives what a plain script gives."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from archlab.architecture import architecture
from archlab.bench.plain import train_plainly
from archlab.data import open_prepared
from archlab.training import load_recipe, train
from tests.training.stub import TINY, Made


@pytest.fixture(autouse=True)
def one_thread():
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def test_the_plain_script_learns():
    recipe = load_recipe({"like": "quick", "lr": 2e-2, "steps": 150})
    portions = []
    assert train_plainly(TINY, Made(train=400), recipe, 0, on_epoch=portions.append) > 0.9
    assert portions == [25] * 6


@pytest.mark.slow
def test_accuracy_is_not_traded_for_speed(tmp_path: Path):
    """Five seeds each way on digits: means within three standard errors of each other."""
    digits, recipe = open_prepared("digits", tmp_path), load_recipe("quick")
    design, seeds = architecture("mobilenetv2"), range(5)
    fast = [train(design, digits, recipe, seed, width=0.25).metrics["test"]["accuracy"] for seed in seeds]
    plain = [train_plainly(design, digits, recipe, seed, width=0.25) for seed in seeds]
    error = np.sqrt((np.var(fast, ddof=1) + np.var(plain, ddof=1)) / 5)
    print(
        f"fast {np.mean(fast):.3f} {np.std(fast, ddof=1):.3f}, plain {np.mean(plain):.3f} {np.std(plain, ddof=1):.3f}"
    )
    assert abs(np.mean(fast) - np.mean(plain)) < 3 * error + 0.005
    assert np.mean(plain) > 0.7
