"""What networks see of stored images, against Pillow and torchvision on real photographs and on images of any shape."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
import torch
from PIL import Image
from torchvision.transforms import InterpolationMode
from torchvision.transforms.v2 import functional as V

from archlab.data import open_prepared, prepare, transforms
from archlab.data.augment import Augment, Crop, Jitter, RandAugment, draw_images, generator
from archlab.data.batches import Batches
from archlab.data.entries import Normalisation
from archlab.data.intact import check_intact
from archlab.data.view import View
from tests.training.stub import Made

PLAIN = Normalisation((0.0, 0.0, 0.0), (1 / 255,) * 3)  # pixel values stay what they are
BILINEAR = InterpolationMode.BILINEAR


@pytest.fixture(scope="module")
def photographs(tmp_path_factory):
    """Brick, grass and gravel at 32 pixels."""
    return open_prepared("textures", tmp_path_factory.mktemp("home"), 32)


def as_tested(prepared, view: View, count: int = 20) -> np.ndarray:
    """The first images of the test as a test sees them: (N, pixels, pixels, 3), from 0 to 255."""
    view = dataclasses.replace(view, normalisation=PLAIN)
    images, _ = next(Batches(prepared, "test", batch_size=count, view=view).in_order())
    return images.permute(0, 2, 3, 1).numpy()


def pillow(pixels: np.ndarray, change) -> np.ndarray:
    return np.stack([np.asarray(change(Image.fromarray(image))) for image in pixels]).astype(float)


@pytest.mark.parametrize(
    ("view", "change"),
    [
        (View(224), lambda image: V.resize(image, [224, 224], BILINEAR)),
        (View(20), lambda image: V.resize(image, [20, 20], BILINEAR)),
        (View(40, test_resize=48), lambda image: V.center_crop(V.resize(image, [48, 48], BILINEAR), [40, 40])),
        (View(28, test_resize=32), lambda image: V.center_crop(image, [28, 28])),
        (View(), lambda image: image),
    ],
    ids=["enlarged", "shrunk", "the middle of an enlarged one", "the middle", "as stored"],
)
def test_tests_see_what_torchvision_makes_of_the_image(photographs, view, change):
    expected = pillow(photographs.images("test")[:20], change)
    seen = as_tested(photographs, view)
    assert seen.shape == expected.shape and np.abs(seen - expected).max() <= 1.01  # Pillow rounds twice


def test_training_crops_are_enlarged_as_torchvision_does(photographs):
    augment = Augment(crop=Crop((0.4, 1.0), (0.75, 1.3333)))
    count = len(photographs.labels("train"))
    boxes = draw_images(augment, count, 32, seed=5, epoch=2)["crop"][:20]
    images = torch.from_numpy(photographs.images("train")[:20].copy())
    cropped = transforms.resized_crops(images, boxes, 224).numpy()
    for image, box, found in zip(photographs.images("train")[:20], boxes, cropped, strict=True):
        expected = V.resized_crop(Image.fromarray(image), *map(int, box), [224, 224], BILINEAR)
        assert np.abs(np.asarray(expected, float) - found).max() <= 1.01
    batches = Batches(photographs, "train", batch_size=8, augment=augment, view=View(224, normalisation=PLAIN))
    seen, _ = next(batches.epoch(0))
    assert seen.shape == (8, 3, 224, 224) and seen.is_contiguous(memory_format=torch.channels_last)


def test_without_a_crop_training_sees_the_enlarged_image_and_erases_at_its_size(photographs):
    batches = Batches(photographs, "train", batch_size=16, augment=Augment(erasing=1.0), view=View(64))
    plain = Batches(photographs, "train", batch_size=16, view=View(64))
    (erased, _), (seen, _) = next(batches.epoch(0)), next(plain.epoch(0))
    assert seen.shape == erased.shape == (16, 3, 64, 64)
    gone = (erased == 0).all(1, keepdim=True)
    assert (gone.flatten(1).sum(1) > 0.01 * 64**2).all()
    assert torch.equal(erased, seen.masked_fill(gone, 0.0))


def test_a_recipe_s_normalisation_counts_instead_of_the_dataset_s(photographs):
    own = Normalisation((0.5, 0.5, 0.5), (0.5, 0.5, 0.5))
    images, _ = next(Batches(photographs, "test", batch_size=4, view=View(normalisation=own)).in_order())
    expected = photographs.images("test")[:4] / 127.5 - 1
    assert torch.allclose(images.permute(0, 2, 3, 1), torch.from_numpy(expected).float(), atol=1e-5)


@pytest.fixture
def whole(home, fill, describe):
    """Pictures of 120 x 80 pixels, some upright, stored whole at 96; and their files."""
    folder = fill({f"{split}/{name}": 4 for split in ("train", "test") for name in "ab"}, size=(120, 80), suffix=".png")
    for path in sorted(folder.glob("*/*/0001.png")):
        Image.open(path).rotate(90, expand=True).save(path)
    describe("shapes", source={"folder": {"path": str(folder)}})
    return prepare("shapes", home, resolution=96, fit="whole"), folder


def test_whole_images_keep_their_shape(whole, home):
    prepared, folder = whole
    assert prepared.path.name == "96-whole" and open_prepared("shapes", home, 96, "whole").digest == prepared.digest
    for name, shape, pixels in zip(
        prepared.names("test"), prepared.shapes("test"), prepared.images("test"), strict=True
    ):
        original = Image.open(folder / name)
        assert tuple(shape) == (original.height, original.width)
        assert np.array_equal(pixels, np.asarray(original.resize((96, 96), Image.Resampling.BILINEAR)))
    check_intact(prepared, thoroughly=True)
    assert prepared.digest != prepare("shapes", home, resolution=96, fit="stretch").digest


def test_tests_of_whole_images_see_the_middle_of_the_original(whole):
    prepared, folder = whole
    seen = as_tested(prepared, View(64, test_resize=80), 8)
    for name, found in zip(prepared.names("test"), seen, strict=True):
        original = V.resize(Image.open(folder / name).convert("RGB"), 80, BILINEAR)
        expected = np.asarray(V.center_crop(original, [64, 64]), float)
        assert np.abs(found - expected).mean() < 2  # of 255: the long side was stored at 96 of its 120 pixels


def test_crops_of_whole_images_are_drawn_in_their_shape(whole):
    prepared, _ = whole
    square = Augment(crop=Crop((0.9, 1.1), (1.0, 1.0)))  # of 3:2 there is none so large: the middle square
    view = View(80, normalisation=PLAIN)
    images, _ = next(Batches(prepared, "train", batch_size=7, augment=square, view=view).epoch(0))
    middles = next(Batches(prepared, "train", batch_size=7, view=view).in_order())[0]
    distances = (images[:, None] - middles[None]).abs().flatten(2).amax(2).amin(1)
    assert (distances < 1e-2).all()
    boxes = draw_images(Augment(crop=Crop((0.2, 0.9))), 500, 96, 0, 0, shapes=np.tile([80, 120], (500, 1)))["crop"]
    assert (boxes[:, 0] + boxes[:, 2] <= 80).all() and (boxes[:, 1] + boxes[:, 3] <= 120).all()
    assert (boxes[:, 1] + boxes[:, 3]).max() > 100 and 0.2 * 0.9 < (boxes[:, 2] * boxes[:, 3]).mean() / 9600 < 0.6


def test_training_and_validation_are_counted_through():
    made = Made(train=50, validation=21)
    batches = Batches(made, "train", "validation", batch_size=8, view=View(normalisation=PLAIN), keep_incomplete=True)
    found = [
        (image, int(label)) for images, labels in batches.epoch(3) for image, label in zip(images, labels, strict=True)
    ]
    expected = [
        (image, int(label))
        for split in ("train", "validation")
        for image, label in zip(made.images(split), made.labels(split), strict=True)
    ]
    assert len(found) == 71
    by_pixels = {image.tobytes(): label for image, label in expected}
    for image, label in found:
        assert by_pixels.pop(image.permute(1, 2, 0).round().to(torch.uint8).numpy().tobytes()) == label


@pytest.mark.parametrize(
    ("count", "sizes"), [(40, [16, 16, 8]), (32, [16, 16]), (33, [16, 16]), (34, [16, 16, 2]), (1, [1])]
)
def test_an_incomplete_batch_is_kept_unless_it_is_a_single_image(count, sizes):
    kept = Batches(Made(train=count), "train", batch_size=16, augment=Augment(cutmix=1.0), keep_incomplete=True)
    assert [len(images) for images, _ in kept.epoch(0)] == sizes and len(kept) == len(sizes)


def test_augmentations_come_in_the_order_that_is_given(photographs):
    parts = {"flip": True, "jitter": Jitter(0.4, 0.4, 0.4, 0.2), "randaugment": RandAugment(2, 10)}
    usual, given = Augment(**parts), Augment(**parts, order=("jitter", "randaugment"))
    assert usual.steps == ("shift", "crop", "flip", "randaugment", "jitter", "own")
    assert given.steps == ("jitter", "randaugment", "shift", "crop", "flip", "own")
    view = View(normalisation=PLAIN)

    def seen(augment: Augment) -> torch.Tensor:
        return next(Batches(photographs, "train", batch_size=64, augment=augment, seed=1, view=view).epoch(0))[0]

    count = len(photographs.labels("train"))
    drawn, rows = draw_images(usual, count, 32, 1, 0), generator("order", 1, 0).permutation(count)[:64]
    images = torch.from_numpy(photographs.images("train")[rows])
    images = transforms.jittered(images, drawn["jitter"][rows], drawn["jitter_order"][rows])
    images = transforms.rand_augmented(images, drawn["randaugment"][rows], 10)
    images = transforms.flipped(images, drawn["flip"][rows]).float()
    assert torch.allclose(seen(given), images.permute(0, 3, 1, 2), atol=1e-4)
    assert (seen(usual) - seen(given)).abs().mean() > 1
