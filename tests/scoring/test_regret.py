"""The price of a choice on a dataset not seen: the published table's figures, an independent count, what cannot be known."""

import itertools

import numpy as np
import pandas as pd
import pytest

from archlab.scoring import cells, make_frame, read_table, regret, score_table, seed_means
from tests.repeated import repeated


def found(means, references=None, lam=0.5):
    tidy = means.rename_axis("model").reset_index().melt("model", var_name="dataset")
    return regret(means, make_frame(tidy, references), lam)


def test_the_published_table():
    table = read_table("zhang2025")
    published = regret(seed_means(cells(table)), score_table(table).frame)
    assert round(published.average("xscore"), 2) == 0.24
    assert published.alone["imagenette160"] == pytest.approx(2.585)
    assert round(published.average("random"), 2) == 5.50
    assert published.held_out.loc["ham10000", ["chosen", "best"]].tolist() == ["efficientnet", "convmixer"]
    assert published.document()["by_dataset"]["imagenette160"] == pytest.approx(2.585)
    assert set(published.document()) == {"xscore", "mean", "random", "by_dataset"}
    assert published.most("xscore") == pytest.approx(1.20) and published.confidence == 7 / 8


def by_hand(means, lam):
    """In plain Python, model by model."""
    names, datasets = list(means.index), list(means.columns)
    spans = {d: (min(means[d]), max(means[d])) for d in datasets}
    lost = dict.fromkeys(("xscore", "mean", "random"), 0.0)
    for held_out in datasets:
        rest = [d for d in datasets if d != held_out]

        def score(model, rest=rest):
            normalised = [(means[d][model] - spans[d][0]) / (spans[d][1] - spans[d][0]) for d in rest]
            mean = sum(normalised) / len(rest)
            return mean - lam * sum((value - mean) ** 2 for value in normalised) / (len(rest) - 1)

        best = max(means[held_out])
        lost["xscore"] += best - means[held_out][max(names, key=score)]
        lost["mean"] += best - means[held_out][max(names, key=lambda m, rest=rest: sum(means[d][m] for d in rest))]
        lost["random"] += best - sum(means[held_out]) / len(names)
    alone = {
        d: sum(max(means[o]) - means[o][means[d].idxmax()] for o in datasets if o != d) / (len(datasets) - 1)
        for d in datasets
    }
    return {way: total / len(datasets) for way, total in lost.items()} | {"by_dataset": alone}


def test_the_published_figures_are_those_of_a_count_by_hand():
    table = read_table("zhang2025")
    means = seed_means(cells(table))
    document, expected = regret(means, score_table(table).frame).document(), by_hand(means, 0.5)
    by_dataset = expected.pop("by_dataset")
    assert by_dataset["imagenette160"] == pytest.approx(2.585)
    assert [round(expected[way], 2) for way in ("xscore", "random")] == [0.24, 5.50]
    assert document.pop("by_dataset") == pytest.approx(by_dataset)
    assert document == pytest.approx(expected)


@pytest.mark.slow
@pytest.mark.parametrize("lam", [0.0, 0.5, 2.0])
def test_equals_a_count_by_hand(lam):
    for seed in range(20):
        random = np.random.default_rng(seed)
        means = pd.DataFrame(random.uniform(20, 90, (5, 4)), list("vwxyz"), list("abcd"))
        document, expected = found(means, lam=lam).document(), by_hand(means, lam)
        assert document.pop("by_dataset") == pytest.approx(expected.pop("by_dataset"))
        assert document == pytest.approx(expected)


def test_fractions_and_percent_are_points_alike():
    means = pd.DataFrame(np.random.default_rng(0).uniform(0.2, 0.9, (5, 4)), list("vwxyz"), list("abcd"))
    assert found(means).document()["xscore"] == pytest.approx(found(100 * means).document()["xscore"])


@pytest.mark.slow
def test_models_that_tie_are_chosen_alike():
    means = pd.DataFrame({"a": [50, 50, 40], "b": [60, 60, 50], "c": [30, 20, 10]}, list("xyz"), dtype=float)
    assert found(means).held_out.loc["c", "xscore"] == pytest.approx(5)
    assert found(means).held_out.loc["c", "chosen"] == "x, y"
    for order in itertools.permutations("xyz"):
        assert found(means.loc[list(order)]).average("xscore") == pytest.approx(found(means).average("xscore"))


def test_the_best_everywhere_costs_nothing_and_a_dataset_that_tells_none_apart_is_left_out():
    means = (
        pd.DataFrame({"a": [9, 5, 1], "b": [8, 7, 1], "c": [5, 4, 3], "d": [2, 2, 2]}, list("xyz"), dtype=float) * 10
    )
    best = found(means)
    assert best.average("xscore") == best.average("mean") == 0 < best.average("random")
    assert list(best.held_out.index) == ["a", "b", "c"]


def test_what_cannot_be_known_is_null_and_says_why():
    two = pd.DataFrame({"a": [90.0, 50], "b": [50.0, 80]}, list("xy"))
    document = found(two).document()
    assert document["xscore"] is None and "needs 3 datasets" in document["reason"]
    assert document["mean"] == 35 and document["by_dataset"] == {"a": 30, "b": 40}
    one = two.iloc[:1]
    for means in (one, two):
        document = regret(means, None).document()
        assert [document[key] for key in ("xscore", "mean", "random", "by_dataset")] == [None] * 4
        assert document["reason"].startswith("no regret: ")
    assert "one model alone leaves no choice" in regret(one, None).sentence.lower()


@pytest.mark.slow
@pytest.mark.parametrize("datasets", [4, 7])
def test_a_further_dataset_lies_within_as_often_as_promised(datasets):
    """Studies of models with true qualities on datasets of very different spread, and one dataset more."""
    random, within, studies = np.random.default_rng(datasets), 0, repeated(400)
    for _ in range(studies):
        quality = random.standard_normal((6, 1))
        spread = random.lognormal(0, 1, datasets + 1)
        values = 50 + spread * (0.7 * quality + 0.7 * random.standard_normal((6, datasets + 1)))
        means = pd.DataFrame(values[:, :-1], columns=[f"d{n}" for n in range(datasets)])
        study = found(means.clip(0, 100))
        tidy = means.rename_axis("model").reset_index().melt("model", var_name="dataset")
        chosen = score_table(tidy).models.index[0]
        within += values[:, -1].max() - values[int(chosen), -1] <= study.most("xscore")
    assert within / studies >= study.confidence - 2 * (study.confidence * (1 - study.confidence) / studies) ** 0.5
