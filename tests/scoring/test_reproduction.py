"""What explains that a number does not come out again: noise of known size is told for what it is, and nothing else."""

import math

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from archlab.foundation import UserError
from archlab.scoring import reproduction, xscore

MODELS, DATASETS = [f"m{n}" for n in range(8)], ["a", "b", "c", "d"]


def tidy(values, seeds=1, noise=0.0, random=None):
    """`values`: models x datasets, in percent."""
    rows = [
        (model, dataset, seed, values.loc[model, dataset] + (random.normal(0, noise) if noise else 0.0))
        for model in values.index
        for dataset in values.columns
        for seed in range(seeds)
    ]
    return pd.DataFrame(rows, columns=["model", "dataset", "seed", "value"])


def truth(seed=0):
    return pd.DataFrame(np.random.default_rng(seed).uniform(30, 90, (8, 4)), MODELS, DATASETS)


def test_the_same_numbers_are_explained_and_rank_alike():
    values = truth()
    random = np.random.default_rng(0)
    found = reproduction(tidy(values), tidy(values, 3, 1e-3, random), {})
    assert found.explained["seed noise"] >= 29 and found.explained["neither"] == 0
    assert found.datasets["spearman"].tolist() == pytest.approx([1] * 4)
    assert found.ranking.loc["xscore", "kendall"] == pytest.approx(1)
    assert not found.only_published and not found.only_reproduced


def test_seed_noise_is_what_a_t_interval_says():
    values, random = truth(), np.random.default_rng(1)
    ours = tidy(values, 4, 1.5, random)
    found = reproduction(tidy(values), ours, {}).cells
    for dataset in DATASETS:
        groups = [rows["value"] for _, rows in ours[ours["dataset"] == dataset].groupby("model")]
        variance = np.mean([group.var(ddof=1) for group in groups])
        expected = stats.t.ppf(0.975, 8 * 3) * math.sqrt(variance * (1 + 1 / 4))
        assert found.loc[found["dataset"] == dataset, "seed_noise"].tolist() == pytest.approx([expected] * 8)


@pytest.mark.slow
def test_noise_alone_is_beyond_its_interval_in_one_of_twenty_cells():
    beyond = cells = 0
    for study in range(60):
        random = np.random.default_rng(study)
        values = truth(study)
        found = reproduction(tidy(values, 1, 2.0, random), tidy(values, 3, 2.0, random), {})
        beyond += (found.cells["difference"].abs() > found.cells["seed_noise"]).sum()
        cells += len(found.cells)
    assert 0.035 < beyond / cells < 0.065


@pytest.mark.slow
def test_test_sets_of_other_images_explain_what_seeds_do_not():
    images, beyond, by_both, cells = 500, 0, 0, 0
    for study in range(30):
        random = np.random.default_rng(study)
        values = truth(study)
        published, ours = (
            pd.DataFrame(random.binomial(images, values / 100) / images * 100, MODELS, DATASETS) for _ in range(2)
        )
        noisy = tidy(ours, 3, 0.2, random)
        found = reproduction(tidy(published), noisy, dict.fromkeys(DATASETS, images))
        beyond += found.explained["neither"]
        by_both += found.explained["seed and test-set noise"]
        cells += len(found.cells)
    assert 0.03 < beyond / cells < 0.07 and by_both / cells > 0.6


def test_a_real_difference_is_neither():
    values, random = truth(), np.random.default_rng(3)
    ours = values.copy()
    ours.loc["m3", "b"] -= 20
    found = reproduction(tidy(values), tidy(ours, 3, 0.5, random), dict.fromkeys(DATASETS, 1000))
    odd = found.cells.set_index(["model", "dataset"])["explained_by"]
    assert odd["m3", "b"] == "neither" and (odd == "neither").sum() <= 2


def test_one_seed_leaves_seed_noise_unknown():
    values = truth()
    ours = values + 0.5
    ours.loc["m0", "a"] += 30
    found = reproduction(tidy(values), tidy(ours), {"a": 1000, "b": 1000})
    counts = found.explained
    assert found.cells["seed_noise"].isna().all() and counts["seed noise"] == counts["neither"] == 0
    assert counts["test-set noise"] == 15 and counts[""] == 17
    assert found.document()["cells"][0]["explained_by"] is None


def test_both_xscores_are_of_what_both_tables_have():
    values, random = truth(), np.random.default_rng(4)
    ours = tidy(values + random.normal(0, 3, values.shape), 2, 0.1, random)
    ours = ours[~((ours["model"] == "m1") & (ours["dataset"] == "c")) & (ours["dataset"] != "d")]
    found = reproduction(tidy(values), ours, {})
    shared = values.drop(index="m1", columns="d")
    expected = xscore(shared)["xscore"]
    assert found.scores["published"].to_dict() == pytest.approx(expected.to_dict())
    assert list(found.scores["published_rank"]) == list(range(1, 8))
    assert found.only_published == ("d", "m1 on c") and not found.only_reproduced
    with_scipy = stats.spearmanr(found.scores["published"], found.scores["reproduced"]).statistic
    assert found.ranking.loc["xscore", "spearman"] == pytest.approx(with_scipy)


def test_too_little_for_scores_or_ranks():
    values = truth().iloc[:1, :3]
    found = reproduction(tidy(values), tidy(values), {})
    assert found.scores.empty and "two models" in found.document()["reason"]
    assert found.datasets["spearman"].isna().all()
    with pytest.raises(UserError, match="share no model on a dataset"):
        reproduction(tidy(values), tidy(values.rename(index={"m0": "other"})), {})
