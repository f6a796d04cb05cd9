"""The depthwise separable convolution of MobileNet (Howard et al. 2017, arXiv 1704.04861, section 3.1)."""

from __future__ import annotations

from typing import Any, ClassVar

from torch import Tensor

from blocks.arguments import Activation, ChannelAttention, Normalization
from blocks.block import Block, LayerArguments
from blocks.components import (
    make_activation,
    make_channel_attention,
    make_norm,
    tally_channel_attention,
)
from blocks.conv import conv2d, conv_size
from blocks.registry import register
from blocks.tally import Tally


@register("depthwise_separable")
class DepthwiseSeparable(Block):
    """Depthwise convolution, then 1x1 convolution, each normalised and activated; channel attention stands between them."""

    examples: ClassVar[tuple[dict[str, Any], ...]] = ({}, {"kernel": 5, "channel_attention": "se", "act": "silu"})

    def __init__(
        self,
        *,
        in_channels: int,
        out_channels: int,
        stride: int = 1,
        kernel: int = 3,
        channel_attention: ChannelAttention | None = None,
        norm: Normalization | None = "batch_norm",
        act: Activation | None = "relu",
    ):
        super().__init__()
        self.depthwise = conv2d(in_channels, in_channels, kernel, stride=stride, groups=in_channels)
        self.depthwise_norm = make_norm(norm, in_channels)
        self.act = make_activation(act)
        self.channel_attention = make_channel_attention(
            channel_attention, channels=in_channels, in_channels=in_channels
        )
        self.pointwise = conv2d(in_channels, out_channels, 1)
        self.pointwise_norm = make_norm(norm, out_channels)

    def forward(self, x: Tensor) -> Tensor:
        x = self.channel_attention(self.act(self.depthwise_norm(self.depthwise(x))))
        return self.act(self.pointwise_norm(self.pointwise(x)))

    @classmethod
    def output_size(cls, layer: LayerArguments) -> int:
        return conv_size(layer)

    @classmethod
    def tally(cls, tally: Tally, layer: LayerArguments) -> None:
        size = cls.output_size(layer)
        tally.depthwise(layer.in_channels, layer.kernel, size, norm=layer.norm)
        tally_channel_attention(tally, layer, size, channels=layer.in_channels)
        tally.conv(layer.in_channels, layer.out_channels, 1, size, norm=layer.norm)
