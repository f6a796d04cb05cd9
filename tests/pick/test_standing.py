"""Who is surely behind: against a bootstrap of images within classes, and against seeds that are known."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pytest

from archlab.foundation.metric import METRICS
from archlab.pick.standing import Standing, standing
from archlab.training.class_scores import ClassScores

CLASSES, IMAGES = 3, 240


@dataclass
class Made:
    """Stands in for what a trainer remembers, and for the store of its class scores."""

    scores: dict[str, ClassScores]

    def class_scores(self, key: str) -> dict[str, ClassScores]:
        return {"validation": self.scores[key]}

    def attempts(self, *keys: str):
        return [Attempt(key, self.scores[key]) for key in keys]


class Attempt:
    """A key is MODEL or MODEL/SEED."""

    def __init__(self, key: str, scores: ClassScores):
        self.candidate = self.run = self
        self.name, self.key = key.partition("/")[0], key
        self.worth = float((scores.classes == scores.labels).mean())


def scores_of(rng: np.random.Generator, labels: np.ndarray, skill: float, hardness: np.ndarray) -> ClassScores:
    """Right where the skill and luck are more than the image is hard."""
    right = skill + 0.5 * rng.normal(size=len(labels)) > hardness
    said = np.where(right, labels, (labels + 1) % CLASSES)
    return ClassScores.of(np.eye(CLASSES)[said], labels)


@pytest.fixture
def images():
    rng = np.random.default_rng(3)
    return rng, np.sort(rng.integers(0, CLASSES, IMAGES)), rng.normal(size=IMAGES)


def test_the_error_of_a_difference_is_that_of_a_bootstrap_within_classes(images):
    rng, labels, hardness = images
    made = Made({name: scores_of(rng, labels, skill, hardness) for name, skill in (("a", 1.0), ("b", 0.7))})
    found = standing(made.attempts("a", "b"), METRICS["accuracy"], made)
    difference, error = found.behind(found.models[1])

    right = {name: each.classes == labels for name, each in made.scores.items()}
    strata = [np.flatnonzero(labels == label) for label in range(CLASSES)]
    drawn = [np.concatenate([rng.choice(stratum, len(stratum)) for stratum in strata]) for _ in range(4000)]
    differences = [right[found.models[0]][rows].mean() - right[found.models[1]][rows].mean() for rows in drawn]
    assert difference == pytest.approx(right[found.models[0]].mean() - right[found.models[1]].mean())
    assert error == pytest.approx(np.std(differences), rel=0.06)


def test_equal_networks_are_told_apart_as_rarely_as_promised_and_far_ones_always():
    rng, told, draws = np.random.default_rng(0), 0, 300
    for _ in range(draws):
        labels, hardness = np.sort(rng.integers(0, CLASSES, IMAGES)), rng.normal(size=IMAGES)
        skills = {"a": 1.0, "b": 1.0, "c": -1.0}
        made = Made({name: scores_of(rng, labels, skill, hardness) for name, skill in skills.items()})
        found = standing(made.attempts("a", "b", "c"), METRICS["accuracy"], made)
        told += set(found.open) != {"a", "b"}
        assert "c" not in found.open
    assert told / draws <= 0.08  # 5 % promised; 300 draws of that are at most 8 % in 99 of 100 cases


def test_what_differs_between_seeds_widens_the_interval(images):
    rng, labels, hardness = images
    made = {}
    for name in ("a", "b"):
        for seed, skill in enumerate((0.6, 1.4)):  # one architecture, very different seeds
            made[f"{name}/{seed}"] = scores_of(rng, labels, skill, hardness)
    found = standing(Made(made).attempts(*made), METRICS["accuracy"], Made(made))
    assert found.seeds == (2, 2)
    worth = [[Attempt(f"{name}/{seed}", made[f"{name}/{seed}"]).worth for seed in (0, 1)] for name in ("a", "b")]
    of_seeds = np.sqrt(2 * np.mean([np.var(each, ddof=1) for each in worth]) / 2)
    _, error = found.behind(found.models[1])
    assert error >= of_seeds


@pytest.mark.parametrize(("freedom", "open"), [(2, ["a", "b"]), (30, ["a"])])
def test_a_lead_of_three_errors_is_sure_only_where_the_noise_of_seeds_is_known(freedom, open):
    of_seeds = np.array([2e-4, 2e-4])
    found = Standing(("a", "b"), (0.5, 0.44), (2, 2), np.diag(of_seeds), of_seeds, freedom, image=1e-3)
    assert found.behind("b") == (pytest.approx(0.06), pytest.approx(0.02))
    assert found.open == open


def test_the_leader_is_not_behind_itself(images):
    rng, labels, hardness = images
    made = Made({"a": scores_of(rng, labels, 1.0, hardness)})
    found = standing(made.attempts("a"), METRICS["accuracy"], made)
    assert found.behind("a") == (0.0, 0.0)
    assert found.open == ["a"]


def test_of_classes_with_one_image_each_a_lead_of_one_image_is_not_sure():
    labels = np.arange(10)
    said = {"a": np.where(labels < 6, labels, 0), "b": np.where(labels < 5, labels, 0)}
    made = Made({name: ClassScores.of(np.eye(10)[each], labels) for name, each in said.items()})
    found = standing(made.attempts("a", "b"), METRICS["accuracy"], made)
    assert found.behind("b") == (pytest.approx(0.1), pytest.approx(0.1))
    assert found.open == ["a", "b"]
