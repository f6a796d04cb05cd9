"""Batches: what is in them, in which order, and of which numbers they are a function."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torchvision.transforms.v2.functional import resized_crop

from archlab.data.augment import (
    Augment,
    Crop,
    Jitter,
    RandAugment,
    draw_batches,
    draw_images,
    generator,
    smoothed_side,
)
from archlab.data.batches import Batches
from archlab.data.transforms import resized_crops
from archlab.data.view import View
from tests.training.stub import Made

PER_IMAGE = Augment(2, Crop(), True, RandAugment(), Jitter(0.1, 0.1, 0.1, 0.1), 0.5)


def test_in_order_gives_every_image_once_normalised():
    made = Made(test=41)
    batches = list(Batches(made, "test", batch_size=16).in_order())
    images, labels = (torch.cat(parts) for parts in zip(*batches, strict=True))
    assert [len(part) for part, _ in batches] == [16, 16, 9]
    expected = (made.images("test") / 255 - np.array(made.mean)) / np.array(made.std)
    assert torch.allclose(images, torch.from_numpy(expected).permute(0, 3, 1, 2).float(), atol=1e-5)
    assert (labels.numpy() == made.labels("test")).all()
    assert images.is_contiguous(memory_format=torch.channels_last) and images.dtype == torch.float32


def test_an_epoch_gives_whole_batches_in_random_order():
    made = Made(train=50)
    batches = Batches(made, "train", batch_size=16)
    assert len(batches) == 3
    plain = torch.cat([images for images, _ in batches.in_order()])

    def indices(epoch: int) -> list[int]:
        images = torch.cat([images for images, _ in batches.epoch(epoch)])
        return [int((plain == image).flatten(1).all(1).nonzero()) for image in images]

    first, second = indices(0), indices(1)
    assert len(set(first)) == len(first) == 48 and first != second and first != sorted(first)
    assert indices(0) == first
    labels = torch.cat([labels for _, labels in batches.epoch(0)])
    assert (labels.numpy() == made.labels("train")[first]).all()


def test_images_of_several_splits_are_shuffled_together_and_keep_their_labels():
    made = Made(train=50, validation=20)
    splits = ("train", "validation")
    images, labels = (np.concatenate([of(split) for split in splits]) for of in (made.images, made.labels))
    order = generator("order", 0, 0).permutation(70)[:64]
    found = [torch.cat(parts) for parts in zip(*Batches(made, *splits, batch_size=16).epoch(0), strict=True)]
    expected = (images[order] / 255 - np.array(made.mean)) / np.array(made.std)
    assert torch.allclose(found[0], torch.from_numpy(expected).permute(0, 3, 1, 2).float(), atol=1e-5)
    assert (found[1].numpy() == labels[order]).all()


@pytest.mark.parametrize("side", [16, 64])
@settings(max_examples=10, deadline=None)
@given(size=st.integers(1, 40), epoch=st.integers(0, 3), seed=st.integers(0, 2**40))
def test_batch_size_changes_nothing_but_the_grouping(side, size, epoch, seed):
    made = Made(train=40, side=side, flip=True)
    augment = dataclasses.replace(PER_IMAGE, crop=Crop((0.4, 1.0)))

    def everything(batch_size: int) -> torch.Tensor:
        batches = Batches(made, "train", batch_size=batch_size, augment=augment, seed=seed, view=View(pixels=16))
        return torch.cat([images for images, _ in batches.epoch(epoch)])

    together, apart = everything(40), everything(size)
    assert torch.allclose(together[: len(apart)], apart, atol=1e-5)


def test_boxes_that_shrink_much_are_smoothed_as_tests_see_images():
    made = Made(train=24, side=160)
    crop = Crop((0.4, 1.0))
    assert smoothed_side(crop, 160, 32) == 59 and smoothed_side(crop, 160, 96) == 160
    assert smoothed_side(Crop(), 160, 32) == 160, "its smallest box is enlarged"
    batches = Batches(made, "train", batch_size=24, augment=Augment(crop=crop), view=View(pixels=32))
    order = generator("order", 0, 0).permutation(24)
    boxes = draw_images(Augment(crop=crop), 24, 160, 0, 0)["crop"][order]
    planes = torch.from_numpy(made.images("train")[order]).permute(0, 3, 1, 2).float()
    expected = torch.stack(
        [resized_crop(image, *box, size=[32, 32]) for image, box in zip(planes, boxes.tolist(), strict=True)]
    )
    alone = resized_crops(planes.permute(0, 2, 3, 1), boxes, 32).permute(0, 3, 1, 2)
    mean, std = (torch.tensor(each)[:, None, None] for each in (made.mean, made.std))

    def error(images: torch.Tensor) -> float:
        return float(((images - expected) / 255).abs().mean())

    ((found, _),) = batches.epoch(0)
    assert error((found * std + mean) * 255) < 0.4 * error(alone)


def test_the_data_are_never_written_to():
    made = Made(flip=True)
    made.images("train").flags.writeable = False  # as a memory map is
    before = made.images("train").copy()
    list(Batches(made, "train", batch_size=16, augment=Augment(2, flip=True, cutmix=1.0, erasing=1.0)).epoch(0))
    assert (made.images("train") == before).all()


def test_labels_are_mixed_by_the_area_that_is_kept_or_by_the_share_that_was_drawn():
    made = Made(train=200)
    drawn = draw_batches(Augment(cutmix=1.0), 50, seed=0, epoch=0)["kept"]

    def shares(**settings):
        batches = Batches(made, "train", batch_size=4, augment=Augment(cutmix=1.0, **settings))
        return [
            sorted({round(float(each), 5) for each in labels.unique()} - {0.0, 1.0}) for _, labels in batches.epoch(0)
        ]

    found = shares(cutmix_labels="drawn")
    for kept, share in zip(drawn, found, strict=True):
        assert not share or share == pytest.approx(sorted((kept, 1 - kept)), abs=1e-4)
    assert found != shares() and sum(map(bool, found)) > 40


def test_flips_only_where_the_dataset_allows_them():
    made = Made(train=64, flip=False)
    plain = torch.cat([images for images, _ in Batches(made, "train", batch_size=64).epoch(0)])
    kept = torch.cat(
        [images for images, _ in Batches(made, "train", batch_size=64, augment=Augment(flip=True)).epoch(0)]
    )
    assert torch.equal(plain, kept)
    made.entry.flip = True
    flipped = torch.cat(
        [images for images, _ in Batches(made, "train", batch_size=64, augment=Augment(flip=True)).epoch(0)]
    )
    changed = (flipped != plain).flatten(1).any(1)
    assert 20 < changed.sum() < 44
    assert torch.equal(flipped[changed], plain[changed].flip(-1))


def test_mixed_labels_are_shares_of_two_classes():
    for images, labels in Batches(Made(), "train", batch_size=16, augment=Augment(mixup=1.0)).epoch(0):
        assert labels.shape == (16, 4) and images.shape == (16, 3, 16, 16)
        assert torch.allclose(labels.sum(1), torch.ones(16)) and ((labels > 0).sum(1) <= 2).all()


def test_a_batch_is_not_overwritten_by_the_next():
    batches = Batches(Made(), "train", batch_size=16, augment=Augment(shift=2))
    kept = [images for images, _ in batches.epoch(0)]
    assert all(torch.equal(images, again) for images, (again, _) in zip(kept, batches.epoch(0), strict=True))


@pytest.mark.parametrize("count", [1, 15])
def test_fewer_images_than_a_batch_are_one_batch(count):
    ((images, labels),) = Batches(Made(train=count), "train", batch_size=16).epoch(0)
    assert len(images) == len(labels) == count
