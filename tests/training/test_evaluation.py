"""Metrics against scikit-learn."""

from __future__ import annotations

import pytest
import torch
from sklearn.metrics import accuracy_score, balanced_accuracy_score, log_loss

from archlab.data.batches import Batches
from archlab.training.evaluation import evaluate
from tests.training.stub import Made


def test_equals_scikit_learn_with_a_class_that_does_not_occur():
    made = Made(test=41)
    images, labels = made.arrays["test"]
    keep = labels != 2
    made.arrays["test"] = images[keep], labels[keep]
    torch.manual_seed(0)
    model = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.BatchNorm1d(768), torch.nn.Linear(768, 4)).train()
    scores = evaluate(model, Batches(made, "test", batch_size=7))

    everything, truth = next(Batches(made, "test", batch_size=1000).in_order())
    with torch.no_grad():
        logits = model.eval()(everything)
    assert scores["accuracy"] == pytest.approx(accuracy_score(truth, logits.argmax(1)), abs=1e-12)
    assert scores["balanced_accuracy"] == pytest.approx(balanced_accuracy_score(truth, logits.argmax(1)), abs=1e-12)
    assert scores["loss"] == pytest.approx(log_loss(truth, logits.double().softmax(1), labels=range(4)), rel=1e-6)


def test_leaves_the_model_in_its_mode_and_its_statistics_alone():
    model = torch.nn.Sequential(torch.nn.BatchNorm2d(3), torch.nn.Flatten(), torch.nn.Linear(768, 4)).train()
    evaluate(model, Batches(Made(), "test", batch_size=7))
    assert model.training and int(model[0].num_batches_tracked) == 0
