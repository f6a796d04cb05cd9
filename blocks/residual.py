"""The residual block of ResNet (He et al. 2015, arXiv 1512.03385, section 3.3)."""

from __future__ import annotations

from torch import Tensor, nn

from blocks.arguments import Activation, ChannelAttention, Normalization
from blocks.block import Block, LayerArguments
from blocks.components import (
    Component,
    make_activation,
    make_channel_attention,
    make_norm,
    tally_channel_attention,
)
from blocks.conv import conv2d, same_conv_size, same_padding
from blocks.registry import register
from blocks.tally import Tally


@register("residual")
class Residual(Block):
    """Two convolutions added to a shortcut, then activated. Channel attention, where given, weighs what is added."""

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
        same_padding(kernel)
        self.first = conv2d(in_channels, out_channels, kernel, stride=stride)
        self.first_norm = make_norm(norm, out_channels)
        self.act = make_activation(act)
        self.second = conv2d(out_channels, out_channels, kernel)
        self.second_norm = make_norm(norm, out_channels)
        self.channel_attention = make_channel_attention(
            channel_attention, channels=out_channels, in_channels=in_channels
        )
        self.shortcut = make_shortcut(in_channels, out_channels, stride, norm)

    def forward(self, x: Tensor) -> Tensor:
        y = self.act(self.first_norm(self.first(x)))
        y = self.channel_attention(self.second_norm(self.second(y)))
        return self.act(self.shortcut(x) + y)

    def residual_norms(self) -> list[nn.Module]:
        return [self.second_norm]

    @classmethod
    def tally(cls, tally: Tally, layer: LayerArguments) -> None:
        size = same_conv_size(layer)
        tally.conv(layer.in_channels, layer.out_channels, layer.kernel, size, norm=layer.norm)
        tally.conv(layer.out_channels, layer.out_channels, layer.kernel, size, norm=layer.norm)
        tally_channel_attention(tally, layer, size, channels=layer.out_channels)
        tally_shortcut(tally, layer, size)


def make_shortcut(in_channels: int, out_channels: int, stride: int, norm: Component) -> nn.Module:
    """A normalised 1x1 convolution where channels change; every `stride`-th pixel as it is where only the size does."""
    if in_channels != out_channels:
        return nn.Sequential(conv2d(in_channels, out_channels, 1, stride=stride), make_norm(norm, out_channels))
    return nn.MaxPool2d(1, stride) if stride > 1 else nn.Identity()


def tally_shortcut(tally: Tally, layer: LayerArguments, size: int) -> None:
    """`size`: pixels on a side of the output."""
    if layer.in_channels != layer.out_channels:
        tally.conv(layer.in_channels, layer.out_channels, 1, size, norm=layer.norm)
