"""Batches that images, pixels and memory allow."""

from types import SimpleNamespace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from archlab.pick.recipe import BATCH_SIZES, BATCHES, PIXELS, batch_size, recipe_at
from archlab.training.reading import load_recipe


@given(st.integers(1, 10**6), st.integers(1, 512))
def test_a_batch_is_the_largest_that_an_epoch_has_some_of_and_the_memory_holds(images, pixels):
    found = batch_size(images, pixels)
    larger = [size for size in BATCH_SIZES if size > found]
    assert found == min(BATCH_SIZES) or (found * BATCHES <= images and found * pixels**2 <= PIXELS)
    assert all(size * BATCHES > images or size * pixels**2 > PIXELS for size in larger)


@pytest.mark.parametrize(
    ("images", "pixels", "expected"),
    [(10**5, 32, 64), (10**5, 96, 64), (10**5, 128, 32), (10**5, 224, 16), (639, 32, 32), (300, 32, 16)],
)
def test_small_datasets_and_large_images_have_small_batches(images, pixels, expected):
    assert batch_size(images, pixels) == expected


@pytest.mark.parametrize(("images", "lr"), [(10**4, 0.008), (400, 0.0057), (100, 0.004)])
@pytest.mark.parametrize("flip", [True, False])
def test_it_is_that_of_few_steps_but_for_its_batches(images, lr, flip):
    prepared = SimpleNamespace(counts=lambda split: [images // 2] * 2)
    described = SimpleNamespace(prepared=prepared, entry=SimpleNamespace(resolution=96))
    found = load_recipe(recipe_at(described, SimpleNamespace(flip=flip, balance=False), 48))
    plain = load_recipe("quick").canonical()
    changed = {name for name, value in found.canonical().items() if value != plain.get(name)}
    assert found.lr == lr and found.augment.shift == 12 and found.augment.flip == flip
    assert changed <= {"augment", "batch_size", "lr", "pixels", "resolution"}
    assert (found.resolution, found.pixels) == (96, 48)
