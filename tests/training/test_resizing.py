"""`progressive`: what the network sees in each step, and that every reference can."""

from __future__ import annotations

import dataclasses

import pytest
import torch
import torch.nn.functional as F

from archlab.architecture import InputSpec, architecture, build_model, references
from archlab.data.transforms import shrunk
from archlab.foundation import UserError
from archlab.training.loop import train
from archlab.training.reading import load_recipe
from archlab.training.resizing import STAGES, check_sides, side_at, sides
from tests.training.stub import TINY, Interruption, Made, interrupt_after, same, seen

RECIPE = load_recipe(
    {"resolution": 32, "batch_size": 16, "steps": 24, "lr": 1e-2, "augment": {"shift": 2, "cutmix": 1.0}}
)
GROWING = dataclasses.replace(RECIPE, progressive=0.5)


@pytest.mark.parametrize("pixels", [17, 24, 28, 32, 48, 64, 96, 128, 224, 255, 299])
def test_sides_grow_from_half_to_the_whole_by_multiples_of_eight(pixels):
    found = sides(pixels)
    assert len(found) == STAGES and list(found) == sorted(found) and found[-1] <= pixels
    assert all(side % 8 == 0 and side >= 16 for side in found)
    assert abs(found[0] - max(pixels / 2, 16)) <= 4
    assert sides(16) == (16,) * STAGES and set(sides(8)) == {8}


@pytest.mark.parametrize("share", [0.25, 0.5, 1.0])
def test_as_many_steps_as_asked_for_are_smaller_in_stages_as_long_as_each_other(share):
    found = [side_at(step, 1200, share, 224) for step in range(1200)]
    assert found == sorted(found) and sum(side < 224 for side in found) == 1200 * share
    assert {found.count(side) for side in (112, 152, 184)} == {round(400 * share)}
    assert {side_at(step, 1200, 0.0, 224) for step in range(1200)} == {224}


def test_the_network_is_trained_on_growing_images_and_tested_on_whole_ones(monkeypatch, digits):
    shapes = seen(monkeypatch)
    found = train(TINY, digits, GROWING, 0)
    trained, tested = shapes[:24], shapes[24:]
    assert [shape[-1] for shape in trained] == [16] * 4 + [24] * 8 + [32] * 12
    assert {shape[0] for shape in trained} == {16} and {tuple(shape[2:]) for shape in tested} == {(32, 32)}
    assert found.history[-1]["steps"] == 24


def test_smaller_images_are_the_same_images():
    coarse = torch.rand(2, 3, 4, 4)
    images = F.interpolate(coarse, (32, 32), mode="bilinear").contiguous(memory_format=torch.channels_last)
    smaller = shrunk(images, 16)
    assert smaller.shape == (2, 3, 16, 16) and smaller.is_contiguous(memory_format=torch.channels_last)
    torch.testing.assert_close(smaller.mean((2, 3)), images.mean((2, 3)), rtol=0.02, atol=0.01)
    torch.testing.assert_close(smaller, F.avg_pool2d(images, 2), rtol=0.05, atol=0.03)
    assert shrunk(images, 32) is images


def test_off_is_plain_training_to_the_bit():
    off = load_recipe({**RECIPE.canonical(), "progressive": 0})
    assert off.canonical() == RECIPE.canonical() and GROWING.canonical()["progressive"] == 0.5
    assert same(train(TINY, Made(side=32), RECIPE, 0), train(TINY, Made(side=32), off, 0))


@pytest.mark.parametrize("after", [1, 2])
def test_interrupted_and_resumed_equals_uninterrupted(tmp_path, after):
    """In the middle of a stage, and of the whole."""
    checkpoint, made = tmp_path / "checkpoint.safetensors", Made(side=32)
    with pytest.raises(Interruption):
        train(TINY, made, GROWING, 0, checkpoint=checkpoint, on_epoch=interrupt_after(after))
    resumed = train(TINY, made, GROWING, 0, checkpoint=checkpoint)
    assert same(resumed, train(TINY, made, GROWING, 0))


@pytest.mark.parametrize("name", references())
def test_every_reference_takes_every_side(name):
    design = architecture(name)
    for pixels in (17, 20, 28, 32, 48, 64, 96, 128, 224):
        check_sides(design, InputSpec(10, pixels), 0.5)
    model = build_model(design, InputSpec(10, 32), 0.1)
    for side in {*sides(32)}:
        assert model(torch.rand(2, 3, side, side)).shape == (2, 10)


def test_a_network_of_which_nothing_would_be_left_is_refused():
    patches = architecture({"name": "coarse", "resolution": 32, "layers": [{"patch": {"out": 8, "size": 24}}]})
    spec = InputSpec(10, 32, smallest_map=None)
    with pytest.raises(UserError, match=r"coarse: progressive: nothing is left of images of 16 pixels .* 32"):
        check_sides(patches, spec, 0.5)
    check_sides(patches, spec, 0.0)


def test_images_that_cannot_be_smaller_are_refused_before_anything_runs(tmp_path):
    recipe = load_recipe({"like": "quick", "resolution": 16, "progressive": 0.5})
    with pytest.raises(UserError, match="on mnist5k: progressive: 16 pixels cannot become fewer"):
        recipe.of_run("mobilenetv2", "mnist5k", tmp_path)
