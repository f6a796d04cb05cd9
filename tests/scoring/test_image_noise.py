"""The noise of a finite test set: against resampling of images, and coverage of intervals where the truth is known."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy import stats
from scipy.special import log_softmax, softmax
from sklearn import metrics

from archlab.foundation import UserError
from archlab.scoring import ImageNoise, Rounds, effects, make_frame, score_table, seed_noise
from archlab.scoring.contributions import contributions, grouped_contributions, image_groups
from archlab.scoring.image_noise import centred, on_dataset
from tests.repeated import repeated, slack

CLASSES = 5


def expected_calibration_error(labels, probabilities):
    """By the definition, bin by bin."""
    confidence, right = probabilities.max(1), probabilities.argmax(1) == labels
    found = 0.0
    for low in np.arange(15) / 15:
        inside = (confidence >= low) & (confidence < low + 1 / 15)
        if inside.any():
            found += inside.mean() * abs(confidence[inside].mean() - right[inside].mean())
    return found


MEASURES = {
    "accuracy": lambda labels, p: metrics.accuracy_score(labels, p.argmax(1)),
    "balanced_accuracy": lambda labels, p: metrics.balanced_accuracy_score(labels, p.argmax(1)),
    "macro_f1": lambda labels, p: metrics.f1_score(labels, p.argmax(1), average="macro"),
    "auroc": lambda labels, p: metrics.roc_auc_score(labels, p, multi_class="ovr", average="macro"),
    "log_loss": lambda labels, p: metrics.log_loss(labels, p, labels=range(CLASSES)),
    "calibration_error": expected_calibration_error,
}


def outputs(images=300, models=3, seed=0, confidence=1.0):
    """Class scores of models that see the same images, some of them harder; classes of unequal size."""
    chance = np.random.default_rng(seed)
    labels = chance.choice(CLASSES, images, p=[0.4, 0.25, 0.2, 0.1, 0.05])
    hardness = chance.normal(size=(images, CLASSES))
    scores = [chance.normal(size=(images, CLASSES)) + hardness + 2 * np.eye(CLASSES)[labels] for _ in range(models)]
    return [log_softmax(confidence * each, axis=1) for each in scores], labels


def resampled(labels, chance):
    """Indices of as many images of each class."""
    return np.concatenate([chance.choice(rows, len(rows)) for rows in map(np.flatnonzero, np.eye(CLASSES)[labels].T)])


@pytest.mark.slow
@pytest.mark.parametrize("metric", MEASURES)
def test_contributions_give_the_covariance_that_resampling_within_classes_gives(metric):
    scores, labels = outputs(confidence=3.0 if metric == "calibration_error" else 1.0)
    mine = centred(np.stack([contributions(metric, each, labels) for each in scores]), labels)
    chance, values = np.random.default_rng(1), []
    for _ in range(300):
        rows = resampled(labels, chance)
        values.append([MEASURES[metric](labels[rows], softmax(each[rows], axis=1)) for each in scores])
    expected = np.cov(np.array(values).T)
    # 300 resamplings know a variance to 8 %
    assert np.abs(mine @ mine.T - expected).max() < 0.25 * expected.max()


def test_one_confident_error_leaves_the_noise_of_a_loss_known():
    scores, labels = outputs(models=1)
    scores[0][0] = -1000.0
    scores[0][0, (labels[0] + 1) % CLASSES] = 0.0
    found = contributions("log_loss", scores[0], labels)
    assert np.isfinite(found).all()
    assert found.sum() == pytest.approx(MEASURES["log_loss"](labels, softmax(scores[0], axis=1)), rel=1e-6)


@pytest.mark.slow
@pytest.mark.parametrize("metric", ["accuracy", "macro_f1", "auroc"])
def test_groups_of_images_do_for_any_metric(metric):
    scores, labels = outputs(images=1000)

    def measure(some, labels):
        return MEASURES[metric](labels, softmax(some, axis=1))

    groups = np.zeros(image_groups(labels).max() + 1, dtype=int)
    found = centred(np.stack([grouped_contributions(measure, each, labels) for each in scores]), groups)
    exact = centred(np.stack([contributions(metric, each, labels) for each in scores]), labels)
    assert np.diag(found @ found.T) == pytest.approx(
        np.diag(exact @ exact.T), rel=0.4
    )  # a hundred groups know it to 14 %


def test_groups_hold_every_class_alike():
    _, labels = outputs(images=1000)
    for group in range(100):
        counts = np.bincount(labels[image_groups(labels) == group], minlength=CLASSES)
        assert (np.abs(counts - np.bincount(labels) / 100) < 1 + 1e-9).all()


def test_a_metric_that_is_not_known_is_named():
    with pytest.raises(UserError, match="did you mean 'macro_f1'"):
        contributions("macro_f2", *outputs())


def test_it_comes_back_from_its_file_and_joins_others(tmp_path):
    scores, labels = outputs(models=4)
    parts = [contributions("accuracy", each, labels) for each in scores]
    one = ImageNoise({"d": on_dataset({"a": parts[:2], "b": parts[2:3]}, labels)})
    one.save(tmp_path / "noise.npz")
    again = ImageNoise.load(tmp_path / "noise.npz")
    covariance = one.datasets["d"].covariance(["b", "a"])
    assert again.datasets["d"].covariance(["b", "a"]) == pytest.approx(covariance, rel=1e-4)
    assert np.isnan(again.datasets["d"].interaction).tolist() == [False, True]
    other = ImageNoise({"d": on_dataset({"x": parts[:2], "c": parts[3:]}, labels)}).renamed({"x": "a"})
    both = one.joined(other).datasets["d"]
    assert both.models == ("a", "b", "c")
    assert both.covariance(["a", "c"])[0, 1] == pytest.approx(
        (centred(np.mean(parts[:2], axis=0), labels) * centred(parts[3], labels)).sum()
    )
    (tmp_path / "noise.npz").write_bytes(b"none")
    with pytest.raises(UserError, match="holds no image noise"):
        ImageNoise.load(tmp_path / "noise.npz")


MODELS = [
    {"model": "base", "options": {"choice": "none"}, "kind": None},
    {"model": "option", "options": {"choice": "option"}, "kind": "equal_budget"},
    {"model": "other"},
    {"model": "weak"},
]


def studied(images, seeds, seed, spread=0.02, datasets=2, kept=None):
    """A study of four models on test images of a population whose accuracies are known, and the truth.

    An image has a hardness that all models share, and one for each model; a seed is better or worse on all images, and on
    each image by chance. Contributions are of the first `kept` seeds, else of all.
    """
    chance = np.random.default_rng(seed)
    skill = {"base": 0.70, "option": 0.72, "other": 0.78, "weak": 0.45}
    rows, on = [], {}
    for dataset in range(datasets):
        labels = np.arange(images) % 4
        hardness = chance.normal(size=images)
        parts = {}
        for model, accuracy in skill.items():
            own = chance.normal(size=images)
            for number in range(seeds):
                # right where a standard normal, of the image, the model on it and the run on it, is below a quantile
                level = 0.5 * hardness + 0.6 * own + np.sqrt(1 - 0.25 - 0.36) * chance.normal(size=images)
                quantile = np.clip(accuracy + spread * chance.normal(), 0.01, 0.99)
                right = level < stats.norm.ppf(quantile)
                rows.append((model, f"d{dataset}", number, right.mean()))
                parts.setdefault(model, []).append(right / images)
        on[f"d{dataset}"] = on_dataset({model: of_seeds[:kept] for model, of_seeds in parts.items()}, labels)
    table = pd.DataFrame(rows, columns=["model", "dataset", "seed", "value"]).assign(split="test", metric="accuracy")
    return table, ImageNoise(on), 100 * (skill["option"] - skill["base"])


def covered(images, seeds, studies, with_images=True):
    """The shares of studies whose intervals of an effect hold the truth: on one dataset, over two."""
    found = []
    for number in range(studies):
        table, noise, truth = studied(images, seeds, number)
        rows = effects(table, MODELS, "base", None, images=noise if with_images else None).rows
        rows = rows[(rows["of"] == "effect") & (rows["measure"] == "points")]
        found.append([row.low <= truth <= row.high for row in rows.itertuples() if row.dataset != "d1"])
    return np.mean(found, axis=0)


def test_intervals_say_whether_they_cover_test_images_and_what_part_is_theirs():
    table, noise, _ = studied(images=300, seeds=4, seed=0)
    alone, both = (effects(table, MODELS, "base", None, images=each) for each in (None, noise))
    assert (alone.covers_images, both.covers_images) == (False, True)
    one, two = (each.rows.iloc[0] for each in (alone, both))
    assert one["image_half"] == 0 and 0 < two["image_half"] < (two["high"] - two["low"]) / 2
    assert two["high"] - two["low"] > one["high"] - one["low"]
    frame = make_frame(table, split="test")
    narrow, wide = (score_table(table, split="test", frame=frame, images=each).models for each in (None, noise))
    assert (wide["xscore_high"] - wide["xscore_low"] >= narrow["xscore_high"] - narrow["xscore_low"] - 1e-12).all()
    assert (wide["xscore"] == narrow["xscore"]).all()


def test_where_a_study_may_stop_the_freedom_is_that_of_the_seeds_alone():
    """Satterthwaite's over seeds and images would grow with every seed variance that comes out too small by chance."""
    table, noise, _ = studied(images=300, seeds=4, seed=0)
    at_once, in_rounds = (
        effects(table, MODELS, "base", None, images=noise, rounds=rounds).rows.iloc[0]
        for rounds in (None, Rounds(range(4), [{"d0": 4, "d1": 4}], 4))
    )
    known, weights = seed_noise(table).with_images(noise), np.array([-1, 1, 0, 0])
    error = 100 * np.sqrt(known.variance["d0"] / 2 + weights @ known.images[0] @ weights)
    half = stats.t.ppf(0.975, known.freedom["d0"]) * error
    assert in_rounds["high"] - in_rounds["difference"] == pytest.approx(half)
    assert at_once["high"] - at_once["difference"] < half


def test_what_seeds_make_of_the_images_counts_once():
    """The variance of a model's mean is what it is in studies made anew, whatever seeds and images share of it."""
    found, values = [], []
    for number in range(60):
        table, noise, _ = studied(images=100, seeds=4, seed=number)
        known = seed_noise(table).with_images(noise)
        found.append(known.variance.mean() / 4 + known.images[:, 0, 0].mean())
        values.append(known.means.loc["base"])
    assert np.mean(found) == pytest.approx(np.var(values, axis=0, ddof=1).mean(), rel=0.25)  # which knows it to 13 %


@pytest.mark.slow
def test_a_look_back_at_fewer_seeds_has_the_noise_of_the_images_that_it_had_then():
    """From contributions of twelve seeds as from those of the first two: images are the same whatever seeds there are."""
    now, then = [], []
    for number in range(30):
        table, noise, _ = studied(images=300, seeds=12, seed=number)
        first = table[table["seed"] < 2]
        early = studied(images=300, seeds=12, seed=number, kept=2)[1]
        for found, images in ((now, noise), (then, early)):
            matrix = seed_noise(first).with_images(images).images[0]
            found.append(matrix[0, 0] + matrix[1, 1] - 2 * matrix[0, 1])
    assert np.mean(now) == pytest.approx(np.mean(then), rel=0.1) and np.mean(now) > 1e-5


def test_one_missing_cell_takes_no_other_model_its_images():
    table, noise, _ = studied(images=200, seeds=3, seed=1)
    table = table[(table["model"] != "weak") | (table["dataset"] != "d1")]
    kept = noise.datasets["d1"]
    rows = zip(kept.models, kept.contributions, strict=True)
    on = on_dataset({name: [row] for name, row in rows if name != "weak"}, kept.strata)
    assert effects(table, MODELS, "base", None, images=ImageNoise({**noise.datasets, "d1": on})).covers_images
    without = ImageNoise({"d0": noise.datasets["d0"]})
    assert not effects(table, MODELS, "base", None, images=without).covers_images


@pytest.mark.slow
@pytest.mark.parametrize("seeds", [3, 5, 10])
@pytest.mark.parametrize("images", [200, 500, 2000])
def test_intervals_cover_other_seeds_and_other_images(images, seeds, capsys):
    """Between 92 and 97 %, in 500 simulated studies where all are made."""
    studies = repeated(500)
    one, both = covered(images, seeds, studies)
    with capsys.disabled():
        print(f"\n{images} images, {seeds} seeds: {one:.1%} on one dataset, {both:.1%} over two")
    more = slack(0.05, studies)
    assert 0.92 - more <= min(one, both) and max(one, both) <= 0.97 + more


@pytest.mark.slow
def test_seeds_alone_would_cover_too_little():
    assert covered(200, 10, repeated(300), with_images=False).max() < 0.85
