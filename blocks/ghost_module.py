"""The module of GhostNet (Han et al. 2020, arXiv 1911.11907, section 3.1), the gate of V2 and the branches of V3.

GhostNetV2: Tang et al. 2022, arXiv 2211.12905, section 4. GhostNetV3: Liu et al. 2024, arXiv 2404.11202, section 3.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from blocks.components import Component, initialize, make_activation, make_norm
from blocks.conv import conv2d
from blocks.multi_branch_conv import BATCH_NORM, MultiBranchConv, kernels_of, tally_branches
from blocks.tally import Tally

CHEAP_KERNEL = 3
GATE_KERNEL = 5


class GhostModule(nn.Module):
    """A 1x1 convolution computes half of the channels; a depthwise one of these, the other half.

    With `branches` above 0, both train as that many parallel convolutions, the second beside a scaled input and the input
    itself. With `gate`, the output is weighed as `Gate` says.
    """

    def __init__(
        self, *, in_channels: int, out_channels: int, branches: int, gate: bool, act: Component, init: Component
    ):
        super().__init__()
        half = halved(out_channels)
        self.out_channels = out_channels
        self.primary = branched_conv(in_channels, half, 1, branches=branches, act=act, init=init)
        self.cheap = branched_conv(
            half, half, CHEAP_KERNEL, groups=half, branches=branches, skip=True, act=act, init=init
        )
        self.gate = Gate(in_channels, out_channels, init) if gate else None

    def forward(self, x: Tensor) -> Tensor:
        primary = self.primary(x)
        y = torch.cat((primary, self.cheap(primary)), dim=1)[:, : self.out_channels]
        return y if self.gate is None else y * self.gate(x)

    @classmethod
    def tally(cls, tally: Tally, in_channels: int, out_channels: int, size: int, *, branches: int, gate: bool) -> None:
        half, entering = halved(out_channels), tally.maps.hold()
        tally_branched_conv(tally, in_channels, half, 1, size, branches=branches)
        primary = tally.maps.hold()
        if not gate:
            tally.maps.release(entering)
        tally_branched_conv(tally, half, half, CHEAP_KERNEL, size, groups=half, branches=branches, skip=True)
        tally.maps.join(primary, tally.maps.hold())
        if gate:
            with tally.maps.beside():
                tally.maps.back_to(entering)
                Gate.tally(tally, in_channels, out_channels, size)


class Gate(nn.Module):
    """Weights between 0 and 1 from convolutions along rows and along columns, on a map of half the size."""

    def __init__(self, in_channels: int, out_channels: int, init: Component):
        super().__init__()
        self.convs = nn.Sequential()
        for kernel, channels in (
            ((1, 1), in_channels),
            ((1, GATE_KERNEL), out_channels),
            ((GATE_KERNEL, 1), out_channels),
        ):
            groups = 1 if kernel == (1, 1) else out_channels
            padding = (kernel[0] // 2, kernel[1] // 2)
            conv = nn.Conv2d(channels, out_channels, kernel, padding=padding, groups=groups, bias=False)
            initialize(init, conv)
            self.convs.extend([conv, make_norm(BATCH_NORM, out_channels)])

    def forward(self, x: Tensor) -> Tensor:
        height, width = x.shape[-2:]
        x = F.avg_pool2d(x, (min(height, 2), min(width, 2)))
        return F.interpolate(torch.sigmoid(self.convs(x)), (height, width), mode="nearest")

    @classmethod
    def tally(cls, tally: Tally, in_channels: int, out_channels: int, size: int) -> None:
        pooled = max(size // 2, 1)
        tally.maps.put(in_channels * pooled**2)
        tally.conv(in_channels, out_channels, 1, pooled, norm=BATCH_NORM)
        for kernel in ((1, GATE_KERNEL), (GATE_KERNEL, 1)):
            tally.conv(out_channels, out_channels, kernel, pooled, groups=out_channels, norm=BATCH_NORM)
        tally.maps.put(out_channels * size**2)


def branched_conv(
    in_channels: int,
    out_channels: int,
    kernel: int,
    *,
    stride: int = 1,
    groups: int = 1,
    branches: int,
    skip: bool = False,
    act: Component = None,
    init: Component,
) -> nn.Module:
    """Convolution, BatchNorm, activation: plain with 0 branches, else a MultiBranchConv."""
    if not branches:
        conv = conv2d(in_channels, out_channels, kernel, stride=stride, groups=groups, init=init)
        return nn.Sequential(conv, make_norm(BATCH_NORM, out_channels), make_activation(act))
    return MultiBranchConv(
        in_channels=in_channels,
        out_channels=out_channels,
        stride=stride,
        kernel=kernel,
        groups=groups,
        branches=branches,
        skip_branch=skip,
        act=act,
        init=init,
    )


def tally_branched_conv(
    tally: Tally,
    in_channels: int,
    out_channels: int,
    kernel: int,
    size: int,
    *,
    groups: int = 1,
    branches: int,
    skip: bool = False,
) -> None:
    """Adds the cost of a `branched_conv` with an output of `size` pixels on a side."""
    if branches:
        tally_branches(tally, in_channels, out_channels, kernels_of(kernel, branches), size, groups=groups, skip=skip)
    else:
        tally.conv(in_channels, out_channels, kernel, size, groups=groups, norm=BATCH_NORM)


def halved(channels: int) -> int:
    """Half of the channels, rounded up."""
    return -(-channels // 2)
