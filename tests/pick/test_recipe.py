"""Batches that images, pixels and memory allow."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from archlab.pick.recipe import BATCH_SIZES, BATCHES, PIXELS, batch_size


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
