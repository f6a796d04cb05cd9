"""What a network is worth on test images: values, intervals, and what cannot be known."""

from __future__ import annotations

import numpy as np
import pytest

from archlab.foundation.metric import METRICS
from archlab.pick import tested


@pytest.mark.slow
def test_the_interval_of_a_metric_covers_it_as_often_as_it_says(monkeypatch):
    """Of balanced accuracy, over test sets with 30 and 10 images of two classes, right on 90 % and 60 %."""
    monkeypatch.setattr(tested, "DRAWS", (200, 200))
    chance, labels, covered = np.random.default_rng(0), np.repeat([0, 1], [30, 10]), 0
    for _ in range(100):
        right = chance.random(40) < np.where(labels == 0, 0.9, 0.6)
        probabilities = np.eye(2)[np.where(right, labels, 1 - labels)] * 0.8 + 0.1
        found = tested.tested(probabilities, labels, ["a", "b"], METRICS["balanced_accuracy"], "a")
        of = found["metrics"]["balanced_accuracy"]
        covered += of["low"] <= 0.75 <= of["high"]
    assert 86 <= covered <= 99


def test_of_many_images_and_classes_less_is_drawn(monkeypatch):
    labels, drawn = np.repeat([0, 1], 20), []
    real = tested.measured
    monkeypatch.setattr(tested, "measured", lambda *given: drawn.append(1) or real(*given))
    monkeypatch.setattr(tested, "MOST_PROBABILITIES", 150 * 2 * 40)
    tested.tested(np.eye(2)[labels] * 0.8 + 0.1, labels, ["a", "b"], METRICS["balanced_accuracy"], "a")
    assert len(drawn) == 1 + 150


def test_a_class_of_few_test_images_leaves_no_interval_of_a_metric():
    labels = np.repeat([0, 1, 2], [30, 10, 2])  # both of the third are right, which says little of others
    found = tested.tested(np.eye(3)[labels], labels, ["a", "b", "c"], METRICS["balanced_accuracy"], "a")
    assert found["metrics"]["balanced_accuracy"] == {"value": 1.0, "low": None, "high": None}
    assert found["metrics"]["accuracy"]["low"] < 0.95


def test_classes_without_test_images_have_no_recall():
    found = tested.tested(np.eye(3)[[0, 0, 2]], np.array([0, 0, 0]), ["a", "b", "c"], METRICS["auroc"], "b")
    assert found["recall"][1] == {"class": "b", "images": 0, "recall": None, "low": None, "high": None}
    assert found["metrics"]["auroc"]["value"] is None, "all images are of one class"
    assert found["guess"] == {"class": "b", "accuracy": 0.0} and found["confusion"][0] == [2, 0, 1]
