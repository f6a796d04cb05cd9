import numpy as np
import pandas as pd
import pytest

from archlab.scoring import (
    Frame,
    make_frame,
    may_be_best,
    rank_probabilities,
    ranks_by_lambda,
    ranks_without_each_dataset,
    read_table,
    score_table,
    seed_means,
    uneven_gains,
    worst_datasets,
    xscore,
)
from archlab.scoring.stability import unrewarded
from archlab.scoring.tidy import cells
from tests.scoring.simulated import simulate, table_of


@pytest.fixture
def published():
    return read_table("zhang2025").pivot(index="model", columns="dataset", values="value")


@pytest.fixture
def frame():
    return make_frame(read_table("zhang2025"))


def test_rank_probabilities_add_up_and_follow_the_noise(published, frame):
    models = list(published.index)
    for deviation, surely in [(0.01, True), (5.0, False)]:
        shares = rank_probabilities(cells(simulate(published, deviation, 3, 0)), models, frame)
        assert np.allclose(shares.sum(axis=0), 1)
        assert np.allclose(shares.sum(axis=1), 1)
        assert (shares.loc["efficientnet", 1] > 0.99) == surely
    assert rank_probabilities(cells(read_table("zhang2025")), models, frame) is None


def test_equal_models_share_their_ranks_evenly():
    same = table_of({"a": [0.5, 0.5, 0.5], "b": [0.5, 0.5, 0.5], "low": [0.1, 0.1, 0.1], "high": [0.9, 0.9, 0.9]})
    frame = Frame("file", (), None, dict.fromkeys(same, (0.1, 0.9)))
    chance = [
        rank_probabilities(cells(simulate(same, 0.02, 3, seed)), list(same.index), frame).loc["a", 2]
        for seed in range(40)
    ]
    assert np.mean(chance) == pytest.approx(0.5, abs=0.12)


def test_models_that_tie_exactly_take_their_ranks_by_lot():
    """Two models that span the frame, each the best on one of two datasets: their scores are equal whatever the noise."""
    table = simulate(table_of({"a": [0.8, 0.2], "b": [0.2, 0.8]}), 0.01, 3, 0)
    shares = rank_probabilities(cells(table), ["a", "b"], make_frame(table))
    assert shares.to_numpy() == pytest.approx(np.full((2, 2), 0.5), abs=0.05)


def test_who_may_be_the_best_follows_the_noise(published):
    for deviation, alone in [(0.01, True), (10.0, False)]:
        table = simulate(published, deviation, 3, 0)
        frame, means = make_frame(table), seed_means(cells(table))
        scores = xscore(means, frame=frame)["xscore"].sort_values(ascending=False)
        found = may_be_best(cells(table), scores, frame)
        assert (found == ["efficientnet"]) == alone and found[0] == scores.index[0]
    assert may_be_best(cells(read_table("zhang2025")), xscore(published)["xscore"], make_frame(table)) is None


def test_one_that_spans_the_frame_may_be_as_good_as_one_above_it():
    """Though its own interval ends at 1, which it can score at most."""
    seeds = {"low": (0.05, -0.05, 0.0), "high": (0.0, 0.05, -0.05), "new": (-0.05, 0.0, 0.05)}
    values = {"low": 0.5, "high": 0.6, "new": 0.61}
    table = pd.DataFrame(
        [
            (model, dataset, seed, values[model] + moved)
            for model, of_seeds in seeds.items()
            for dataset in ("a", "b", "c")
            for seed, moved in enumerate(of_seeds)
        ],
        columns=["model", "dataset", "seed", "value"],
    )
    scores = score_table(table, ["low", "high"])
    assert scores.models.loc["high", "xscore_high"] == 1 < scores.models.loc["new", "xscore"]
    assert {"new", "high"} <= set(may_be_best(cells(table), scores.models["xscore"], scores.frame))


def test_a_dataset_left_out_is_a_score_of_the_others(published, frame):
    ranks = ranks_without_each_dataset(published, frame)
    rest = published.drop(columns="stanford_dogs")
    expected = xscore(rest)["xscore"].rank(ascending=False).astype(int)
    assert (ranks["stanford_dogs"] == expected).all()
    assert ranks.loc["tinynet", "stanford_dogs"] < ranks.loc["tinynet", "cifar10"]
    two = Frame("file", (), None, dict(list(frame.datasets.items())[:2]))
    assert ranks_without_each_dataset(published, two) is None


def test_lambda_0_ranks_by_the_mean(published, frame):
    ranks = ranks_by_lambda(published, frame)
    scores = xscore(published)
    assert (ranks[0.0] == scores["mean"].rank(ascending=False)).all()
    assert (ranks[0.5] == scores["xscore"].rank(ascending=False)).all()


def test_the_worst_dataset(published, frame):
    worst = worst_datasets(published, frame)
    assert worst.loc["tinynet", "dataset"] in ("stanford_dogs", "ham10000")
    assert worst.loc["convnext", "normalised"] == 0


def test_where_more_accuracy_lowers_the_score_it_is_said():
    frame = Frame("file", (), None, {f"d{index}": (0.0, 1.0) for index in range(4)})
    table = table_of({"base": [0.3, 0.3, 0.3, 0.3], "uneven": [1.0, 0.3, 0.3, 0.3], "even": [0.4, 0.4, 0.4, 0.4]})
    for lam, beyond in [(0.5, False), (2.0, True)]:
        better = table.copy()
        better.loc["uneven", "d0"] += 0.01
        lowered = xscore(better, lam, frame)["xscore"]["uneven"] < xscore(table, lam, frame)["xscore"]["uneven"]
        said = unrewarded(table, frame, lam)
        assert lowered == beyond == bool(said)
    sentences = uneven_gains(xscore(table, 2.0, frame), base="base")
    assert len(sentences) == 1
    assert sentences[0].startswith("uneven has the higher mean")


def test_the_best_of_a_frame_takes_the_frame_along_and_loses_nothing():
    table = table_of({"uneven": [1.0, 0.3, 0.3, 0.3], "even": [0.4, 0.4, 0.4, 0.4]})
    better = table.copy()
    better.loc["uneven", "d0"] += 1
    assert xscore(better, 2.0)["xscore"]["uneven"] == pytest.approx(xscore(table, 2.0)["xscore"]["uneven"])
    spans = {name: (float(table[name].min()), float(table[name].max())) for name in table}
    assert unrewarded(table, Frame("cohort", ("uneven", "even"), None, spans), 2.0) == []
    assert len(unrewarded(table, Frame("references", ("uneven",), None, spans), 2.0)) == 3
    assert len(unrewarded(table, Frame("file", ("uneven", "even"), None, spans), 2.0)) == 4
