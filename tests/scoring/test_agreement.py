"""How alike two protocols rank: held against simulations whose truth is known, closed forms, and what cannot be known."""

import math

import numpy as np
import pandas as pd
import pytest

from archlab.foundation import UserError
from archlab.scoring import agreement
from archlab.scoring.attenuation import corrected, rank_scale, repeats, runs_for_one
from tests.repeated import repeated, slack

MODELS = 11


def studies(correlation, reliabilities, seeds, rng, datasets=1, models=MODELS):
    """Seeds x models x datasets of both protocols: normal truths that correlate so, and noise."""
    truth, other = rng.standard_normal((2, models, datasets))
    truths = correlation * truth + math.sqrt(1 - correlation**2) * other, truth
    return [
        math.sqrt(share) * each + math.sqrt(1 - share) * rng.standard_normal((count, models, datasets))
        for each, share, count in zip(truths, reliabilities, seeds, strict=True)
    ]


def table(values, names=None):
    """Of seeds x models x datasets."""
    seeds, models, datasets = values.shape
    names = names or [f"d{at}" for at in range(datasets)]
    index = pd.MultiIndex.from_product([range(seeds), [f"m{at}" for at in range(models)], names])
    tidy = pd.DataFrame({"value": values.ravel()}, index=index.set_names(["seed", "model", "dataset"]))
    return tidy.reset_index()


def row(found, by):
    return found.rows.set_index("by").loc[by]


WORLDS = [((0.7, 0.7), (3, 3)), ((0.8, 0.5), (3, 5)), ((0.9, 0.9), (2, 2))]


@pytest.mark.slow
@pytest.mark.parametrize(("reliabilities", "seeds"), WORLDS)
@pytest.mark.parametrize("correlation", [0.0, 0.5, 0.8, 0.95])
def test_the_corrected_correlation_is_that_of_the_truths_and_its_interval_covers_it(correlation, reliabilities, seeds):
    rng, found = np.random.default_rng(3), []
    different, raw = 1 - np.eye(*seeds), []
    while len(found) < repeated(250):
        one, two = (each[:, :, 0] for each in studies(correlation, reliabilities, seeds, rng))
        if repeats(one)[1] and repeats(two)[1]:  # else refused
            found.append(corrected(one, two, different))
            raw.append(np.corrcoef(one.mean(0), two.mean(0))[0, 1])
    covered = np.mean([each.low - 1e-9 <= correlation <= each.high + 1e-9 for each in found])
    estimates = np.array([each.correlation for each in found])
    bias = estimates.mean() - correlation
    worth = float(runs_for_one(np.array(correlation), *map(np.array, reliabilities)))
    ends = [np.quantile(runs_for_one(*each.redrawn.T), [0.025, 0.975], method="nearest") for each in found]
    runs = np.mean([low <= worth <= high for low, high in ends])
    print(
        f"truth {correlation}, reliabilities {reliabilities}, {seeds} seeds: bias {bias:+.3f} (as it is "
        f"{np.mean(raw) - correlation:+.3f}), covered {covered:.3f}, runs for one {worth:.2f} covered {runs:.3f}"
    )
    assert abs(bias) <= 0.03 + 2 * estimates.std() / math.sqrt(len(found))
    assert 0.90 - slack(0.1, len(found)) <= covered <= 0.98 + 2 * math.sqrt(0.02 * 0.98 / len(found))
    assert runs >= 0.90 - 2 * math.sqrt(0.1 * 0.9 / len(found))


def test_noise_is_taken_out_where_many_models_tell():
    rng = np.random.default_rng(0)
    one, two = (each[:, :, 0] for each in studies(0.8, (0.6, 0.4), (3, 3), rng, models=2000))
    found = corrected(one, two, 1 - np.eye(3))
    assert found.correlation == pytest.approx(0.8, abs=0.04) and found.reliabilities == pytest.approx(
        (0.6, 0.4), abs=0.04
    )
    assert found.low < 0.8 < found.high and found.high - found.low < 0.15
    monotone = corrected(np.exp(5 * one), two**3, 1 - np.eye(3))  # ranks alone count
    assert monotone.correlation == pytest.approx(found.correlation, abs=1e-12)


def test_what_a_seed_does_to_both_protocols_alike_is_no_agreement():
    rng = np.random.default_rng(1)
    truths, noise = rng.standard_normal((2, 400)), rng.standard_normal((4, 400))
    one, two = truths[0] + noise, truths[1] + noise  # truths have nothing in common
    assert abs(corrected(one, two, 1 - np.eye(4)).correlation) < 0.15
    assert corrected(one, two, np.ones((4, 4))).correlation > 0.15


@pytest.mark.parametrize("reliability", [0.3, 0.6, 0.9])
@pytest.mark.parametrize("other", [0.3, 0.6])
@pytest.mark.parametrize("correlation", [0.5, 0.8, 1.0])
def test_so_many_runs_predict_as_well_as_one_dear_run(correlation, reliability, other):
    runs = float(runs_for_one(np.array(correlation), np.array(reliability), np.array(other)))
    variance = (1 - reliability) / reliability  # of the noise of one run, that of the truth being 1
    if math.isinf(runs):
        assert correlation**2 <= other  # the cheap truth itself
        return
    of_mean = correlation / math.sqrt(1 + variance / runs)  # of a mean of runs, with the dear truth
    assert of_mean == pytest.approx(math.sqrt(other))
    if correlation == 1 and reliability == other:
        assert runs == pytest.approx(1)


def test_rank_scale():
    assert rank_scale(1.3) == pytest.approx(1) and rank_scale(-2) == pytest.approx(-1)
    assert rank_scale(0.5) == pytest.approx(6 / math.pi * math.asin(0.25))


@pytest.fixture(scope="module")
def both():
    one, two = studies(0.9, (0.8, 0.8), (3, 2), np.random.default_rng(4), datasets=4)
    return table(one), table(two)


def test_every_score_and_dataset_has_a_row(both):
    found = agreement(*both)
    assert found.rows["by"].tolist() == ["xscore", "mean", "d0", "d1", "d2", "d3"]
    assert found.models == tuple(f"m{at}" for at in range(MODELS)) and found.left_out == ()
    mean = row(found, "mean")
    assert (mean["models"], mean["cheap_seeds"], mean["dear_seeds"]) == (11, 3, 2)
    means = [each.groupby("model")["value"].mean() for each in both]
    assert mean["spearman"] == pytest.approx(means[0].corr(means[1], method="spearman"))
    assert mean["corrected"] > mean["spearman"] and mean["corrected_low"] < mean["corrected"] <= mean["corrected_high"]
    assert mean["runs_for_one_low"] <= mean["runs_for_one"] <= mean["runs_for_one_high"]
    assert tuple(found.xscores.index) == found.models
    correlation = found.xscores["cheap"].corr(found.xscores["dear"], method="spearman")
    assert correlation == pytest.approx(row(found, "xscore")["spearman"])
    document = found.document()
    assert document["xscores"][2] == {"model": "m2", **found.xscores.loc["m2"].to_dict()}
    assert document["rows"][1]["reason"] is None and set(document["rows"][1]) == set(found.rows)
    again = agreement(*both)
    pd.testing.assert_frame_equal(again.rows, found.rows)


def test_one_seed_is_refused_in_words_but_the_order_as_it_is_stays(both):
    one_seed = both[1][both[1]["seed"] == 0]
    found = row(agreement(both[0], one_seed), "mean")
    assert "the dear protocol has one seed" in found["reason"] and math.isnan(found["corrected"])
    assert found["spearman"] > 0.3
    assert "the cheap protocol has one seed" in row(agreement(one_seed, both[0]), "mean")["reason"]


@pytest.mark.slow
def test_seeds_that_agree_on_no_order_are_refused():
    rng = np.random.default_rng(0)
    noise, order = rng.standard_normal((3, MODELS, 2)), np.arange(MODELS)[None, :, None] + np.zeros((3, MODELS, 2))
    order = order + rng.uniform(0, 0.1, order.shape)
    found = row(agreement(table(noise), table(order)), "mean")
    assert "there is no order to correct for" in found["reason"] and math.isnan(found["corrected"])
    refused = [not repeats(rng.standard_normal((3, MODELS)))[1] for _ in range(300)]
    assert 0.91 <= np.mean(refused) <= 0.98
    flat = row(agreement(table(np.arange(3)[:, None, None] + np.zeros((3, MODELS, 2))), table(order)), "mean")
    assert "all models are equal" in flat["reason"] and math.isnan(flat["spearman"])


def test_seeds_that_always_rank_alike_are_not_taken_to_be_without_noise():
    order = np.arange(MODELS)[None, :, None] + np.random.default_rng(0).uniform(0, 0.4, (2, MODELS, 2))
    swapped = order.copy()
    swapped[:, [0, 1]] = swapped[:, [1, 0]]
    found = row(agreement(table(order), table(swapped)), "mean")
    assert 0.99 < found["cheap_reliability"] == found["dear_reliability"] < 1
    assert found["spearman"] == pytest.approx(1 - 6 * 2 / (MODELS * (MODELS**2 - 1)))
    assert found["runs_for_one_low"] < found["runs_for_one_high"] == math.inf
    same = row(agreement(table(order[:1].repeat(2, axis=0)), table(swapped)), "mean")
    assert "agree to the last digit" in same["reason"] and same["spearman"] == found["spearman"]


def test_what_one_of_them_lacks_is_left_out_and_named(both):
    cheap, dear = both
    cheap = cheap[~cheap["model"].isin(["m3"]) & (cheap["dataset"] != "d2")]
    dear = dear[~((dear["model"] == "m5") & (dear["dataset"] == "d0") & (dear["seed"] == 1))]
    more = dear[(dear["seed"] == 0) & (dear["model"] < "m2")].assign(
        seed=7
    )  # a seed that few models have does not count
    found = agreement(cheap, pd.concat([dear, more]))
    assert {"m3", "d2"} <= set(found.left_out) and found.datasets == ("d0", "d1", "d3")
    assert row(found, "mean")["models"] == 9 and "m5" not in found.models and row(found, "d1")["models"] == 10
    assert row(found, "mean")["dear_seeds"] == 2
    few = cheap[cheap["model"].isin(["m0", "m1", "m2"])]
    with pytest.raises(UserError, match="at least 4"):
        agreement(few, dear)


def test_protocols_on_other_datasets_are_compared_by_their_scores(both):
    cheap = both[0].replace({"dataset": {f"d{at}": f"e{at}" for at in range(4)}})
    found = agreement(cheap, both[1])
    assert found.rows["by"].tolist() == ["xscore", "mean"] and found.datasets == () and found.left_out == ()
    assert row(found, "mean")["spearman"] == row(agreement(*both), "mean")["spearman"]


def test_of_one_dataset_there_are_no_xscores(both):
    found = agreement(*(each[each["dataset"] == "d0"] for each in both))
    assert found.xscores.empty and found.document()["xscores"] == []
    assert "needs two datasets" in row(found, "xscore")["reason"]
