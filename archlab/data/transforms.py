"""Augmentations applied to whole batches, on the device where the batch lies, with the numbers that `augment` drew.

Images are (N, height, width, 3), uint8 or float32 from 0 to 255, until `normalized`; (N, 3, height, width) channels_last
from there on. A function may change the batch that it is given.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from archlab.foundation import UserError
from archlab.foundation.own_code import OwnCode

NEUTRAL = (1.0, 1.0, 1.0, 0.0)  # factors of brightness, contrast, saturation and hue that change nothing
GREY = (0.2989, 0.587, 0.114)  # of red, green and blue, as in torchvision


def shifted(images: Tensor, shifts: np.ndarray, most: int) -> Tensor:
    """Windows of the images padded with black by `most` pixels; `shifts` (N, 2) from 0 to 2 * most, down and right."""
    count, height, width, channels = images.shape
    padded = F.pad(images, (0, 0, most, most, most, most))
    image, row, column, channel = padded.stride()
    windows = padded.as_strided(
        (count, 2 * most + 1, 2 * most + 1, height, width, channels), (image, row, column, row, column, channel)
    )
    if images.is_cuda:
        down, right = torch.from_numpy(shifts.T).to(images.device, non_blocking=True)
        return windows[torch.arange(count, device=images.device), down, right]
    # numpy copies whole rows where torch goes pixel by pixel: 8 times as fast
    return torch.from_numpy(windows.numpy()[np.arange(count), shifts[:, 0], shifts[:, 1]])


def resized(images: Tensor, side: int) -> Tensor:
    """The images at `side` pixels, bilinear, smoothed where they shrink, as torchvision resizes; float32."""
    planes = images.permute(0, 3, 1, 2).float()
    return F.interpolate(planes, (side, side), mode="bilinear", antialias=True).permute(0, 2, 3, 1).contiguous()


def centre(images: Tensor, side: int) -> Tensor:
    """The middle `side` pixels of each image."""
    top, left = (round((whole - side) / 2) for whole in images.shape[1:3])
    return images[:, top : top + side, left : left + side].contiguous()


def resized_crops(images: Tensor, boxes: np.ndarray, pixels: int | None = None) -> Tensor:
    """Boxes (N, 4: top, left, height, width) at `pixels` on a side (None: of the whole image), bilinear, borders repeated;
    float32."""
    side = torch.tensor(images.shape[1:3]).to(images.device, non_blocking=True)
    seen = pixels or images.shape[1]
    corner, extent = torch.from_numpy(boxes).to(images.device, non_blocking=True).float().unsqueeze(-1).split(2, dim=1)
    centres = torch.arange(seen, device=images.device) + 0.5
    source = (centres * extent / seen - 0.5).clamp(min=0).minimum(extent - 1) + corner  # (N, 2, R)
    source = (source + 0.5) * 2 / side[None, :, None] - 1
    rows, columns = source.unbind(1)
    grid = torch.stack(torch.broadcast_tensors(columns[:, None, :], rows[:, :, None]), dim=-1)
    cropped = F.grid_sample(images.permute(0, 3, 1, 2).float(), grid, padding_mode="border", align_corners=False)
    return cropped.permute(0, 2, 3, 1).contiguous()


def flipped(images: Tensor, flips: np.ndarray) -> Tensor:
    """The images with those of `flips` (N,) mirrored, in place."""
    rows = torch.from_numpy(np.flatnonzero(flips)).to(images.device, non_blocking=True)
    mirrored = images[rows].permute(0, 3, 1, 2).flip(-1)  # torch has a fast path for this layout
    return images.index_copy_(0, rows, mirrored.permute(0, 2, 3, 1))


def rand_augmented(images: Tensor, numbers: np.ndarray, magnitude: int) -> Tensor:
    """torchvision's RandAugment, the images that got the same operation at once; `numbers` (N, operations, 2) in [0, 1)."""
    images = _as_planes(images)
    operations = _operations(magnitude, images.shape[-1])
    for slot in range(numbers.shape[1]):
        kinds = (numbers[:, slot, 0] * len(operations)).astype(int)
        for kind, signs in np.unique(np.stack([kinds, numbers[:, slot, 1] < 0.5], 1), axis=0):
            chosen = (kinds == kind) & ((numbers[:, slot, 1] < 0.5) == signs)
            _on_rows(images, chosen, operations[kind], -1 if signs else 1)
    return images.permute(0, 2, 3, 1)


def changed_by_own(
    images: Tensor, function: OwnCode, numbers: Callable[..., np.ndarray], arguments: dict[str, Any]
) -> Tensor:
    """What a user's own augmentation makes of the images. Raises UserError where it is no batch of the same kind."""

    def random(*shape: int) -> Tensor:
        return torch.from_numpy(numbers(*shape)).to(images.device, non_blocking=True)

    planes = _as_planes(images)
    expected = planes.shape, planes.dtype, planes.device
    changed = function(planes, random, **arguments)
    found = (changed.shape, changed.dtype, changed.device) if isinstance(changed, Tensor) else type(changed)
    if found != expected:
        raise UserError(f"{function.value.__name__} must return {expected}, not {found}", where=str(function.file))
    return changed.permute(0, 2, 3, 1)


def jittered(images: Tensor, factors: np.ndarray, order: np.ndarray) -> Tensor:
    """Brightness, contrast, saturation and hue by `factors` (N, 4), in each image's own `order` (N, 4); float32."""
    planes = images.permute(0, 3, 1, 2).to(torch.float32, memory_format=torch.contiguous_format)
    functions = (_brightness, _contrast, _saturation, _hue)
    used = [kind for kind in range(4) if (factors[:, kind] != NEUTRAL[kind]).any()]
    for slot in range(4):
        for kind in used:
            chosen = order[:, slot] == kind
            amounts = torch.from_numpy(factors[chosen, kind]).to(images.device, non_blocking=True)
            _on_rows(planes, chosen, functions[kind], amounts[:, None, None, None])
    return planes.permute(0, 2, 3, 1)


def normalized(images: Tensor, mean: Tensor, scale: Tensor) -> Tensor:
    """(images - mean) * scale as float32 (N, 3, height, width) in channels_last; `mean`, `scale`: (width * 3,) rows."""
    count, height, width, channels = images.shape
    rows = images.reshape(count, height, width * channels)
    rows = rows.float().sub_(mean).mul_(scale)  # whole rows: 8 times as fast as broadcasting 3 channels
    return rows.view(count, height, width, channels).permute(0, 3, 1, 2)


def erased(images: Tensor, boxes: np.ndarray) -> Tensor:
    """Normalised images with boxes (N, 4: top, left, height, width) set to 0, the mean colour, in place."""
    top, left, height, width = torch.from_numpy(boxes).to(images.device, non_blocking=True)[:, :, None].unbind(1)
    pixels = torch.arange(images.shape[-1], device=images.device)
    rows = (pixels >= top) & (pixels < top + height)
    columns = (pixels >= left) & (pixels < left + width)
    return images.masked_fill_((rows[:, :, None] & columns[:, None, :])[:, None], 0.0)


def shrunk(images: Tensor, side: int) -> Tensor:
    """Normalised images at `side` pixels, bilinear and smoothed; as they are where that is their size."""
    if images.shape[-1] == side:
        return images
    smaller = F.interpolate(images, (side, side), mode="bilinear", antialias=True)
    return smaller.contiguous(memory_format=torch.channels_last)


def cut_mixed(images: Tensor, kept: float, centre: np.ndarray) -> tuple[Tensor, float]:
    """A box of each image replaced by its neighbour's in the batch; the box has the share 1 - kept before it is clipped.

    Returns the images (changed in place) and the share that was kept.
    """
    height, width = images.shape[2:]
    half = 0.5 * math.sqrt(1 - kept)
    row, column = int(centre[0] * height), int(centre[1] * width)
    top, bottom = max(row - int(half * height), 0), min(row + int(half * height), height)
    left, right = max(column - int(half * width), 0), min(column + int(half * width), width)
    images[:, :, top:bottom, left:right] = images[:, :, top:bottom, left:right].roll(1, 0)
    return images, 1 - (bottom - top) * (right - left) / (height * width)


def mixed_up(images: Tensor, kept: float) -> Tensor:
    """The share `kept` of each image plus the rest of its neighbour in the batch."""
    return torch.lerp(images.roll(1, 0), images, kept)


def _as_planes(images: Tensor) -> Tensor:
    """uint8 (N, 3, height, width)."""
    return images.round().to(torch.uint8).permute(0, 3, 1, 2).contiguous()


def _on_rows(images: Tensor, chosen: np.ndarray, function: Callable[..., Tensor], amount: Any) -> None:
    """Puts the function's results in the place of the chosen images."""
    if chosen.any():
        rows = torch.from_numpy(np.flatnonzero(chosen)).to(images.device, non_blocking=True)
        images.index_copy_(0, rows, function(images[rows], amount))


def _operations(magnitude: int, width: int) -> list[Callable[[Tensor, int], Tensor]]:
    """RandAugment's 14 operations at a magnitude of 0 to 30, each a function of uint8 (N, 3, H, W) and a sign."""
    from torchvision.transforms.v2 import functional as V  # slow to import, and few recipes need it

    strength = magnitude / 30
    slope = math.degrees(math.atan(0.3 * strength))
    pixels = int(150 / 331 * width * strength)

    def affine(images: Tensor, translate: tuple = (0, 0), shear: tuple = (0.0, 0.0), center: list | None = None):
        return V.affine(images, angle=0.0, translate=list(translate), scale=1.0, shear=list(shear), center=center)

    return [
        lambda images, sign: images,
        lambda images, sign: affine(images, shear=(sign * slope, 0.0), center=[0.0, 0.0]),
        lambda images, sign: affine(images, shear=(0.0, sign * slope), center=[0.0, 0.0]),
        lambda images, sign: affine(images, translate=(sign * pixels, 0)),
        lambda images, sign: affine(images, translate=(0, sign * pixels)),
        lambda images, sign: V.rotate(images, angle=sign * 30 * strength),
        lambda images, sign: V.adjust_brightness(images, 1 + sign * 0.9 * strength),
        lambda images, sign: V.adjust_saturation(images, 1 + sign * 0.9 * strength),
        lambda images, sign: V.adjust_contrast(images, 1 + sign * 0.9 * strength),
        lambda images, sign: V.adjust_sharpness(images, 1 + sign * 0.9 * strength),
        lambda images, sign: V.posterize(images, bits=8 - round(4 * strength)),
        lambda images, sign: V.solarize(images, threshold=255 * (1 - strength)),
        lambda images, sign: V.autocontrast(images),
        lambda images, sign: V.equalize(images),
    ]


def _brightness(planes: Tensor, factor: Tensor) -> Tensor:
    return planes.mul_(factor).clamp_(0, 255)


def _contrast(planes: Tensor, factor: Tensor) -> Tensor:
    rest = (1 - factor) * _grey(planes).mean((2, 3), keepdim=True)
    return planes.mul_(factor).add_(rest).clamp_(0, 255)


def _saturation(planes: Tensor, factor: Tensor) -> Tensor:
    rest = (1 - factor) * _grey(planes)
    return planes.mul_(factor).add_(rest).clamp_(0, 255)


def _hue(planes: Tensor, turn: Tensor) -> Tensor:
    """Turns the hue of HSV by a share of the circle, value and saturation kept (Smith 1978)."""
    red, green, blue = planes.unbind(1)
    value, lowest = planes.amax(1), planes.amin(1)
    chroma = value - lowest
    safe = chroma.where(chroma > 0, torch.ones_like(chroma))
    sector = torch.where(
        value == red,
        (green - blue) / safe,
        torch.where(value == green, 2 + (blue - red) / safe, 4 + (red - green) / safe),
    )
    offsets = torch.tensor([5.0, 3.0, 1.0]).to(planes.device, non_blocking=True)[:, None, None]
    distance = (offsets + sector[:, None] + 6 * turn) % 6
    return value[:, None] - chroma[:, None] * torch.minimum(distance, 4 - distance).clamp_(0, 1)


def _grey(planes: Tensor) -> Tensor:
    """(N, 1, height, width)."""
    red, green, blue = planes.split(1, dim=1)
    return (red * GREY[0]).add_(green, alpha=GREY[1]).add_(blue, alpha=GREY[2])
