"""The fire module of SqueezeNet (Iandola et al. 2016, arXiv 1602.07360, section 3.2)."""

from __future__ import annotations

from typing import Any, ClassVar

import torch
from torch import Tensor

from blocks.arguments import Activation, Normalization
from blocks.block import Block, LayerArguments
from blocks.components import make_activation, make_norm
from blocks.conv import conv2d
from blocks.registry import register
from blocks.tally import Tally


@register("fire")
class Fire(Block):
    """1x1 convolution to `squeeze` channels, then a 1x1 and a 3x3 convolution beside each other, half of the output each.

    As published without normalisation; convolutions then carry biases.
    """

    channel_arguments: ClassVar[tuple[str, ...]] = ("squeeze",)
    examples: ClassVar[tuple[dict[str, Any], ...]] = ({"squeeze": 8}, {"squeeze": 8, "norm": "batch_norm"})

    def __init__(
        self,
        *,
        in_channels: int,
        out_channels: int,
        stride: int = 1,
        squeeze: int,
        norm: Normalization | None = None,
        act: Activation | None = "relu",
    ):
        super().__init__()
        half, bias = half_of(out_channels), norm is None
        self.squeeze = conv2d(in_channels, squeeze, 1, bias=bias)
        self.squeeze_norm = make_norm(norm, squeeze)
        self.act = make_activation(act)
        self.expand_1x1 = conv2d(squeeze, half, 1, stride=stride, bias=bias)
        self.norm_1x1 = make_norm(norm, half)
        self.expand_3x3 = conv2d(squeeze, half, 3, stride=stride, bias=bias)
        self.norm_3x3 = make_norm(norm, half)

    def forward(self, x: Tensor) -> Tensor:
        x = self.act(self.squeeze_norm(self.squeeze(x)))
        halves = (self.norm_1x1(self.expand_1x1(x)), self.norm_3x3(self.expand_3x3(x)))
        return self.act(torch.cat(halves, dim=1))

    @classmethod
    def channel_multiple(cls, argument: str, layer: LayerArguments) -> int:
        return 2 if argument == "out_channels" else 1

    @classmethod
    def tally(cls, tally: Tally, layer: LayerArguments) -> None:
        half, bias = half_of(layer.out_channels), layer.norm is None
        tally.conv(layer.in_channels, layer.squeeze, 1, layer.in_size, bias=bias, norm=layer.norm)
        squeezed, halves = tally.maps.hold(), []
        for kernel in (1, 3):
            tally.maps.again(squeezed)
            tally.conv(layer.squeeze, half, kernel, cls.output_size(layer), bias=bias, norm=layer.norm)
            halves.append(tally.maps.hold())
        tally.maps.release(squeezed)
        tally.maps.join(*halves)


def half_of(out_channels: int) -> int:
    if out_channels % 2:
        raise ValueError(f"out must be even, for each convolution gives half of it, not {out_channels}")
    return out_channels // 2
