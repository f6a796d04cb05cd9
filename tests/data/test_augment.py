"""Augmentations of whole batches against torchvision's, applied one image at a time."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torchvision.transforms import v2

from archlab.data import transforms
from archlab.data.augment import Augment, Crop, Jitter, RandAugment, draw_batches, draw_images

DRAWS, SIDE = 3000, 16


@pytest.fixture(scope="module")
def image() -> torch.Tensor:
    """(SIDE, SIDE, 3) uint8: smooth colours and an edge, nothing symmetric."""
    row, column = np.mgrid[0:SIDE, 0:SIDE] / SIDE
    planes = [200 * row + 40 * column, 255 * (column > 0.4) * (1 - row), 120 + 100 * np.sin(5 * row + 3 * column)]
    return torch.from_numpy(np.stack(planes, -1).clip(0, 255).astype(np.uint8))


def ours(image: torch.Tensor, apply, augment: Augment) -> torch.Tensor:
    """(DRAWS, SIDE, SIDE, 3) float."""
    drawn = draw_images(augment, DRAWS, SIDE, seed=1, epoch=0)
    return apply(image.expand(DRAWS, -1, -1, -1).contiguous(), drawn).float()


def theirs(image: torch.Tensor, transform) -> torch.Tensor:
    torch.manual_seed(0)
    planes = image.permute(2, 0, 1)
    return torch.stack([transform(planes).permute(1, 2, 0) for _ in range(DRAWS)]).float()


def assert_same_distribution(one: torch.Tensor, other: torch.Tensor) -> None:
    """Every pixel's mean and spread, and those of the mean colour, agree within 5 standard errors (and rounding)."""
    for first, second in ((one.flatten(1), other.flatten(1)), (one.mean((1, 2)), other.mean((1, 2)))):
        spread = torch.maximum(first.std(0), second.std(0))
        error = spread * (2 / DRAWS) ** 0.5
        assert ((first.mean(0) - second.mean(0)).abs() <= 5 * error + 0.6).all()
        fourth = ((first - first.mean(0)) ** 4).mean(0).sqrt()  # standard error of a variance: sqrt(fourth moment / n)
        error = torch.maximum(fourth, spread**2) * (2 / DRAWS) ** 0.5
        assert ((first.var(0) - second.var(0)).abs() <= 5 * error + 2 * spread + 1).all()


def test_shift_is_random_crop_with_padding(image):
    augmented = ours(image, lambda images, drawn: transforms.shifted(images, drawn["shift"], 3), Augment(shift=3))
    assert_same_distribution(augmented, theirs(image, v2.RandomCrop(SIDE, padding=3)))
    shifts = draw_images(Augment(shift=3), DRAWS, SIDE, 1, 0)["shift"]
    assert set(shifts.ravel()) == set(range(7))
    assert torch.equal(augmented[(shifts == 3).all(1)][0], image.float())


def test_flip(image):
    augmented = ours(image, lambda images, drawn: transforms.flipped(images, drawn["flip"]), Augment(flip=True))
    assert_same_distribution(augmented, theirs(image, v2.RandomHorizontalFlip()))


@pytest.mark.slow
@pytest.mark.parametrize(
    "crop", [Crop(), Crop((0.9, 1.1), (1.0, 1.0)), Crop((0.3, 2.0), (0.5, 0.6)), Crop((1.5, 2.0), (2, 3))]
)
def test_crop_is_random_resized_crop(image, crop):
    augmented = ours(image, lambda images, drawn: transforms.resized_crops(images, drawn["crop"]), Augment(crop=crop))
    transform = v2.RandomResizedCrop(SIDE, scale=crop.scale, ratio=crop.ratio)
    assert_same_distribution(augmented, theirs(image, transform))


def test_a_box_enlarged_equals_torchvision_exactly(image):
    boxes = np.array([[0, 0, SIDE, SIDE], [2, 3, 7, 5], [9, 1, 7, 15], [4, 4, 1, 2]])
    cropped = transforms.resized_crops(image.expand(4, -1, -1, -1).contiguous(), boxes)
    for box, found in zip(boxes.tolist(), cropped, strict=True):
        planes = image.permute(2, 0, 1).float()
        expected = v2.functional.resized_crop(planes, *box, size=[SIDE, SIDE])
        assert torch.allclose(found.permute(2, 0, 1), expected, atol=1e-2)


@pytest.mark.parametrize(
    "jitter",
    [Jitter(brightness=0.5), Jitter(contrast=0.6), Jitter(saturation=0.9), Jitter(hue=0.3), Jitter(0.2, 0.3, 0.3, 0.2)],
)
def test_jitter_is_color_jitter(image, jitter):
    augmented = ours(
        image,
        lambda images, drawn: transforms.jittered(images, drawn["jitter"], drawn["jitter_order"]),
        Augment(jitter=jitter),
    )
    settings = [jitter.brightness, jitter.contrast, jitter.saturation, jitter.hue]
    assert_same_distribution(augmented, theirs(image.float() / 255, v2.ColorJitter(*settings)) * 255)


def test_hue_equals_torchvision_exactly(image):
    turns = torch.tensor([-0.5, -0.2, 0.0, 0.1, 0.5])
    turned = transforms._hue(image.permute(2, 0, 1).expand(5, -1, -1, -1).float(), turns[:, None, None, None])
    for turn, found in zip(turns.tolist(), turned, strict=True):
        expected = v2.functional.adjust_hue(image.permute(2, 0, 1).float() / 255, turn) * 255
        assert torch.allclose(found, expected, atol=1e-2)


@pytest.mark.parametrize("magnitude", [3, 10, 30])
def test_every_operation_of_randaugment_equals_torchvision(image, magnitude):
    reference = v2.RandAugment(magnitude=magnitude)
    planes = image.permute(2, 0, 1)
    operations = transforms._operations(magnitude, SIDE)
    assert len(operations) == len(reference._AUGMENTATION_SPACE)
    for operation, (name, (magnitudes, signed)) in zip(operations, reference._AUGMENTATION_SPACE.items(), strict=True):
        amounts = magnitudes(31, SIDE, SIDE)
        for sign in (1, -1) if signed else (1,):
            amount = 0.0 if amounts is None else sign * float(amounts[magnitude])
            arguments = {"interpolation": v2.InterpolationMode.NEAREST, "fill": reference._fill}
            expected = reference._apply_image_or_video_transform(planes, name, amount, **arguments)
            found = operation(planes[None], sign)[0]
            assert (found.int() - expected.int()).abs().max() <= 1, name  # amounts are float32 there


@pytest.mark.slow
def test_randaugment_in_distribution(image):
    augmented = ours(
        image,
        lambda images, drawn: transforms.rand_augmented(images, drawn["randaugment"], 10),
        Augment(randaugment=RandAugment(2, 10)),
    )
    assert_same_distribution(augmented, theirs(image, v2.RandAugment(2, 10)))


def test_erasing_is_random_erasing(image):
    def apply(images, drawn):
        return transforms.erased(images.permute(0, 3, 1, 2), drawn["erasing"]).permute(0, 2, 3, 1)

    augmented = ours(image, apply, Augment(erasing=0.6))
    assert_same_distribution(augmented, theirs(image, v2.RandomErasing(p=0.6)))


@pytest.mark.slow
@pytest.mark.parametrize(("name", "transform"), [("cutmix", v2.CutMix), ("mixup", v2.MixUp)])
def test_mixing_is_torchvisions(image, name, transform):
    other = (255 - image.float()).permute(2, 0, 1)
    pair = torch.stack([image.float().permute(2, 0, 1), other])
    drawn = draw_batches(Augment(**{name: 0.7}), DRAWS, seed=1, epoch=0)
    mixed, kept = [], []
    for number in range(DRAWS):
        share = float(drawn["kept"][number])
        if name == "cutmix":
            images, share = transforms.cut_mixed(pair.clone(), share, drawn["centre"][number])
        else:
            images = transforms.mixed_up(pair, share)
        mixed.append(images[0].permute(1, 2, 0))
        kept.append(share)
    torch.manual_seed(0)
    reference = transform(alpha=0.7, num_classes=2)
    expected = [reference(pair, torch.tensor([0, 1])) for _ in range(DRAWS)]
    assert_same_distribution(torch.stack(mixed), torch.stack([images[0].permute(1, 2, 0) for images, _ in expected]))
    shares = torch.stack([labels[0, 0] for _, labels in expected])
    assert np.quantile(kept, [0.1, 0.3, 0.5, 0.7, 0.9]) == pytest.approx(
        np.quantile(shares, [0.1, 0.3, 0.5, 0.7, 0.9]), abs=0.06
    )


EVERYTHING = Augment(2, Crop(), True, RandAugment(), Jitter(0.1, 0.1, 0.1, 0.1), 0.5, 1.0, 1.0)


def test_numbers_depend_on_seed_epoch_and_image_alone():
    drawn = draw_images(EVERYTHING, 50, SIDE, seed=3, epoch=2)
    assert set(drawn) == {"shift", "crop", "flip", "randaugment", "jitter", "jitter_order", "erasing"}
    again = draw_images(EVERYTHING, 50, SIDE, seed=3, epoch=2)
    assert all((drawn[name] == again[name]).all() for name in drawn)
    for seed, epoch in ((4, 2), (3, 3), (2, 3)):
        other = draw_images(EVERYTHING, 50, SIDE, seed, epoch)
        assert all((drawn[name] != other[name]).any() for name in drawn)


def test_switching_one_on_leaves_the_numbers_of_the_others():
    drawn = draw_images(EVERYTHING, 50, SIDE, seed=3, epoch=2)
    alone = draw_images(Augment(flip=True), 50, SIDE, seed=3, epoch=2)
    assert set(alone) == {"flip"} and (alone["flip"] == drawn["flip"]).all()


def test_with_both_mixes_each_batch_takes_one():
    drawn = draw_batches(Augment(cutmix=1.0, mixup=0.2), 1000, seed=0, epoch=0)
    assert 400 < drawn["cutmix"].sum() < 600
    assert draw_batches(Augment(), 1000, 0, 0) == {}
