"""The residual block of ResNet (He et al. 2015, arXiv 1512.03385, section 3.3), and the shortcuts of its descendants."""

from __future__ import annotations

from typing import Any, ClassVar, Literal

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

Shortcut = Literal["sampled", "projected", "mean"]


@register("residual")
class Residual(Block):
    """Two convolutions added to a shortcut, then activated. Channel attention, where given, weighs what is added.

    The shortcut is the input. Where channels change it is a 1x1 convolution; where only the size does, every `stride`-th pixel
    as it is (`sampled`, the paper's option B), or a 1x1 convolution too (`projected`: torchvision). `mean` averages pixels and
    then projects in both cases (ResNet-D, He et al. 2018, arXiv 1812.01187, section 4.2).
    """

    examples: ClassVar[tuple[dict[str, Any], ...]] = (
        {},
        {"shortcut": "projected", "channel_attention": "se"},
        {"shortcut": "mean"},
    )

    def __init__(
        self,
        *,
        in_channels: int,
        out_channels: int,
        stride: int = 1,
        published_stride: int | None = None,
        kernel: int = 3,
        shortcut: Shortcut = "sampled",
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
        self.shortcut = make_shortcut(shortcut, in_channels, out_channels, stride, published_stride or stride, norm)

    def forward(self, x: Tensor) -> Tensor:
        y = self.act(self.first_norm(self.first(x)))
        y = self.channel_attention(self.second_norm(self.second(y)))
        return self.act(self.shortcut(x) + y)

    def residual_norms(self) -> list[nn.Module]:
        return [self.second_norm]

    @classmethod
    def tally(cls, tally: Tally, layer: LayerArguments) -> None:
        size = same_conv_size(layer)
        entering = tally.maps.hold()
        tally.conv(layer.in_channels, layer.out_channels, layer.kernel, size, norm=layer.norm)
        tally.conv(layer.out_channels, layer.out_channels, layer.kernel, size, norm=layer.norm)
        tally_channel_attention(tally, layer, size, channels=layer.out_channels)
        with tally.maps.beside():
            tally.maps.back_to(entering)
            tally_shortcut(tally, layer, size)


def make_shortcut(
    shortcut: str, in_channels: int, out_channels: int, stride: int, published_stride: int, norm: Component
) -> nn.Module:
    """What is added to a residual branch, as `Residual` says."""
    if not is_projected(shortcut, in_channels, out_channels, published_stride):
        return nn.MaxPool2d(1, stride) if stride > 1 else nn.Identity()
    pool: list[nn.Module] = []
    if shortcut == "mean":
        pool = [nn.AvgPool2d(stride, ceil_mode=True, count_include_pad=False) if stride > 1 else nn.Identity()]
        stride = 1
    conv = conv2d(in_channels, out_channels, 1, stride=stride)
    return nn.Sequential(*pool, conv, make_norm(norm, out_channels))


def tally_shortcut(tally: Tally, layer: LayerArguments, size: int) -> None:
    """`size`: pixels on a side of the output."""
    projected = is_projected(layer.shortcut, layer.in_channels, layer.out_channels, layer.published_stride)
    if layer.stride > 1 and (layer.shortcut == "mean" or not projected):
        tally.maps.put(layer.in_channels * size**2)
    if projected:
        tally.conv(layer.in_channels, layer.out_channels, 1, size, norm=layer.norm)


def is_projected(shortcut: str, in_channels: int, out_channels: int, published_stride: int) -> bool:
    return in_channels != out_channels or (shortcut != "sampled" and published_stride > 1)
