"""The published study's three claims, recomputed, and each tool held against an independent computation."""

from itertools import combinations

import numpy as np
import pandas as pd
import pytest
from scipy import stats
from sklearn.linear_model import LinearRegression
from sklearn.model_selection import LeaveOneOut, cross_val_predict

import archlab
from archlab.foundation import UserError
from archlab.scoring import (
    ELEMENTS,
    architecture_elements,
    cells,
    elements,
    make_frame,
    predictors,
    published_elements,
    read_table,
    seed_means,
    subsets,
    xscore,
)
from archlab.scoring.elements import PENALTIES
from tests.repeated import repeated, slack


@pytest.fixture(scope="module")
def published():
    table = read_table("zhang2025")
    return seed_means(cells(table)), make_frame(table)


def test_imagenette_as_a_predictor(published):
    found = predictors(*published)
    found = found[found["predictor"] == "imagenette160"].set_index("target")
    expected = {  # Pearson, Spearman
        "cifar10": (0.705, 0.67),
        "cifar100": (0.82, 0.58),
        "ham10000": (0.05, 0.20),
        "stanford_dogs": (0.68, 0.64),
        "indoor67": (0.84, 0.71),
        "miniplaces": (0.86, 0.80),
    }
    for target, (pearson, spearman) in expected.items():
        assert found.loc[target, "pearson"] == pytest.approx(pearson, abs=0.0051)
        assert found.loc[target, "spearman"] == pytest.approx(spearman, abs=0.0051)


def test_intervals_of_correlations_are_scipys(published):
    means, frame = published
    for row in predictors(means, frame).head(6).to_dict("records"):
        expected = stats.pearsonr(means[row["predictor"]], means[row["target"]]).confidence_interval()
        assert (row["pearson_low"], row["pearson_high"]) == pytest.approx(tuple(expected), abs=1e-6)
        assert row["spearman_low"] < row["spearman"] < row["spearman_high"]


def test_a_correlation_of_one_has_no_interval():
    means = pd.DataFrame(
        {"a": [0.1, 0.2, 0.3, 0.5], "b": [0.2, 0.4, 0.6, 1.0], "c": [0.9, 0.8, 0.7, 0.5]}, list("wxyz")
    )
    found = predictors(means, make_frame(means.reset_index(names="model").melt("model", var_name="dataset")))
    found = found.set_index(["predictor", "target"])
    for target, sign in (("b", 1), ("c", -1)):
        row = found.loc[("a", target)]
        assert (row["pearson"], row["spearman"]) == pytest.approx((sign, sign))
        assert row.filter(regex="low|high").isna().all()


def test_the_score_to_predict_leaves_the_predictor_out(published):
    means, frame = published
    found = predictors(means, frame).set_index(["predictor", "target"])
    others = xscore(means.drop(columns="ham10000"))["xscore"]
    expected = stats.pearsonr(means["ham10000"], others).statistic
    assert found.loc[("ham10000", "xScore of the others"), "pearson"] == pytest.approx(expected)


def test_the_published_subset_and_the_validated_one(published):
    found = subsets(*published, size=4)
    rows = found.rows.set_index("datasets")
    assert len(rows) == 35
    theirs = rows.loc[[("cifar10", "ham10000", "stanford_dogs", "indoor67")]].iloc[0]
    assert theirs["in_sample_r2"] == rows["in_sample_r2"].max()
    assert theirs["in_sample_r2"] == pytest.approx(0.9904, abs=5e-5)
    assert theirs["left_out_r2"] == pytest.approx(0.794, abs=5e-4)
    assert found.chosen == ("imagenette160", "cifar100", "ham10000", "stanford_dogs")
    chosen = rows.loc[[found.chosen]].iloc[0]
    assert (chosen["in_sample_r2"], chosen["left_out_r2"]) == pytest.approx((0.977, 0.925), abs=5e-4)
    assert found.nested_r2 < chosen["left_out_r2"]


def test_both_r2_are_those_of_scikit_learn(published):
    means, frame = published
    target = xscore(means)["xscore"]
    for row in subsets(means, frame, size=3).rows.head(5).to_dict("records"):
        design = means[list(row["datasets"])]
        assert row["in_sample_r2"] == pytest.approx(LinearRegression().fit(design, target).score(design, target))
        predicted = cross_val_predict(LinearRegression(), design, target, cv=LeaveOneOut())
        expected = 1 - ((target - predicted) ** 2).sum() / ((target - target.mean()) ** 2).sum()
        assert row["left_out_r2"] == pytest.approx(expected)
        assert row["left_out_rank"] == pytest.approx(stats.spearmanr(target, predicted).statistic)


def test_what_a_subset_is_worth_is_not_overstated():
    """Random accuracies: no subset predicts anything beyond what its own datasets add to the score."""
    rng = np.random.default_rng(0)
    means = pd.DataFrame(rng.random((11, 7)), columns=list("abcdefg"))
    tidy = means.reset_index(names="model").melt("model", var_name="dataset")
    found = subsets(means, make_frame(tidy), size=4)
    best = found.rows.iloc[0]
    assert best["in_sample_r2"] > best["left_out_r2"] > found.nested_r2


def nested_by_hand(means, target, size):
    """Every subset fitted anew without every model, by pseudo-inverses."""
    values, predicted = means.to_numpy(), np.empty(len(means))
    designs = [
        np.column_stack([np.ones(len(means)), values[:, list(at)]]) for at in combinations(range(values.shape[1]), size)
    ]
    for fold in np.array_split(np.arange(len(means)), min(len(means), 100)):
        rest = np.setdiff1d(np.arange(len(means)), fold)
        errors = []
        for design in designs:
            inverse = np.linalg.pinv(design[rest])
            leverage = np.minimum((design[rest] * inverse.T).sum(1), 1 - 1e-9)
            errors.append((((target[rest] - design[rest] @ (inverse @ target[rest])) / (1 - leverage)) ** 2).sum())
        best = designs[int(np.argmin(errors))]
        predicted[fold] = best[fold] @ (np.linalg.pinv(best[rest]) @ target[rest])
    return 1 - ((target - predicted) ** 2).sum() / ((target - target.mean()) ** 2).sum()


@pytest.mark.parametrize("kind", ["some", "many", "twins", "one apart"])
def test_what_choosing_is_worth_is_that_of_fits_made_anew(kind):
    rng = np.random.default_rng(1)
    means = pd.DataFrame(rng.random((130 if kind == "many" else 12, 5)), columns=list("abcde"))
    if kind == "twins":
        means["b"] = means["a"]
    if kind == "one apart":
        means["b"] = np.where(means.index == 3, 0.9, 0.4)
    tidy = means.reset_index(names="model").melt("model", var_name="dataset")
    frame = make_frame(tidy)
    found, target = subsets(means, frame, 3), xscore(means)["xscore"].to_numpy()
    assert found.nested_r2 == pytest.approx(nested_by_hand(means, target, 3), abs=1e-9)
    for row in found.rows.head(3).to_dict("records"):
        own = xscore(means[list(row["datasets"])])["xscore"]
        assert row["score_r2"] == pytest.approx(1 - ((target - own) ** 2).sum() / ((target - target.mean()) ** 2).sum())
        assert row["score_rank"] == pytest.approx(stats.spearmanr(target, own).statistic)


@pytest.mark.parametrize(("models", "size", "message"), [(6, 4, "7 are needed"), (9, 7, "1 to 6"), (9, 0, "1 to 6")])
def test_subsets_that_nothing_can_validate_are_refused(published, models, size, message):
    means, frame = published
    with pytest.raises(UserError, match=message):
        subsets(means.iloc[:models], frame, size)


def test_models_of_one_score_have_no_subset_that_predicts_it():
    means = pd.DataFrame({"x": [0.5, 0.9, 0.5, 0.9], "y": [0.9, 0.5, 0.9, 0.5]}, index=list("abcd"))
    frame = make_frame(means.reset_index(names="model").melt("model", var_name="dataset"))
    with pytest.raises(UserError, match="all models have the same xScore"):
        subsets(means, frame, 1)


def test_too_few_models_have_no_correlation_and_constant_datasets_none(published):
    means, frame = published
    with pytest.raises(UserError, match="at least 4"):
        predictors(means.iloc[:3], frame)
    flat = predictors(means.assign(cifar10=90.0), frame)
    assert flat.loc[flat["predictor"] == "cifar10", "pearson"].isna().all()


@pytest.mark.slow
def test_eleven_models_do_not_tell_which_elements_carry(published):
    found = elements(xscore(published[0])["xscore"], published_elements("zhang2025"))
    assert not found.rows["decided"].any()
    assert found.conclusion.startswith("No conclusion: 11 models cannot tell 7 elements apart")
    assert "channel shuffle" in found.conclusion
    assert list(found.rows["element"]) == list(ELEMENTS)


def simulated_features(models, rng):
    return pd.DataFrame(rng.random((models, len(ELEMENTS))) + 0.1, columns=list(ELEMENTS))


@pytest.mark.slow
def test_many_models_do_where_there_is_something_to_tell():
    rng = np.random.default_rng(0)
    features = simulated_features(80, rng)
    scores = 0.3 * features["channel_attention"] + rng.normal(0, 0.05, 80)
    found = elements(scores, features)
    assert list(found.rows.loc[found.rows["decided"], "element"]) == ["channel_attention"]
    assert found.left_out_r2 > 0.5
    assert "channel attention (+0.0" in found.conclusion


@pytest.mark.slow
def test_elements_of_noise_are_not_believed():
    rng, studies = np.random.default_rng(0), repeated(60)
    believed = sum(
        elements(pd.Series(rng.random(11)), simulated_features(11, rng)).rows["decided"].any() for _ in range(studies)
    )
    assert believed / studies <= 0.1 + slack(0.1, studies)


def test_models_without_a_difference_have_no_elements_to_tell_apart():
    features = pd.DataFrame(1.0, index=range(6), columns=list(ELEMENTS))
    with pytest.raises(UserError, match="do not differ"):
        elements(pd.Series(np.arange(6.0)), features)


def ridge(design, target, penalty):
    """Intercept first; in closed form, the intercept not shrunk."""
    design = np.column_stack([np.ones(len(design)), design])
    shrink = penalty * np.diag([0.0, *np.ones(design.shape[1] - 1)])
    return np.linalg.solve(design.T @ design + shrink, design.T @ target)


@pytest.mark.slow
def test_the_effects_are_those_of_ridge_by_the_penalty_with_the_least_left_out_error():
    rng = np.random.default_rng(0)
    features = simulated_features(12, rng)
    target = rng.standard_normal(12)
    design = features.assign(macs=np.log10(features["macs"])).to_numpy()
    design = (design - design.mean(axis=0)) / design.std(axis=0)

    def left_out_error(penalty):
        squares = []
        for model in range(12):
            others = np.arange(12) != model
            intercept, *slopes = ridge(design[others], target[others], penalty)
            squares.append((target[model] - intercept - design[model] @ slopes) ** 2)
        return np.mean(squares)

    penalty = min(12 * PENALTIES, key=left_out_error)
    found = elements(pd.Series(target), features)
    assert list(found.rows["effect"]) == pytest.approx(list(ridge(design, target, penalty)[1:]))


def test_elements_are_read_from_architectures():
    found = {
        name: architecture_elements(archlab.architecture(name).canonical(), macs=3e8) for name in archlab.references()
    }
    assert found["convmixer"]["isotropic"] == 1.0
    assert found["convmixer"]["resolution"] == pytest.approx(-np.log2(7))
    assert found["mobilenetv2"] | {"macs": 0} == {
        "channel_attention": 0.0,
        "token_attention": 0.0,
        "isotropic": pytest.approx(4 / 17),
        "resolution": -5.0,
        "shuffle": 0.0,
        "kernel": 3.0,
        "depth": 17.0,
        "macs": 0,
    }
    assert found["efficientnet"]["channel_attention"] == 1.0
    assert found["mobilevit"]["token_attention"] > 0
    assert found["shufflenetv2"]["shuffle"] == 1.0
    assert found["starnet"]["kernel"] == 7.0
