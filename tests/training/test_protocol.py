"""What a recipe's protocol does to a run: sizes, splits, batches, precision."""

from __future__ import annotations

import dataclasses
import json
from contextlib import nullcontext

import pytest
import torch

from archlab.data.entries import Normalisation, entry
from archlab.foundation import UserError, read_yaml_text
from archlab.training import loop
from archlab.training.loop import train
from archlab.training.mode import precision_of
from archlab.training.reading import load_recipe
from archlab.training.recipe import LATER, Recipe
from tests.training.stub import TINY, Made, seen

RECIPE = Recipe(resolution=16, batch_size=16, epochs=2, lr=1e-2)
SMALL = "resolution: 32\nbatch_size: 16\nlr: 1e-3\nsteps: 5\n"


def read(text: str) -> Recipe:
    return load_recipe(read_yaml_text(SMALL + text, "r.yaml"))


def test_a_network_is_built_for_and_fed_with_the_recipe_s_pixels(monkeypatch):
    shapes = seen(monkeypatch)
    train(TINY, Made(), dataclasses.replace(RECIPE, pixels=40, test_resize=48), seed=0)
    assert {tuple(shape[2:]) for shape in shapes} == {(40, 40)}


def test_training_on_validation_too_leaves_nothing_to_select_by(monkeypatch):
    shapes, made = seen(monkeypatch), Made(train=96, validation=32)
    read_splits = []
    images = made.images
    monkeypatch.setattr(made, "images", lambda split: read_splits.append(split) or images(split))
    found = train(TINY, made, dataclasses.replace(RECIPE, with_validation=True), seed=0)
    assert list(found.class_scores) == ["test"] and [row["validation_accuracy"] for row in found.history] == [
        None,
        None,
    ]
    assert found.history[-1]["steps"] == 2 * (96 + 32) // 16
    assert read_splits == ["train", "validation", "test"] and len(shapes) == 16 + 1
    apart = train(TINY, made, RECIPE, seed=0)
    assert list(apart.class_scores) == ["validation", "test"] and apart.history[-1]["steps"] == 2 * 96 // 16
    with pytest.raises(UserError, match=r"r\.yaml:6: .*weights must be last"):
        read("with_validation: true\nweights: best_validation")


def test_without_the_test_split_nothing_of_it_is_read_and_all_else_stays(monkeypatch):
    made, read_splits = Made(), []
    whole = train(TINY, made, RECIPE, seed=0)
    for name in ("images", "labels"):
        ask = getattr(made, name)
        monkeypatch.setattr(made, name, lambda split, ask=ask: read_splits.append(split) or ask(split))
    found = train(TINY, made, dataclasses.replace(RECIPE, test=False), seed=0)
    assert set(read_splits) == {"train", "validation"} and list(found.class_scores) == ["validation"]
    assert (found.class_scores["validation"].scores == whole.class_scores["validation"].scores).all()
    with pytest.raises(UserError, match=r"r\.yaml:6: .*reads no test images is measured by nothing"):
        read("with_validation: true\ntest: false")


def test_an_incomplete_batch_is_a_step_where_it_is_kept(monkeypatch):
    shapes, made = seen(monkeypatch), Made(train=41)
    kept = dataclasses.replace(RECIPE, incomplete_batch="kept")
    assert train(TINY, made, kept, seed=0).history[-1]["steps"] == 6
    assert [len(shape) and shape[0] for shape in shapes[:3]] == [16, 16, 9]
    assert train(TINY, made, RECIPE, seed=0).history[-1]["steps"] == 4
    assert (kept.batches(41), RECIPE.batches(41), kept.batches(33), RECIPE.batches(3)) == (3, 2, 2, 1)


def test_float32_trains_without_autocast_wherever(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_bf16_supported", lambda **_: True)
    card = torch.device("cuda")
    assert isinstance(precision_of(card, "float32"), nullcontext)
    assert isinstance(precision_of(card), torch.autocast) and isinstance(precision_of(torch.device("cpu")), nullcontext)
    asked = []
    monkeypatch.setattr(loop, "precision_of", lambda device, precision: asked.append(precision) or nullcontext())
    train(TINY, Made(), dataclasses.replace(RECIPE, precision="float32", epochs=1), seed=0)
    assert set(asked) == {"float32"}


def test_keys_are_part_of_a_run_only_where_they_are_set():
    plain, full = (
        read(""),
        read(
            "pixels: 224\ntest_resize: 256\nstored: 64\nfit: stretch\nincomplete_batch: kept\nwith_validation: true\n"
            "balance: true\nprecision: float32\nema: 0.99\nclip: 1\nprogressive: 0.5\n"
            "distill: {teacher: 1a2b}\ninit: {run: 3c4d, body: 0.1}\n"
            "normalisation: {mean: [0.5, 0.5, 0.5], std: [0.5, 0.5, 0.5]}\n"
            "augment: {order: [jitter, crop]}"
        ),
    )
    assert not set(LATER) & set(plain.canonical()) and "order" not in plain.canonical()["augment"]
    stored = json.loads(json.dumps(full.canonical()))
    assert set(LATER) - {"metrics", "test"} <= set(stored) and load_recipe(stored) == dataclasses.replace(
        full, name="unnamed"
    )
    assert read("test: false").canonical() == {**plain.canonical(), "test": False}
    assert full.normalisation == Normalisation((0.5, 0.5, 0.5), (0.5, 0.5, 0.5))


def test_a_run_s_recipe_says_what_the_data_are_prepared_at(tmp_path):
    recipe = read("pixels: 224\nfit: crop\nexemptions: [{datasets: [cifar100], set: {stored: 48, fit: whole}}]")
    cifar10, cifar100 = (recipe.of_run("m", name, tmp_path) for name in ("cifar10", "cifar100"))
    assert (cifar10.stored, cifar10.fit, cifar100.stored, cifar100.fit) == (32, None, 48, "whole")
    assert cifar10.pixels_of(entry("cifar10", tmp_path)) == 224
    plain = read("").of_run("m", "cifar10", tmp_path)
    assert plain.stored is None and plain.pixels_of(entry("cifar10", tmp_path)) == 32
