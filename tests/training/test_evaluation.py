"""What a model says of a split: class scores in half precision, and metrics of them against scikit-learn."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy.special import softmax
from sklearn.metrics import accuracy_score, balanced_accuracy_score, log_loss

from archlab.data.batches import Batches
from archlab.training.class_scores import ClassScores
from archlab.training.evaluation import evaluate
from archlab.training.metrics import metrics_of
from tests.training.stub import Made


def test_equals_scikit_learn_with_a_class_that_does_not_occur():
    made = Made(test=41)
    images, labels = made.arrays["test"]
    keep = labels != 2
    made.arrays["test"] = images[keep], labels[keep]
    torch.manual_seed(0)
    model = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.BatchNorm1d(768), torch.nn.Linear(768, 4)).train()
    batches = Batches(made, "test", batch_size=7)
    kept = ClassScores.of(evaluate(model, batches).numpy(), batches.labels.numpy())
    (scores,) = metrics_of({"test": kept}).values()

    everything, truth = next(Batches(made, "test", batch_size=1000).in_order())
    with torch.no_grad():
        logits = model.eval()(everything)
    assert scores["accuracy"] == pytest.approx(accuracy_score(truth, logits.argmax(1)), abs=1e-12)
    assert scores["balanced_accuracy"] == pytest.approx(balanced_accuracy_score(truth, logits.argmax(1)), abs=1e-12)
    assert scores["log_loss"] == pytest.approx(log_loss(truth, logits.double().softmax(1), labels=range(4)), rel=1e-3)
    assert scores["log_loss"] == pytest.approx(log_loss(kept.labels, kept.probabilities(), labels=range(4)), abs=1e-12)


@given(arrays(np.float32, (5, 4), elements=st.floats(-1e6, 1e6, width=32)))
def test_half_precision_changes_no_class(outputs):
    kept = ClassScores.of(outputs, np.zeros(5))
    assert (kept.classes == outputs.argmax(1)).all() and np.isfinite(kept.scores).all()
    assert ((kept.scores < 0).sum(1) == 3).all(), "no class but one has the highest score"
    assert kept.probabilities() == pytest.approx(softmax(outputs.astype(np.float64), axis=1), abs=1e-3)


def test_leaves_the_model_in_its_mode_and_its_statistics_alone():
    model = torch.nn.Sequential(torch.nn.BatchNorm2d(3), torch.nn.Flatten(), torch.nn.Linear(768, 4)).train()
    evaluate(model, Batches(Made(), "test", batch_size=7))
    assert model.training and int(model[0].num_batches_tracked) == 0
