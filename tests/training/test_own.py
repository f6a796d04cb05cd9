"""Optimisers and metrics in files of one's own."""

from __future__ import annotations

import json

import pytest
import torch

from archlab.foundation import UserError, read_yaml_text
from archlab.foundation.metric import Metric
from archlab.runs.run import digest
from archlab.study.loading import load_study
from archlab.training.loop import train
from archlab.training.metrics import metrics_of
from archlab.training.reading import load_recipe
from archlab.training.recipe import own_files_of
from tests.training.stub import TINY, Made

OPTIMIZER = """
import torch


class Slow(torch.optim.Optimizer):
    def __init__(self, groups, lr, *, most: int = 3, factor: float = 1.0):
        super().__init__(groups, {"lr": lr, "most": most, "factor": factor})

    @torch.no_grad()
    def step(self):
        for group in self.param_groups:
            for parameter in group["params"]:
                state = self.state[parameter]
                state["steps"] = state.get("steps", 0) + 1
                mean = state.setdefault("mean", torch.zeros_like(parameter)).lerp_(parameter.grad, 0.3)
                parameter.mul_(1 - group["lr"] * group["weight_decay"])
                parameter.sub_(group["factor"] * group["lr"] / (1 - 0.7 ** state["steps"]) * mean)


def plain(groups, lr):
    return torch.optim.SGD(groups, lr=lr)


def nothing(groups, lr):
    return 3
"""
METRICS = """
import numpy as np


def balanced(scores, labels, *, floor: float = 0.0):
    assert scores.dtype == np.float32 and labels.dtype == np.int64 and scores.shape == (len(labels), 4)
    found = scores.argmax(1)
    return max(floor, np.mean([(found == label)[labels == label].mean() for label in np.unique(labels)]))


def images(scores, labels):
    return len(labels)


def accuracy(scores, labels):
    return 1.0


def lost(scores, labels):
    return None


def broken(scores, labels):
    return labels[10**9]
"""
SMALL = "resolution: 16\nbatch_size: 16\nepochs: 3\nlr: 1e-2\nweight_decay: 0.05\n"


@pytest.fixture
def read(tmp_path):
    (tmp_path / "mine.py").write_text(OPTIMIZER)
    (tmp_path / "metrics.py").write_text(METRICS)
    return lambda text: load_recipe(read_yaml_text(SMALL + text, "r.yaml"), folder=tmp_path)


def test_a_recipe_holds_what_own_code_says_and_not_where_it_lies(read, tmp_path):
    text = "optimizer: {FOLDER/mine.py:Slow: {factor: 0.5}}\n"
    text += "metrics: [FOLDER/metrics.py:images, {FOLDER/metrics.py:balanced: {floor: 0.1}}]"
    recipe = read(text.replace("FOLDER/", ""))
    canonical = recipe.canonical()
    assert str(tmp_path) not in json.dumps(canonical) and "mine" not in json.dumps(canonical)
    assert [list(call.values()) for call in canonical["metrics"]] == [[{}], [{"floor": 0.1}]]
    assert load_recipe(canonical).canonical() == canonical
    assert own_files_of(recipe) == (str(tmp_path / "metrics.py"), str(tmp_path / "mine.py"))

    (tmp_path / "elsewhere").mkdir()
    for name in ("mine.py", "metrics.py"):
        (tmp_path / name).rename(tmp_path / "elsewhere" / name)
    moved = read(text.replace("FOLDER", "elsewhere"))
    assert moved.canonical() == canonical
    (tmp_path / "elsewhere" / "mine.py").write_text(OPTIMIZER.replace("0.3", "0.4"))
    assert read("optimizer: elsewhere/mine.py:Slow").canonical()["optimizer"].keys() != canonical["optimizer"].keys()


QUICK = "51b6ade11c512126c4df09f01489be1f06fc00109ab700d08c40977b0ed52e2a"  # as runs were stored before own code


def test_recipes_without_own_code_keep_their_form():
    """Else the keys of all runs would be others."""
    quick = load_recipe({"like": "quick", "steps": 200})  # as it was then
    assert digest(quick.settled("mobilenetv2", "digits").canonical()) == QUICK


def test_an_exemption_may_name_own_code(read):
    recipe = read("exemptions: [{models: [a], set: {optimizer: mine.py:plain, metrics: [metrics.py:images]}}]")
    assert recipe.settled("b", "x").optimizer == "adamw" and recipe.settled("b", "x").metrics == ()
    assert isinstance(recipe.settled("a", "x").optimizer, dict) and len(recipe.settled("a", "x").metrics) == 1


def same_weights(one, other):
    return all(torch.equal(one.weights[name], other.weights[name]) for name in one.weights)


def test_an_optimiser_trains_and_its_arguments_count(read):
    by_name = train(TINY, Made(), read("optimizer: sgd\nmomentum: 0"), 0)
    assert same_weights(by_name, train(TINY, Made(), read("optimizer: mine.py:plain"), 0))
    slow = train(TINY, Made(), read("optimizer: mine.py:Slow"), 0)
    assert slow.history[-1]["loss"] < slow.history[0]["loss"]
    assert not same_weights(slow, train(TINY, Made(), read("optimizer: {mine.py:Slow: {factor: 0.5}}"), 0))


def test_a_run_with_an_own_optimiser_continues_where_it_was_interrupted(read, tmp_path):
    recipe, checkpoint = read("optimizer: mine.py:Slow"), tmp_path / "checkpoint.safetensors"

    def stop(entry):
        if entry["epoch"] == 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        train(TINY, Made(), recipe, 0, checkpoint=checkpoint, on_epoch=stop)
    epochs = []
    resumed = train(TINY, Made(), recipe, 0, checkpoint=checkpoint, on_epoch=epochs.append)
    assert len(epochs) == 1 and same_weights(resumed, train(TINY, Made(), recipe, 0))


def test_metrics_are_computed_on_validation_and_test(read):
    plain = train(TINY, Made(), read(""), 0)
    recipe = read("metrics: [metrics.py:images, metrics.py:balanced]")
    measured = train(TINY, Made(), recipe, 0)
    metrics = metrics_of(measured.class_scores, recipe.metrics)
    for split, images in (("validation", 24), ("test", 40)):
        values = metrics[split]
        assert values.pop("images") == images
        assert values.pop("balanced") == pytest.approx(values["balanced_accuracy"], abs=1e-12)
        assert values == metrics_of(plain.class_scores)[split]
    assert same_weights(plain, measured)


def test_a_study_may_score_a_metric_that_its_recipe_names(read, tmp_path):
    recipe = {"like": "quick", "metrics": [f"{tmp_path}/metrics.py:balanced"]}
    assert load_study({"base": "mobilenetv2", "recipe": recipe, "metric": "balanced"}).metric == Metric("balanced")
    with pytest.raises(UserError, match=r"metric must be accuracy, .* or one of yours, FILE.py:NAME, not 'balanced'"):
        load_study({"base": "mobilenetv2", "metric": "balanced"})


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            "optimizer: adanw",
            "r.yaml:6: a recipe: optimizer must be adamw, adam or sgd, not 'adanw' - did you mean 'adamw'?",
        ),
        ("optimizer: mine.py:Slwo", "r.yaml:6: MINE has no function or class 'Slwo' - did you mean 'Slow'?"),
        ("optimizer: {mine.py:Slow: {mots: 3}}", "r.yaml:6: mine.py:Slow has no key 'mots' - did you mean 'most'?"),
        ("optimizer: {mine.py:Slow: {most: a}}", "r.yaml:6: mine.py:Slow: most must be a whole number, not 'a'"),
        ("metrics: metrics.py:images", "r.yaml:6: a recipe: metrics must be a list, not 'metrics.py:images'"),
        ("metrics: [metrics.py:accuracy]", "r.yaml:6: two metrics are called 'accuracy': call the function otherwise"),
        (
            "metrics: [metrics.py:images, metrics.py:images]",
            "r.yaml:6: two metrics are called 'images': call the function otherwise",
        ),
        ("metrics: [images]", "r.yaml:6: own code is named FILE.py:NAME, not 'images'"),
    ],
)
def test_says_what_is_wrong_and_where(read, tmp_path, text, message):
    with pytest.raises(UserError) as error:
        read(text)
    assert str(error.value).replace(str(tmp_path / "mine.py"), "MINE") == message


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("optimizer: mine.py:nothing", r"mine.py: nothing makes no torch.optim.Optimizer"),
        ("metrics: [metrics.py:lost]", r"metrics.py: lost must give a finite number, not None"),
        ("metrics: [metrics.py:broken]", r"metrics.py:\d+: IndexError"),
    ],
)
def test_what_fails_in_own_code_is_told_with_its_file(read, text, message):
    recipe = read(text)
    with pytest.raises(UserError, match=message):
        metrics_of(train(TINY, Made(), recipe, 0).class_scores, recipe.metrics)
