"""Convolution, normalisation, activation."""

from __future__ import annotations

from typing import Any, ClassVar

import torch.nn.functional as F
from torch import Tensor, nn

from blocks.arguments import Activation, Initialization, Natural, Normalization
from blocks.block import Block, LayerArguments
from blocks.components import Component, initialize, make_activation, make_norm
from blocks.registry import register
from blocks.tally import Tally, check_channels


@register("conv")
class Conv(Block):
    """Convolution, then normalisation, then activation.

    Unless given, padding is (kernel - stride) / 2 rounded down for even kernels and (kernel - 1) / 2 for odd ones. With `same`
    it is as little as every `stride`-th pixel needs, the odd one at the end (TensorFlow's SAME).
    """

    group_arguments: ClassVar[tuple[str, ...]] = ("groups",)
    examples: ClassVar[tuple[dict[str, Any], ...]] = (
        {},
        {"groups": 8, "bias": True, "norm": None},
        {"padding": 0},
        {"same": True},
    )

    def __init__(
        self,
        *,
        in_channels: int,
        out_channels: int,
        stride: int = 1,
        kernel: int = 3,
        padding: Natural | None = None,
        same: bool = False,
        groups: int = 1,
        bias: bool = False,
        norm: Normalization | None = "batch_norm",
        act: Activation | None = "relu",
        init: Initialization = "he",
    ):
        super().__init__()
        check_padding(padding, same)
        given = {"stride": stride, "groups": groups, "bias": bias, "init": init}
        self.conv = conv2d(in_channels, out_channels, kernel, padding=padding, same=same, **given)
        self.norm = make_norm(norm, out_channels)
        self.act = make_activation(act)

    def forward(self, x: Tensor) -> Tensor:
        return self.act(self.norm(self.conv(x)))

    @classmethod
    def channel_multiple(cls, argument: str, layer: LayerArguments) -> int:
        return layer.groups

    @classmethod
    def output_size(cls, layer: LayerArguments) -> int:
        if layer.same:
            return super().output_size(layer)
        if layer.padding is None:
            return conv_size(layer)
        return max(layer.in_size + 2 * layer.padding - layer.kernel + layer.stride, 0) // layer.stride

    @classmethod
    def tally(cls, tally: Tally, layer: LayerArguments) -> None:
        check_padding(layer.padding, layer.same)
        size, groups = cls.output_size(layer), layer.groups
        tally.conv(
            layer.in_channels, layer.out_channels, layer.kernel, size, groups=groups, bias=layer.bias, norm=layer.norm
        )


def conv2d(
    in_channels: int,
    out_channels: int,
    kernel: int,
    *,
    stride: int = 1,
    groups: int = 1,
    bias: bool = False,
    padding: int | None = None,
    same: bool = False,
    init: Component = "he",
) -> nn.Conv2d:
    """A convolution padded as `Conv` says. Raises ValueError where groups do not divide the channels, or there are none."""
    check_channels(in_channels, out_channels, groups)
    kind = SameConv2d if same else nn.Conv2d
    padding = padding_of(kernel, stride) if padding is None else padding
    conv = kind(in_channels, out_channels, kernel, stride, padding, groups=groups, bias=bias)
    initialize(init, conv)
    return conv


class SameConv2d(nn.Conv2d):
    """A convolution with TensorFlow's SAME padding, whose output has a pixel for every `stride`-th of the input."""

    def forward(self, x: Tensor) -> Tensor:
        margins = []
        for size, kernel, stride in zip(x.shape[:1:-1], self.kernel_size[::-1], self.stride[::-1], strict=True):
            beyond = max((-(-size // stride) - 1) * stride + kernel - size, 0)
            margins += [beyond // 2, beyond - beyond // 2]
        return F.conv2d(F.pad(x, margins), self.weight, self.bias, self.stride, groups=self.groups)


def check_padding(padding: int | None, same: bool) -> None:
    if same and padding is not None:
        raise ValueError("same says how much padding there is, so padding beside it says nothing")


def padding_of(kernel: int, stride: int) -> int:
    return (kernel - 1) // 2 if kernel % 2 else max(kernel - stride, 0) // 2


def conv_size(layer: LayerArguments) -> int:
    """Pixels along one axis after a layer's convolution padded by `padding_of`."""
    return (layer.in_size + 2 * padding_of(layer.kernel, layer.stride) - layer.kernel) // layer.stride + 1


def same_padding(kernel: int) -> int:
    """The padding that keeps the size of the map at stride 1. Raises ValueError for an even kernel: there is none."""
    if kernel % 2 == 0:
        raise ValueError(f"kernel must be odd, so that a map keeps its size, not {kernel}")
    return kernel // 2


def same_conv_size(layer: LayerArguments) -> int:
    """Pixels along one axis after a layer's convolution padded by `same_padding`."""
    return (layer.in_size + 2 * same_padding(layer.kernel) - layer.kernel) // layer.stride + 1
