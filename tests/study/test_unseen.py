"""Datasets that no choice sees: what is computed, what stays as it was, and the gains on both sides."""

from __future__ import annotations

import json
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
import standin_executor
from search_program import run
from small_search import STUDY, study_of, trials_of

from archlab.executors import Settings
from archlab.foundation import UserError
from archlab.report import analyse, read_material, text
from archlab.runs import Store
from archlab.scoring import Effects, ImageNoise, side_by_side
from archlab.study import test_images
from archlab.study.ablating import ablate, planned_runs
from archlab.study.loading import load_study
from archlab.study.resolving import resolve
from archlab.study.search.designs import Designs
from archlab.study.search.forecast import forecast
from archlab.study.source import override

SEEN = STUDY.replace("digits, textures, elpv, pines", "digits, textures, pines").replace("trials: 12", "trials: 4")
UNSEEN = SEEN.replace("search: {", "search: {unseen: [elpv], ")
ABLATED = {
    "name": "ablated",
    "base": "mobilenetv2",
    "compare": ["mobilenetv2", "starnet", "shufflenetv2"],
    "choices": {
        "attention": {"none": [], "se": [{"set": {"channel_attention": "se"}, "where": {"block": "inverted_residual"}}]}
    },
    "suite": ["digits", "pines"],
    "seeds": 2,
}


def what_was_tried(home):
    return [
        (trial.number, trial.params, trial.values, trial.intermediate_values, trial.user_attrs["accuracies"])
        for trial in trials_of(home)
    ]


def test_noise_of_test_images_that_is_not_known_on_the_unseen_datasets_alone_is_told(monkeypatch):
    def image_noise(runs, *_):
        if runs[0].dataset == "far":
            raise UserError("run 0123 has kept no class scores")
        return ImageNoise()

    monkeypatch.setattr(test_images, "image_noise", image_noise)
    study = SimpleNamespace(datasets={"near": 32}, unseen={"far": 32}, metric="accuracy")
    runs = [SimpleNamespace(dataset=name) for name in ("near", "far")]
    told = "intervals are about other seeds, not about other test images: run 0123 has kept no class scores"
    assert test_images.known_image_noise(study, runs, None, "test") == (ImageNoise(), f"on far, {told}")
    assert test_images.known_image_noise(study, runs[:1], None, "test") == (ImageNoise(), "")
    swapped = SimpleNamespace(datasets={"far": 32}, unseen={"near": 32}, metric="accuracy")
    assert test_images.known_image_noise(swapped, runs, None, "test") == (None, told)


@pytest.mark.slow
def test_a_search_makes_the_same_trials_bit_for_bit_whether_or_not_a_dataset_is_unseen(place):
    without, outside, inside = place("without"), place("outside"), place("inside")
    plain = run(study_of(without, SEEN), without).document
    found = run(study_of(outside, UNSEEN), outside).document
    whole_suite = UNSEEN.replace("[digits, textures, pines]", "[digits, elpv, textures, pines]")
    of_suite = run(study_of(inside, whole_suite), inside).document
    assert what_was_tried(without) == what_was_tried(outside) == what_was_tried(inside)
    for document in (found, of_suite):
        for same in ("scores", "frame", "trials", "search", "finalists"):
            assert document[same] == plain[same], same
    assert plain["unseen"] is None

    models = {row["model"] for row in plain["scores"]}
    beside = [cell for cell in found["cells"] if cell["dataset"] == "elpv"]
    assert {cell["model"] for cell in beside} == models and {cell["seed"] for cell in beside} == {0, 1}
    assert found["computed"] - plain["computed"] == len(beside) / 2 == 2 * len(models)
    gains = found["unseen"]["gains"]
    assert [gain["option"] for gain in gains] == [each["model"] for each in found["finalists"]]
    rival = found["search"]["rival"]
    for gain in gains:
        assert gain["against"] == rival
        for side, datasets in (("seen", {"digits", "textures", "pines"}), ("unseen", {"elpv"})):
            means = {
                model: np.mean(
                    [
                        cell["accuracy"]
                        for cell in found["cells"]
                        if cell["split"] == "test" and cell["model"] == model and cell["dataset"] in datasets
                    ]
                )
                for model in (gain["option"], rival)
            }
            assert gain[side]["difference"] == pytest.approx(100 * (means[gain["option"]] - means[rival]))
            assert gain[side]["low"] < gain[side]["difference"] < gain[side]["high"]

    again = run(study_of(without, UNSEEN), without).document  # the same search goes on, and trains what it lacks
    assert again["trials"] == plain["trials"] and again["computed"] == 2 * len(models)
    analysis = analyse([read_material("tiny-search", without)])
    assert "elpv" not in analysis.means and list(analysis.unseen) == ["tiny-search"]
    assert "took no part in any choice" in text(analysis, "markdown") and "unseen-accuracies" in text(analysis, "html")
    assert json.loads(text(analysis, "json"))["unseen"]["tiny-search"] == again["unseen"]


@pytest.mark.slow
def test_what_saw_a_dataset_starts_no_search_that_must_not(place):
    home = place()
    run(study_of(home), home, trials=5)
    known = [trial for trial in run(study_of(home, SEEN), home, trials=1).document["trials"] if trial["known"]]
    assert len(known) == 5
    other = UNSEEN.replace("search: {", "search: {seed: 1, ")
    blind = [trial for trial in run(study_of(home, other), home, trials=1).document["trials"] if trial["known"]]
    assert len(blind) == 1 and blind[0]["model"] not in {trial["model"] for trial in known}  # the second search's own


@pytest.mark.slow
def test_the_forecast_counts_the_runs_on_unseen_datasets(place):
    home = place()

    def runs(text):
        designs = Designs(load_study(study_of(home, text), home=home), home)

        def planned(runs):
            return type("Plan", (), {"stored": [], "missing": runs, "predicted": {}, "work": 1.0, "workers": 1})

        return forecast(designs, 6, planned)["runs"]

    with_unseen = runs(UNSEEN)
    assert with_unseen.pop("unseen") == (4 + 2) * 2  # references and finalists, each with two seeds
    assert with_unseen == runs(SEEN)
    assert with_unseen["final"] == (4 + 2) * 3  # with the second seed: the first is that of the search


@pytest.fixture
def home(home, prepared):
    home.mkdir()
    (home / "datasets").symlink_to(prepared / "datasets")
    return home


@pytest.mark.slow
def test_an_ablation_scores_what_it_sees_and_holds_options_against_each_other_on_both(home, monkeypatch):
    monkeypatch.setenv("STAND_IN", json.dumps({"function": "standin_training:train"}))
    settings, store = Settings(executor=standin_executor.PATH, workers=2, retries=0), Store(home)
    plain = ablate(ABLATED, store, settings)
    before = analyse([read_material("ablated", home)])
    named = {**ABLATED, "suite": ["digits", "textures", "pines"], "unseen": ["elpv", "textures"]}
    found = ablate(named, store, settings)
    assert found.computed == 4 * 2 * 2  # nothing on the datasets seen is trained again
    for same in ("scores", "frame", "effects", "answer", "warnings"):
        assert found.document[same] == plain.document[same], same
    assert plain.document["unseen"] is None
    unseen = found.document["unseen"]
    assert unseen["seen"] == ["digits", "pines"] and unseen["datasets"] == ["elpv", "textures"]
    assert [gain["measure"] for gain in unseen["gains"]] == ["points", "xscore"]
    points = unseen["gains"][0]
    seen = next(row for row in found.document["effects"] if row["measure"] == "points" and row["dataset"] is None)
    assert points["seen"] == {end: seen[end] for end in ("difference", "low", "high")}
    table = found.table[(found.table["split"] == "test") & (found.table["metric"] == "accuracy")]
    means = table.groupby(["model", "dataset"])["value"].mean().unstack()[["elpv", "textures"]]
    each = 100 * (means.loc["mobilenetv2+attention=se"] - means.loc["mobilenetv2"])
    assert points["unseen"]["difference"] == pytest.approx(each.mean())
    assert {row["dataset"]: row["difference"] for row in unseen["by_dataset"]} == pytest.approx(each.to_dict())
    assert found.best["model"] == plain.best["model"] and set(found.best["runs"]) == {
        "digits",
        "textures",
        "elpv",
        "pines",
    }
    analysis = analyse([read_material("ablated", home)])
    assert analysis.warnings == before.warnings and analysis.regret.document() == before.regret.document()
    pd.testing.assert_frame_equal(analysis.means, before.means)
    assert set(analysis.material.unseen_table["dataset"]) == {"elpv", "textures"}
    assert analysis.provenance["ablated"]["unseen"].startswith("elpv at ")
    printed = text(analysis, "markdown")
    assert (
        "starnet, which has the highest xScore on the datasets seen, is the best on elpv, the best on textures"
        in printed
    )
    assert f"attention=se over none {points['unseen']['difference']:+.2f} points" in printed


def effect(difference, low, high, dataset=None):
    named = {"of": "effect", "choice": "attention", "option": "se", "against": "none", "kind": "raw"}
    return {**named, "measure": "points", "dataset": dataset, "difference": difference, "low": low, "high": high}


@pytest.mark.parametrize(
    ("seen", "unseen", "holds"),
    [
        ((2, 1, 3), (1, 0.5, 1.5), "yes"),
        ((-2, -3, -1), (-1, -2, -0.5), "yes"),
        ((2, 1, 3), (-1, -2, -0.5), "reversed"),
        ((2, 1, 3), (1, -1, 3), "undecided"),
        ((2, -1, 5), (1, 0.5, 1.5), None),
        ((2, np.nan, np.nan), (1, np.nan, np.nan), None),
    ],
)
def test_a_gain_holds_where_both_intervals_lie_on_one_side(seen, unseen, holds):
    (gain,) = side_by_side(effects_of(seen), effects_of(unseen), ["digits"], ["elpv"]).document()["gains"]
    assert gain["holds"] == holds


def effects_of(ends):
    return Effects(pd.DataFrame([effect(*ends), effect(*ends, dataset="somewhere")]))


@pytest.mark.slow
def test_the_budget_is_kept_where_unseen_datasets_have_more_classes(home):
    seen = {**ABLATED, "budget": {"params": "2.5M", "fit": "width"}}
    narrow, wide = (resolve(study, home) for study in ({**seen, "unseen": ["glyphs"]}, seen))
    assert narrow.classes == 26 > wide.classes
    assert all(model.cost["params"] <= 2_500_000 for model in narrow.models)
    assert {run.dataset for run in planned_runs(narrow, home)} == {"digits", "pines", "glyphs"}


@pytest.mark.parametrize(
    ("unseen", "message"),
    [
        (["elvp"], "no dataset is called 'elvp'.*elpv"),
        (["elpv", "elpv"], "'elpv' is listed twice as unseen"),
        ([3], "unseen is a list of datasets"),
        ({"elpv": 1}, "unseen is a list of datasets"),
        (["digits", "pines"], "every dataset of the suite .* is unseen"),
    ],
)
@pytest.mark.parametrize("of_search", [False, True])
def test_what_is_wrong_is_told_before_anything_runs(home, unseen, message, of_search):
    study = {**ABLATED, "search": {"unseen": unseen}} if of_search else {**ABLATED, "unseen": unseen}
    with pytest.raises(UserError, match=message):
        Designs(load_study(study, home=home), home)


@pytest.mark.parametrize("of_search", [False, True])
@pytest.mark.parametrize(
    ("seen", "unseen", "common"),
    [
        ("ham10000@published", "ham10000", "ham10000"),
        ("stanford_dogs", "stanford_dogs@published", "stanford_dogs"),
    ],
)
def test_a_variant_of_a_dataset_that_is_seen_is_refused(home, seen, unseen, common, of_search):
    named, study = {"unseen": [unseen]}, {**ABLATED, "suite": ["digits", seen]}
    study = {**study, "search": named} if of_search else {**study, **named}
    message = f"unseen: {unseen} counts as {common}, and so does {seen} of the suite, which choices look at"
    with pytest.raises(UserError, match=message):
        Designs(load_study(study, home=home), home)


def test_unseen_stays_unseen_on_other_datasets_and_a_search_adds_its_own(home):
    study = {**ABLATED, "unseen": ["elpv"], "search": {"unseen": ["pines"]}}
    other = load_study(override(study, datasets=["pines", "elpv", "textures"]), home=home)
    assert other.suite.datasets == ("pines", "textures") and other.unseen == ("elpv",)
    searched = Designs(load_study(study, home=home), home).study
    assert searched.suite.datasets == ("digits",) and searched.unseen == ("elpv", "pines")


@pytest.mark.slow
def test_a_search_says_before_its_first_trial_what_unseen_data_are_not_there(place):
    home = place()
    with pytest.raises(UserError, match="cifar10"):
        run(study_of(home, UNSEEN.replace("[elpv]", "[cifar10]")), home)
    assert not (home / "executions").exists()
