"""The bottleneck of ResNet (He et al. 2015, arXiv 1512.03385, section 4.1), ResNeXt and RegNet."""

from __future__ import annotations

from typing import Any, ClassVar

from torch import Tensor, nn

from blocks.arguments import Activation, ChannelAttention, Normalization
from blocks.block import Block, LayerArguments
from blocks.components import (
    make_activation,
    make_channel_attention,
    make_norm,
    tally_channel_attention,
)
from blocks.conv import conv2d, same_conv_size, same_padding
from blocks.registry import register
from blocks.residual import Shortcut, make_shortcut, tally_shortcut
from blocks.tally import Tally


@register("bottleneck")
class Bottleneck(Block):
    """1x1 convolution to `hidden` channels, convolution, channel attention, 1x1 convolution; added to a shortcut, activated.

    The middle convolution has groups of `group_width` channels (ResNeXt, arXiv 1611.05431; RegNet, arXiv 2003.13678) and the
    stride (torchvision; the paper strides the first). `hidden` is a quarter of the output by default. The shortcut is that of
    `residual`; RegNet's is `projected`.
    """

    channel_arguments: ClassVar[tuple[str, ...]] = ("hidden",)
    examples: ClassVar[tuple[dict[str, Any], ...]] = (
        {},
        {"hidden": 24, "group_width": 8, "channel_attention": "se", "kernel": 5},
        {"shortcut": "projected"},
        {"shortcut": "mean", "group_width": 4},
    )

    def __init__(
        self,
        *,
        in_channels: int,
        out_channels: int,
        stride: int = 1,
        published_stride: int | None = None,
        kernel: int = 3,
        hidden: int | None = None,
        group_width: int | None = None,
        shortcut: Shortcut = "sampled",
        channel_attention: ChannelAttention | None = None,
        norm: Normalization | None = "batch_norm",
        act: Activation | None = "relu",
    ):
        super().__init__()
        hidden, groups = middle(out_channels, hidden, group_width)
        same_padding(kernel)
        self.reduction = conv2d(in_channels, hidden, 1)
        self.reduction_norm = make_norm(norm, hidden)
        self.act = make_activation(act)
        self.conv = conv2d(hidden, hidden, kernel, stride=stride, groups=groups)
        self.norm = make_norm(norm, hidden)
        self.channel_attention = make_channel_attention(channel_attention, channels=hidden, in_channels=in_channels)
        self.expansion = conv2d(hidden, out_channels, 1)
        self.expansion_norm = make_norm(norm, out_channels)
        self.shortcut = make_shortcut(shortcut, in_channels, out_channels, stride, published_stride or stride, norm)

    def forward(self, x: Tensor) -> Tensor:
        shortcut = self.shortcut(x)
        x = self.act(self.reduction_norm(self.reduction(x)))
        x = self.channel_attention(self.act(self.norm(self.conv(x))))
        return self.act(shortcut + self.expansion_norm(self.expansion(x)))

    def residual_norms(self) -> list[nn.Module]:
        return [self.expansion_norm]

    @classmethod
    def channel_multiple(cls, argument: str, layer: LayerArguments) -> int:
        group_width = layer.group_width or 1
        if argument == "hidden":
            return group_width
        return 1 if layer.hidden else 4 * group_width

    @classmethod
    def tally(cls, tally: Tally, layer: LayerArguments) -> None:
        hidden, groups = middle(layer.out_channels, layer.hidden, layer.group_width)
        size, entering = same_conv_size(layer), tally.maps.hold()
        tally_shortcut(tally, layer, size)
        with tally.maps.beside():
            tally.maps.back_to(entering)
            tally.conv(layer.in_channels, hidden, 1, layer.in_size, norm=layer.norm)
            tally.conv(hidden, hidden, layer.kernel, size, groups=groups, norm=layer.norm)
            tally_channel_attention(tally, layer, size, channels=hidden)
            tally.conv(hidden, layer.out_channels, 1, size, norm=layer.norm)


def middle(out_channels: int, hidden: int | None, group_width: int | None) -> tuple[int, int]:
    """Channels and groups of the convolution in the middle."""
    hidden = hidden or out_channels // 4
    if group_width and hidden % group_width:
        raise ValueError(f"groups of {group_width} channels do not divide {hidden} channels")
    return hidden, hidden // group_width if group_width else 1
