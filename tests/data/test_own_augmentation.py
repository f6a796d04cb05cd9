"""Augmentations of one's own: functions in files that a recipe names."""

from __future__ import annotations

import json

import numpy as np
import pytest
import torch

from archlab.data.augment import Augment, numbers_by_image
from archlab.data.batches import Batches
from archlab.foundation import UserError
from archlab.foundation.own_code import LOADED, load_file
from archlab.training.loop import train
from archlab.training.reading import load_recipe
from archlab.training.recipe import own_files_of
from tests.training.stub import TINY, Made

OWN = """
import torch


def grayscale(images, random, *, probability: float = 1.0):
    grey = images.float().mean(1, keepdim=True).round().to(torch.uint8).expand_as(images)
    return torch.where(random(1, 1, 1) < probability, grey, images)


def noise(images, random, *, amount: int):
    return (images + amount * random(*images.shape[1:])).clamp(0, 255).to(torch.uint8)
"""


@pytest.fixture
def own(own_code_forgotten, tmp_path):
    path = tmp_path / "my_augment.py"
    path.write_text(OWN)
    return path


def recipe(folder, augment, **settings):
    document = {"resolution": 16, "batch_size": 16, "epochs": 2, "lr": 0.01, "augment": augment, **settings}
    return load_recipe(document, folder=folder)


def images(augment: Augment, size: int = 16, seed: int = 0, epoch: int = 0) -> torch.Tensor:
    batches = Batches(Made(train=48), "train", batch_size=size, augment=augment, seed=seed)
    return torch.cat([images for images, _ in batches.epoch(epoch)])


def test_it_changes_the_images_that_it_should(own):
    plain = images(Augment())
    augment = recipe(own.parent, {"own": [{"my_augment.py:grayscale": {"probability": 0.5}}]}).augment
    found = images(augment)
    changed = (found != plain).flatten(1).any(1)
    assert 12 < changed.sum() < 36
    made = Made(train=48)
    pixels = found * torch.tensor(made.std)[:, None, None] + torch.tensor(made.mean)[:, None, None]
    assert (pixels[changed] - pixels[changed][:, :1]).abs().max() < 1e-5


def test_numbers_depend_on_seed_epoch_and_image_alone(own):
    augment = recipe(own.parent, {"own": [{"my_augment.py:noise": {"amount": 200}}]}).augment
    together = images(augment, 48)
    for size in (1, 7, 48):
        apart = images(augment, size)
        assert torch.equal(together[: len(apart)], apart)
    assert not torch.equal(together, images(augment, 48, seed=1))
    first, second = (numbers_by_image("noise 0", 0, epoch, np.arange(5))(2) for epoch in (0, 1))
    assert (first != second).all() and len(np.unique(first)) == 10


def test_others_beside_it_do_not_change_its_numbers(own):
    gray, noise = {"my_augment.py:grayscale": {}}, {"my_augment.py:noise": {"amount": 200}}
    alone, beside = (recipe(own.parent, {"own": calls}).augment for calls in ([gray, noise], [gray, gray, noise]))
    assert torch.equal(images(alone), images(beside))
    twice = recipe(own.parent, {"own": [noise, noise]}).augment
    assert (images(twice) - images(recipe(own.parent, {"own": [noise]}).augment)).std() > 0.1


def test_on_a_gpu_it_gets_tensors_there(own):
    if not torch.cuda.is_available():
        pytest.skip("needs a GPU")
    augment = recipe(own.parent, {"crop": {}, "own": [{"my_augment.py:noise": {"amount": 200}}]}).augment
    here, there = (
        torch.cat(
            [
                images.cpu()
                for images, _ in Batches(Made(), "train", batch_size=16, augment=augment, device=device).epoch(0)
            ]
        )
        for device in ("cpu", "cuda")
    )
    assert (here - there).abs().mean() < 0.01


def test_a_recipe_s_canonical_form_holds_the_text_not_the_place(own, tmp_path):
    named = recipe(own.parent, {"own": ["my_augment.py:grayscale"]})
    assert own_files_of(named) == (str(own),)
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / "other.py").write_text(OWN)
    assert recipe(elsewhere, {"own": [{"other.py:grayscale": None}]}).canonical() == named.canonical()
    assert str(tmp_path) not in json.dumps(named.canonical())
    own.write_text(OWN.replace("mean(1", "amax(1"))
    assert recipe(own.parent, {"own": ["my_augment.py:grayscale"]}).canonical() != named.canonical()


def test_without_own_ones_the_canonical_form_is_as_it_was(own):
    canonical = recipe(own.parent, {"shift": 4}).canonical()
    assert set(canonical["augment"]) == {"shift", "crop", "flip", "randaugment", "jitter", "erasing", "cutmix", "mixup"}
    assert own_files_of(load_recipe(canonical)) == ()


def test_arguments_are_plain_values_in_the_end(own):
    own.write_text("def tint(images, random, *, colour: list[int], more=None):\n    return images\n")
    (own.parent / "r.yaml").write_text(
        "resolution: 16\nbatch_size: 16\nlr: 0.1\nepochs: 1\n"
        "augment: {own: [{my_augment.py:tint: {colour: [1, 2, 3], more: {a: [1]}}}]}\n"
    )
    (call,) = load_recipe(own.parent / "r.yaml").canonical()["augment"]["own"]
    assert list(call.values()) == [{"colour": [1, 2, 3], "more": {"a": [1]}}]


def test_exemptions_and_likeness(own):
    (own.parent / "base.yaml").write_text(
        "resolution: 16\nbatch_size: 16\nlr: 0.1\nepochs: 1\naugment: {own: [my_augment.py:grayscale]}\n"
        "exemptions: [{datasets: [a], set: {augment: {own: [{my_augment.py:noise: {amount: 3}}]}}}]"
    )
    base = load_recipe(own.parent / "base.yaml")
    (call,) = base.settled("m", "a").augment.own
    assert list(call.values()) == [{"amount": 3}] and base.settled("m", "b").augment == base.augment
    child = load_recipe({"like": str(own.parent / "base.yaml"), "epochs": 2})
    assert child.augment == base.augment and child.epochs == 2


def test_a_worker_that_has_loaded_the_file_trains_by_the_canonical_form(own):
    augment = {"flip": True, "own": [{"my_augment.py:grayscale": {"probability": 0.5}}]}
    named = recipe(own.parent, augment)
    first = train(TINY, Made(), named, 0)
    LOADED.clear()
    stored = load_recipe(json.loads(json.dumps(named.canonical())))
    with pytest.raises(UserError, match=r"the file of .*:grayscale is not loaded"):
        train(TINY, Made(), stored, 0)
    load_file(own)
    again = train(TINY, Made(), stored, 0)
    assert [row["loss"] for row in again.history] == [row["loss"] for row in first.history]
    without = train(TINY, Made(), recipe(own.parent, {"flip": True}), 0)
    assert without.history[0]["loss"] != first.history[0]["loss"]


@pytest.mark.parametrize(
    ("named", "message"),
    [
        ("none.py:gray", r"r\.yaml:5: .*none\.py cannot be read"),
        ("my_augment.py:greyscale", r"r\.yaml:5: .* no function or class 'greyscale' - did you mean 'grayscale'"),
        ("gray", r"r\.yaml:5: own code is named FILE\.py:NAME, not 'gray'"),
        (
            "{my_augment.py:grayscale: {probabilty: 1}}",
            r"r\.yaml:5: .* no key 'probabilty' - did you mean 'probability'",
        ),
        ("{my_augment.py:grayscale: {probability: a}}", r"r\.yaml:5: .*probability must be a number, not 'a'"),
        ("my_augment.py:noise", r"r\.yaml:5: .*needs the key 'amount'"),
        ("my_augment.py:alone", r"r\.yaml:5: my_augment\.py:alone must take \(images, random, \.\.\.\)"),
    ],
)
def test_mistakes_in_a_recipe(own, named, message):
    own.write_text(OWN + "\n\ndef alone(images): pass\n")
    path = own.parent / "r.yaml"
    path.write_text(f"resolution: 16\nbatch_size: 16\nlr: 0.1\nepochs: 1\naugment: {{own: [{named}]}}\n")
    with pytest.raises(UserError, match=message):
        load_recipe(path)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("return images[:, :1]", r"my_augment\.py: gray must return .*16, 3, 16, 16.*, not .*16, 1, 16, 16"),
        ("return images / 2", r"must return .*uint8.*, not .*float32"),
        ("return None", r"must return .*, not <class 'NoneType'>"),
        ("raise ValueError('no')", r"my_augment\.py:2: ValueError: no$"),
    ],
)
def test_what_it_does_wrong_is_one_line(own, text, message):
    own.write_text(f"def gray(images, random):\n    {text}\n")
    with pytest.raises(UserError, match=message) as caught:
        images(recipe(own.parent, {"own": ["my_augment.py:gray"]}).augment)
    assert "\n" not in str(caught.value)
