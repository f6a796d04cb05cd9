"""archlab's metrics against scikit-learn's, also where classes do not occur, one is alone, or images are alike."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from sklearn import metrics as theirs

from archlab.foundation import UserError
from archlab.foundation.metric import METRICS, Metric
from archlab.runs.code import LOOP, sources
from archlab.training.class_scores import ClassScores
from archlab.training.metrics import measured, metrics_of, own_metric

CASES = {
    "all classes": (300, 5, range(5)),
    "classes that do not occur": (80, 7, (1, 2, 6)),
    "two classes": (50, 2, range(2)),
    "more classes than images": (10, 26, range(26)),
    "one class alone": (20, 4, (2,)),
}


def made(case: str, *, ties: bool) -> ClassScores:
    images, classes, occurring = CASES[case]
    chance = np.random.default_rng(7)
    outputs = chance.normal(size=(images, classes))
    return ClassScores.of(np.round(outputs) if ties else outputs, chance.choice(list(occurring), images))


def of_scikit_learn(kept: ClassScores) -> dict[str, float]:
    probabilities, labels = kept.probabilities(), kept.labels
    said, occurring = probabilities.argmax(1), np.unique(labels)
    areas = [theirs.roc_auc_score(labels == each, probabilities[:, each]) for each in occurring if len(occurring) > 1]
    found = {
        "accuracy": theirs.accuracy_score(labels, said),
        "balanced_accuracy": theirs.recall_score(labels, said, labels=occurring, average="macro"),
        "macro_f1": theirs.f1_score(labels, said, average="macro"),
        "auroc": np.mean(areas) if areas else None,
        "log_loss": theirs.log_loss(labels, probabilities, labels=range(probabilities.shape[1])),
        "calibration_error": by_loop(probabilities, labels),
    }
    return {name: value for name, value in found.items() if value is not None}


def by_loop(probabilities, labels) -> float:
    """Guo et al. 2017, equations 2 and 3, as their code has it: bins (lower, upper]."""
    confidence, right = probabilities.max(1), probabilities.argmax(1) == labels
    error, edges = 0.0, np.linspace(0, 1, 16)
    for lower, upper in pairwise(edges):
        inside = (confidence > lower) & (confidence <= upper)
        if inside.any():
            error += inside.mean() * abs(right[inside].mean() - confidence[inside].mean())
    return error


@pytest.mark.parametrize("ties", [False, True])
@pytest.mark.parametrize("case", CASES)
def test_they_equal_scikit_learn(case, ties):
    kept = made(case, ties=ties)
    (found,) = metrics_of({"test": kept}).values()
    assert found == pytest.approx(of_scikit_learn(kept), abs=1e-12)
    assert {name: measured(each, kept) for name, each in METRICS.items()} == {**dict.fromkeys(METRICS), **found}


@pytest.mark.filterwarnings("ignore:Only one class is present:sklearn.exceptions.UndefinedMetricWarning")
def test_the_area_of_many_classes_is_scikit_learns_own_average():
    kept = made("all classes", ties=True)
    area = theirs.roc_auc_score(kept.labels, kept.probabilities(), multi_class="ovr", average="macro")
    assert measured(METRICS["auroc"], kept) == pytest.approx(area, abs=1e-12)


def test_what_is_not_defined_is_absent():
    kept = made("one class alone", ties=False)
    assert set(METRICS) - set(metrics_of({"test": kept})["test"]) == {"auroc"}
    assert measured(METRICS["auroc"], kept) is None


def test_perfect_and_hopeless_networks_stand_at_the_right_ends():
    labels = np.arange(40) % 4
    good = np.eye(4)[labels] * 30
    (perfect,), (hopeless,) = (
        metrics_of({"test": ClassScores.of(outputs, labels)}).values() for outputs in (good, -good)
    )
    for name, metric in METRICS.items():
        better, worse = (perfect, hopeless) if metric.higher_is_better else (hopeless, perfect)
        assert better[name] > worse[name]


def test_no_metric_decides_a_runs_key():
    there = {name for module, name in sources().made_of(LOOP) if module.startswith("archlab.training.me")}
    assert not there


OWN = """
def top(scores, labels, *, k: int = 1):
    return (scores.argsort(1)[:, -k:] == labels[:, None]).any(1).mean()


def cost(scores, labels):
    return float(abs(scores.argmax(1) - labels).mean())


cost.higher_is_better = False
cost.unit = "euros"


def accuracy(scores, labels):
    return 1.0


def odd(scores, labels):
    return 1.0


odd.higher_is_better = "no"
"""


@pytest.fixture
def file(tmp_path):
    (tmp_path / "mine.py").write_text(OWN)
    return tmp_path / "mine.py"


def test_an_own_one_says_its_direction_and_unit(file):
    kept = made("all classes", ties=False)
    top = own_metric({"mine.py:top": {"k": 3}}, folder=file.parent)
    assert top == Metric("top", own={f"{file}:top": {"k": 3}})
    assert measured(top, kept) == pytest.approx(
        theirs.top_k_accuracy_score(kept.labels, kept.probabilities(), k=3), abs=1e-12
    )
    cost = own_metric(f"{file}:cost")
    assert (cost.higher_is_better, cost.unit) == (False, "euros")
    assert measured(cost, kept) == pytest.approx(np.abs(kept.classes - kept.labels).mean())


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ("mine.py:accuracy", "two metrics are called 'accuracy'"),
        ("mine.py:tpo", "has no function or class 'tpo'"),
        ({"mine.py:top": {"n": 3}}, "has no key 'n'"),
        ("mine.py:odd", "odd: higher_is_better is True or False"),
        ("gone.py:top", "gone.py"),
    ],
)
def test_a_wrong_one_is_refused_where_it_is_named(file, given, message):
    with pytest.raises(UserError, match=message) as error:
        own_metric(given, folder=file.parent, at="study.yaml:3")
    assert error.value.where == "study.yaml:3"
