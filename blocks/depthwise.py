"""Depthwise convolutions by one kernel or several (MixConv, Tan and Le 2019, arXiv 1907.09595), or in groups."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from blocks.conv import conv2d, same_padding
from blocks.tally import Tally

Kernel = int | list[int]


class MixedDepthwise(nn.Module):
    """Depthwise convolution of each share of the channels by its own kernel: (N, channels, H, W) to (N, channels, ...).

    Shares are equal; what is left over goes to the first.
    """

    def __init__(self, channels: int, kernels: list[int], stride: int, same: bool = False):
        super().__init__()
        self.shares = shares_of(channels, len(kernels))
        self.convs = nn.ModuleList(
            conv2d(share, share, kernel, stride=stride, groups=share, same=same)
            for share, kernel in zip(self.shares, kernels, strict=True)
        )

    def forward(self, x: Tensor) -> Tensor:
        parts = x.split(self.shares, dim=1)
        return torch.cat([conv(part) for conv, part in zip(self.convs, parts, strict=True)], dim=1)


def make_depthwise(
    channels: int, kernel: Kernel, stride: int, *, group_width: int | None = None, same: bool = False
) -> nn.Module:
    """In groups of `group_width` channels instead of one, where given; padded as `same` of the block `conv` says."""
    groups = check_depthwise(channels, kernel, group_width)
    if isinstance(kernel, list):
        return MixedDepthwise(channels, kernel, stride, same)
    return conv2d(channels, channels, kernel, stride=stride, groups=groups, same=same)


def tally_depthwise(
    tally: Tally, channels: int, kernel: Kernel, size: int, *, group_width: int | None = None, norm: object
) -> None:
    """Adds the cost of `make_depthwise` and the normalisation after it; `size`: pixels on a side of the output."""
    groups = check_depthwise(channels, kernel, group_width)
    if not isinstance(kernel, list):
        tally.conv(channels, channels, kernel, size, groups=groups, norm=norm)
        return
    entering, parts = tally.maps.hold(), []
    for share, each in zip(shares_of(channels, len(kernel)), kernel, strict=True):
        tally.maps.again(entering)
        tally.depthwise(share, each, size, norm=norm)
        parts.append(tally.maps.hold())
    tally.maps.release(entering)
    tally.maps.join(*parts)


def check_depthwise(channels: int, kernel: Kernel, group_width: int | None) -> int:
    """The number of groups. Raises ValueError for what no such convolution has."""
    for each in kernel if isinstance(kernel, list) else [kernel]:
        same_padding(each)
    if not group_width:
        return channels
    if isinstance(kernel, list):
        raise ValueError("several kernels each see channels one by one, so there is no group_width beside them")
    if channels % group_width:
        raise ValueError(f"groups of {group_width} channels do not divide {channels} channels")
    return channels // group_width


def shares_of(channels: int, kernels: int) -> list[int]:
    """The channels of each kernel."""
    if channels < kernels:
        raise ValueError(f"{kernels} kernels need as many channels, not {channels}")
    share = channels // kernels
    return [channels - (kernels - 1) * share] + [share] * (kernels - 1)
