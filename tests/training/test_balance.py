"""Class weights in the loss: what they are, that their scale is that of plain training, and that skewed data profit."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from sklearn.utils.class_weight import compute_class_weight

from archlab.training.balance import balanced_cross_entropy, class_weights
from archlab.training.loop import train
from archlab.training.metrics import metrics_of
from archlab.training.reading import load_recipe
from tests.training.stub import TINY, Made

SMOOTHING = 0.1
RECIPE = load_recipe({"resolution": 16, "batch_size": 16, "steps": 60, "epochs": 30, "lr": 1e-2, "weight_decay": 0.05})
BALANCED = dataclasses.replace(RECIPE, balance=True)


@pytest.fixture
def skewed():
    """Labels, their weights, and outputs of a network."""
    torch.manual_seed(0)
    labels = torch.tensor([0] * 50 + [1] * 5 + [3] * 2)
    return labels, class_weights(labels, 5), torch.randn(len(labels), 5)


def test_weights_are_inverse_frequencies_whose_mean_over_images_is_one(skewed):
    labels, weights, _ = skewed
    there = [0, 1, 3]
    expected = compute_class_weight("balanced", classes=np.array(there), y=labels.numpy())
    assert weights[there].numpy() == pytest.approx(expected, rel=1e-6)
    assert weights[[2, 4]].tolist() == [0, 0] and float(weights[labels].mean()) == pytest.approx(1)


def test_without_smoothing_it_is_pytorchs_weight_over_the_images(skewed):
    labels, weights, outputs = skewed
    expected = F.cross_entropy(outputs, labels, weight=weights, reduction="sum") / len(labels)
    assert float(balanced_cross_entropy(outputs, labels, weights)) == pytest.approx(float(expected), rel=1e-6)
    soft = torch.lerp(F.one_hot(labels, 5).float(), F.one_hot(labels.roll(1), 5).float(), 0.3)
    expected = F.cross_entropy(outputs, soft, weight=weights)
    assert float(balanced_cross_entropy(outputs, soft, weights)) == pytest.approx(float(expected), rel=1e-6)


@pytest.mark.parametrize("smoothing", [0.0, SMOOTHING])
def test_labels_and_unmixed_soft_labels_agree_and_equal_weights_change_nothing(skewed, smoothing):
    labels, weights, outputs = skewed
    soft = F.one_hot(labels, 5).float()
    hard = balanced_cross_entropy(outputs, labels, weights, smoothing)
    assert float(balanced_cross_entropy(outputs, soft, weights, smoothing)) == pytest.approx(float(hard), rel=1e-5)
    plain = F.cross_entropy(outputs, labels, label_smoothing=smoothing)
    assert float(balanced_cross_entropy(outputs, labels, torch.ones(5), smoothing)) == pytest.approx(float(plain))


@pytest.mark.parametrize("smoothing", [0.0, SMOOTHING])
def test_a_network_that_says_nothing_has_the_loss_that_it_has_without(skewed, smoothing):
    labels, weights, _ = skewed
    nothing = torch.zeros(len(labels), 5)
    assert float(balanced_cross_entropy(nothing, labels, weights, smoothing)) == pytest.approx(np.log(5), rel=1e-5)


def test_nothing_in_it_waits_for_a_device(skewed):
    """Else a step with it could not be a CUDA graph: of tensors without values, whatever asks for one fails."""
    labels, weights, outputs = (each.to("meta") for each in skewed)
    for given in (labels, F.one_hot(skewed[0], 5).float().to("meta")):
        assert balanced_cross_entropy(outputs, given, weights, SMOOTHING).device.type == "meta"


def thinned(made: Made) -> Made:
    """Training images of two classes one to ten of the others."""
    images, labels = made.arrays["train"]
    kept = (labels < 2) | (np.arange(len(labels)) % 10 == 0)
    made.arrays["train"] = images[kept], labels[kept]
    return made


@pytest.mark.slow
def test_false_is_plain_training_to_the_bit_and_keys_stay():
    assert "balance" not in RECIPE.canonical() and BALANCED.canonical()["balance"] is True
    assert load_recipe(BALANCED.canonical()) == dataclasses.replace(
        BALANCED, name=load_recipe(BALANCED.canonical()).name
    )
    plain, told = (
        train(TINY, Made(), each, 0) for each in (RECIPE, load_recipe({**RECIPE.canonical(), "balance": False}))
    )
    assert all(torch.equal(plain.weights[name], told.weights[name]) for name in plain.weights)


@pytest.mark.slow
def test_classes_as_frequent_as_each_other_train_as_without():
    made = Made(train=96)
    plain, balanced = (train(TINY, made, each, 0) for each in (RECIPE, BALANCED))
    assert [row["loss"] for row in plain.history] == pytest.approx([row["loss"] for row in balanced.history], rel=1e-3)


@pytest.mark.slow
@pytest.mark.parametrize("augment", [{}, {"cutmix": 1.0, "mixup": 0.2}])
def test_skewed_data_are_trained_better(augment):
    gains = []
    for seed in range(3):
        found = {}
        for balance in (False, True):
            settings = {**RECIPE.canonical(), "augment": augment, "label_smoothing": SMOOTHING, "balance": balance}
            trained = train(TINY, thinned(Made(train=400, test=200)), load_recipe(settings), seed)
            found[balance] = metrics_of(trained.class_scores)["test"]
        gains.append([found[True][name] - found[False][name] for name in ("balanced_accuracy", "macro_f1")])
    assert np.mean(gains, axis=0).min() > 0.02, gains
