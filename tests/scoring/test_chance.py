"""What is reached without a look at any image, and which models reach no more."""

import math

import numpy as np
import pandas as pd
import pytest

from archlab.foundation.metric import METRICS, Metric
from archlab.scoring import at_chance, chance, score_table
from archlab.training import measures

SHAPES = [[50, 50], [20] * 10, [100, 10, 5], [3] * 7, [900, 100], [2] * 100]
KNOWN = ["accuracy", "balanced_accuracy", "macro_f1", "auroc", "log_loss"]


def test_chance_of_each_metric_by_hand():
    images = [60, 30, 10, 0]
    shares = np.array([0.6, 0.3, 0.1])
    assert chance("accuracy", images) == 0.6
    assert chance("balanced_accuracy", images) == chance("macro_f1", images) == 1 / 3
    assert chance("auroc", images) == 0.5
    assert chance("log_loss", images) == pytest.approx(-(shares * np.log(shares)).sum())
    assert chance("log_loss", [25] * 1000) == pytest.approx(math.log(1000))


def test_nothing_is_said_of_what_is_not_known():
    means = pd.DataFrame({"d": [0.0]}, index=["m"])
    own = Metric("accuracy", own={"mine.py:accuracy": {}})
    for metric in ("calibration_error", "kappa", own, Metric("log_loss", higher_is_better=True)):
        assert chance(metric, [10, 10]) is None
        assert at_chance(means, {"d": [10, 10]}, metric) == {}
    assert chance("auroc", [10, 0]) is None and chance("accuracy", [0, 0]) is None
    assert at_chance(means, {"other": [10, 10]}) == at_chance(means, {}) == {}
    assert at_chance(means.replace(0.0, math.nan), {"d": [10, 10]}) == {}


@pytest.mark.slow
@pytest.mark.parametrize("images", SHAPES, ids=lambda images: f"{len(images)} classes of {images[0]}")
@pytest.mark.parametrize("guesses", ["alike", "as_frequent", "always_the_same"])
def test_a_model_that_knows_nothing_is_at_chance(images, guesses):
    rng, labels = np.random.default_rng(0), np.repeat(np.arange(len(images)), images)
    shares = np.full(len(images), 1 / len(images)) if guesses == "alike" else np.array(images) / sum(images)
    called = dict.fromkeys(KNOWN, 0)
    for _ in range(60):
        noise = 0 if guesses == "always_the_same" else rng.gumbel(size=(len(labels), len(images)))
        scores = np.exp(np.log(shares) + noise + np.zeros((len(labels), 1)))
        probabilities = scores / scores.sum(1, keepdims=True)
        for metric in KNOWN:
            means = pd.DataFrame({"d": [getattr(measures, metric)(probabilities, labels)]}, index=["m"])
            called[metric] += bool(at_chance(means, {"d": images}, metric))
    assert min(called.values()) >= 0.85 * 60, called  # nominally 95 %


@pytest.mark.parametrize("metric", KNOWN)
def test_a_model_that_knows_something_is_not(metric):
    rng, labels = np.random.default_rng(0), np.repeat(np.arange(10), 40)
    scores = rng.normal(size=(400, 10)) + 2 * np.eye(10)[labels]
    probabilities = np.exp(scores) / np.exp(scores).sum(1, keepdims=True)
    means = pd.DataFrame({"d": [getattr(measures, metric)(probabilities, labels)]}, index=["m"])
    assert at_chance(means, {"d": [40] * 10}, metric) == {}


def test_percent_and_fractions_are_read_alike():
    means = pd.DataFrame({"small": [0.11, 0.45], "large": [0.11, 0.9]}, index=["a", "b"])
    images = {"small": [10, 10], "large": [1000] * 10}
    expected = {"a": ["small"], "b": ["small"]}  # .11 of 10,000 images of ten classes is more than chance
    assert at_chance(means, images) == at_chance(100 * means, images) == expected


def table(values: dict[str, list[float]], metric="accuracy") -> pd.DataFrame:
    rows = [
        (model, f"d{at}", seed, "test", metric, value + 0.001 * seed)
        for model, of_model in values.items()
        for at, value in enumerate(of_model)
        for seed in range(2)
    ]
    return pd.DataFrame(rows, columns=["model", "dataset", "seed", "split", "metric", "value"])


def test_models_at_chance_are_marked_with_one_warning_in_the_place_of_many():
    lost = {f"lost{at}": [0.1, 0.1, 0.9] for at in range(7)}
    found = table({"good": [0.9, 0.9, 0.89], "poor": [0.5, 0.4, 0.3], **lost})
    images = {f"d{at}": [40] * 10 for at in range(3)}
    without, marked = (score_table(found, ["good", "poor"], classes=known) for known in (None, images))
    assert sum("lowers its xScore" in each for each in without.warnings) == 5 and without.at_chance == {}
    said = [each for each in marked.warnings if each.startswith("at chance")]
    assert len(said) == 1 and "on d0 (7 of 9 models), d1 (7 of 9 models) no more" in said[0]
    assert not any("lowers its xScore" in each for each in marked.warnings)
    by_model = {each["model"]: each["at_chance"] for each in marked.document()["models"]}
    assert by_model == {"good": [], "poor": [], **{model: ["d0", "d1"] for model in lost}}
    assert (marked.models["xscore"] == without.models["xscore"]).all()


def test_a_loss_is_at_chance_from_the_entropy_up():
    found = table({"a": [1.0, 2.4], "b": [2.0, 2.0], "c": [0.5, 2.303]}, "log_loss")
    images = {"d0": [40] * 10, "d1": [40] * 10}
    scores = score_table(found, metric=METRICS["log_loss"], classes=images)
    assert scores.at_chance == {"a": ["d1"], "c": ["d1"]}
