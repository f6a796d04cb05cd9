"""Candidates that start from weights at hand."""

from __future__ import annotations

import dataclasses
import shutil
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from PIL import Image

from archlab.architecture import SMALLEST_MAP, architecture
from archlab.budget import Budget
from archlab.data import open_prepared
from archlab.executors import Settings
from archlab.foundation.metric import METRICS
from archlab.pick import picking
from archlab.pick import pretrained as module
from archlab.pick.candidates import NOT_TIMED
from archlab.pick.photographs import Source, describe
from archlab.pick.pretrained import pretrained
from archlab.pick.trainer import Trainer
from archlab.runs import Store, run_of
from archlab.study.progress import Progress
from archlab.training.reading import load_recipe
from tests.deploy.made import put

RECIPE = {"like": "quick", "resolution": 32}
WIDTH = 0.25


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """A folder of photographs, and a store that knows them."""
    place = tmp_path_factory.mktemp("pretrained")
    rng = np.random.default_rng(0)
    for name in ("sea", "sky"):
        (place / "photos" / name).mkdir(parents=True)
        for number in range(20):
            pixels = rng.integers(0, 256, (32, 32, 3), dtype=np.uint8)
            Image.fromarray(pixels).save(place / "photos" / name / f"{number}.png")
    store = Store(place / "home")
    return place, store, describe(Source(folder=place / "photos"), store, lambda words: None)


def trained(store: Store, dataset: str, model: str = "mobilenetv2", **recipe) -> str:
    data = open_prepared(dataset, store.home, 32)
    settled = load_recipe({**RECIPE, "steps": 2, **recipe}).settled(model, dataset)
    design = architecture(model)
    return put(
        store.home,
        run_of(model, design.canonical(), WIDTH, data, settled.canonical(), 0, smallest_map=SMALLEST_MAP),
    )


def found(store, described, **limits):
    candidates, left_out = pretrained(
        store, prepared=described.prepared, limits=Budget(**limits), recipe=RECIPE, priors={"mobilenetv2": None}
    )
    assert not left_out
    return candidates


@pytest.fixture(autouse=True)
def short(monkeypatch, tmp_path):
    monkeypatch.setattr(module, "LEAST_STEPS", 2)
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))


@pytest.mark.slow
def test_the_longest_run_of_a_reference_on_other_images_is_a_start(made):
    _, store, described = made
    trained(store, "digits")
    longest = trained(store, "digits", steps=3)
    trained(store, "digits", steps=4, test=False)  # a try
    (candidate,) = found(store, described)
    assert candidate.name == "mobilenetv2-from-digits"
    assert candidate.started_from == "digits"
    assert candidate.model.width == WIDTH
    run = Trainer(METRICS["accuracy"], store, Settings(), Progress()).run(candidate, 2, 0)
    assert run.recipe["init"]["run"] == longest
    assert run.recipe["test"] is False
    assert run.num_classes == 2
    put(store.home, run)  # it trains


@pytest.mark.slow
def test_one_that_is_above_the_limits_is_none(made):
    _, store, described = made
    trained(store, "digits")
    (candidate,) = found(store, described)
    assert found(store, described, params=candidate.model.cost["params"])
    assert not found(store, described, params=candidate.model.cost["params"] - 1)


def test_one_that_is_too_slow_or_that_there_is_no_time_to_time_is_told(made, times):
    _, store, described = made
    trained(store, "digits")

    def left_out(fits, **limits):
        found, left_out = pretrained(
            store,
            prepared=described.prepared,
            limits=Budget(latency=5.0, **limits),
            recipe=RECIPE,
            priors={},
            fits=lambda names: fits,
        )
        assert not found
        return [(each.name, each.reason) for each in left_out]

    assert left_out(False) == [("mobilenetv2-from-digits", NOT_TIMED)]
    assert left_out(False, params=1000) == [], "nobody needs the time of what is too large"
    times(slow=lambda run: True)
    assert left_out(True) == [("mobilenetv2-from-digits", "takes 9 ms, above 5 ms of latency")]
    assert [each.milliseconds for each in found(store, described, latency=10.0)] == [9.0]


def test_what_has_seen_the_images_is_no_start(made):
    place, store, described = made
    shutil.copytree(place / "photos", place / "again")
    again = describe(Source(folder=place / "again"), store, lambda words: None)
    trained(store, again.name, model="shufflenetv2")
    assert [each.name for each in found(store, described)] == ["mobilenetv2-from-digits"]


@pytest.mark.slow
def test_what_stands_on_a_run_that_has_seen_the_images_is_no_start(made):
    place, store, described = made
    shutil.copytree(place / "photos", place / "thrice")
    seen = trained(store, describe(Source(folder=place / "thrice"), store, lambda words: None).name, model="ghostnet")
    before = [each.name for each in found(store, described)]
    trained(store, "textures", model="ghostnet", init={"run": seen})
    assert [each.name for each in found(store, described)] == before
    trained(store, "textures", model="ghostnet", steps=3)
    assert {each.name for each in found(store, described)} == {*before, "ghostnet-from-textures"}


@pytest.mark.slow
def test_a_run_on_data_that_changed_since_is_no_start(made, monkeypatch):
    _, store, described = made
    key = trained(store, "digits")
    assert module._is_other(store, key, described.prepared)
    monkeypatch.setattr("archlab.data.Prepared.digest", property(lambda self: "another"))
    assert not module._is_other(store, key, described.prepared)


@pytest.mark.slow
def test_a_run_that_started_from_a_file_of_weights_is_no_start_since_nobody_knows_what_these_have_seen(
    made, monkeypatch
):
    _, store, described = made
    key, as_stored = trained(store, "digits"), module.Run.from_document

    def from_weights(document):
        run = as_stored(document)
        return dataclasses.replace(run, recipe={**run.recipe, "init": {"weights": "a" * 64}})

    assert module._is_other(store, key, described.prepared)
    monkeypatch.setattr(module.Run, "from_document", from_weights)
    assert not module._is_other(store, key, described.prepared)


@pytest.mark.slow
def test_published_weights_on_this_machine_are_a_start_at_width_1(made, tmp_path):
    models = pytest.importorskip("torchvision").models
    _, store, described = made
    file = tmp_path / "hub" / "checkpoints" / "shufflenetv2_x1-5666bf0f80.pth"
    assert not any("imagenet" in each.name for each in found(store, described))
    file.parent.mkdir(parents=True)
    torch.manual_seed(0)
    torch.save(models.shufflenet_v2_x1_0().state_dict(), file)
    (candidate,) = (each for each in found(store, described) if "imagenet" in each.name)
    assert candidate.name == "shufflenetv2-from-imagenet"
    assert candidate.model.width == 1
    assert candidate.model.cost["params"] < 2_500_000
    recipe = candidate.study.recipes[candidate.model.recipes[described.name]]
    assert recipe["normalisation"] == {"mean": [0.485, 0.456, 0.406], "std": [0.229, 0.224, 0.225]}
    assert not any("imagenet" in each.name for each in found(store, described, params=200_000))


def test_those_of_imagenet_race_before_all_and_the_others_by_their_priors():
    def candidate(started_from, score=None):
        return SimpleNamespace(started_from=started_from, prior=score and SimpleNamespace(score=score))

    by_order = [
        candidate("imagenet", 0.1),
        candidate("imagenet"),
        candidate(None, 0.9),
        candidate("leaves", 0.4),
        candidate(None),
    ]
    shuffled = [by_order[at] for at in (3, 4, 1, 0, 2)]
    assert sorted(shuffled, key=picking._order) == by_order
