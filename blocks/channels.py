"""Cutting and joining maps along their channels, also where the channels of several replicas of a network lie side by side.

Such a map is (N, (R C), H, W) for R replicas (HFTA: Wang et al. 2021, arXiv 2102.02344). A module whose forward treats
channels otherwise than through its submodules has an attribute `replicas`, 1 by itself, and says what it means with these.
"""

from __future__ import annotations

import torch
from torch import Tensor


def join(maps: tuple[Tensor, ...], replicas: int = 1) -> Tensor:
    """Channels one after the other, within every replica."""
    if replicas == 1:
        return torch.cat(maps, dim=1)
    return _merged(torch.cat([_pixels(x, replicas) for x in maps], dim=-1))


def cut(x: Tensor, start: int, stop: int, replicas: int = 1) -> Tensor:
    """The channels from `start` up to `stop` of every replica."""
    if replicas == 1:
        return x[:, start:stop]
    return _merged(_pixels(x, replicas)[..., start:stop])


def halves(x: Tensor, replicas: int = 1) -> tuple[Tensor, ...]:
    """The first and the second half of the channels of every replica."""
    if replicas == 1:
        return x.chunk(2, dim=1)
    return tuple(_merged(half) for half in _pixels(x, replicas).chunk(2, dim=-1))


def interleave_halves(x: Tensor, replicas: int = 1) -> Tensor:
    """(N, (R 2 C), H, W) to (N, (R C 2), H, W): the channel shuffle of two groups; the memory format is kept."""
    if x.is_contiguous(memory_format=torch.channels_last):
        pixels = _pixels(x, replicas).unflatten(-1, (2, -1))  # (N, H, W, R, 2, C)
        return pixels.transpose(-1, -2).flatten(-3).permute(0, 3, 1, 2)
    return x.unflatten(1, (replicas, 2, -1)).transpose(2, 3).flatten(1, 3)


def _pixels(x: Tensor, replicas: int) -> Tensor:
    """(N, (R C), H, W) to (N, H, W, R, C)."""
    return x.permute(0, 2, 3, 1).unflatten(-1, (replicas, -1))


def _merged(pixels: Tensor) -> Tensor:
    """(N, H, W, R, C) to (N, (R C), H, W)."""
    return pixels.flatten(-2).permute(0, 3, 1, 2)
