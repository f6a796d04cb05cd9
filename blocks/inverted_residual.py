"""The inverted residual of MobileNetV2 (Sandler et al. 2018, arXiv 1801.04381, section 3.3) and its descendants."""

from __future__ import annotations

from typing import Any, ClassVar

from torch import Tensor, nn

from blocks.arguments import Activation, ChannelAttention, Normalization, Probability
from blocks.block import Block, LayerArguments
from blocks.components import (
    make_activation,
    make_channel_attention,
    make_norm,
    tally_channel_attention,
)
from blocks.conv import conv2d, same_conv_size, same_padding
from blocks.drop_path import DropPath
from blocks.registry import register
from blocks.rounding import round_channels
from blocks.tally import Tally


@register("inverted_residual")
class InvertedResidual(Block):
    """1x1 expansion, depthwise convolution, channel attention, linear 1x1 projection; added to the input where shapes allow.

    The expansion is `expand` times the input's channels, or `hidden` channels. One by 1 has no convolution, unless
    `always_expand` (FBNet, MnasNet). `groups` divide both 1x1 convolutions.
    """

    channel_arguments: ClassVar[tuple[str, ...]] = ("hidden",)
    group_arguments: ClassVar[tuple[str, ...]] = ("groups",)
    examples: ClassVar[tuple[dict[str, Any], ...]] = (
        {},
        {"kernel": 5, "expand": 1, "channel_attention": "se", "drop_path": 0.2},
        {"hidden": 24, "groups": 2, "channel_attention": {"se": {"of": "map", "multiple": 8}}, "act": "hard_swish"},
        {"expand": 1, "always_expand": True, "channel_attention": "eca"},
    )

    def __init__(
        self,
        *,
        in_channels: int,
        out_channels: int,
        stride: int = 1,
        kernel: int = 3,
        expand: float = 6.0,
        hidden: int | None = None,
        always_expand: bool = False,
        groups: int = 1,
        channel_attention: ChannelAttention | None = None,
        drop_path: Probability = 0.0,
        norm: Normalization | None = "batch_norm",
        act: Activation | None = "relu6",
    ):
        super().__init__()
        same_padding(kernel)
        hidden = expanded(in_channels, expand, hidden, groups)
        expansion = []
        if hidden != in_channels or always_expand:
            expansion = [conv2d(in_channels, hidden, 1, groups=groups), make_norm(norm, hidden), make_activation(act)]
        self.expansion = nn.Sequential(*expansion)
        self.depthwise = conv2d(hidden, hidden, kernel, stride=stride, groups=hidden)
        self.depthwise_norm = make_norm(norm, hidden)
        self.act = make_activation(act)
        self.channel_attention = make_channel_attention(channel_attention, channels=hidden, in_channels=in_channels)
        self.projection = conv2d(hidden, out_channels, 1, groups=groups)
        self.projection_norm = make_norm(norm, out_channels)
        self.drop_path = DropPath(drop_path)
        self.residual = stride == 1 and in_channels == out_channels

    def forward(self, x: Tensor) -> Tensor:
        y = self.act(self.depthwise_norm(self.depthwise(self.expansion(x))))
        y = self.projection_norm(self.projection(self.channel_attention(y)))
        return x + self.drop_path(y) if self.residual else y

    def residual_norms(self) -> list[nn.Module]:
        return [self.projection_norm] if self.residual else []

    @classmethod
    def channel_multiple(cls, argument: str, layer: LayerArguments) -> int:
        return layer.groups

    @classmethod
    def tally(cls, tally: Tally, layer: LayerArguments) -> None:
        hidden = expanded(layer.in_channels, layer.expand, layer.hidden, layer.groups)
        if hidden != layer.in_channels or layer.always_expand:
            tally.conv(layer.in_channels, hidden, 1, layer.in_size, groups=layer.groups, norm=layer.norm)
        size = same_conv_size(layer)
        tally.depthwise(hidden, layer.kernel, size, norm=layer.norm)
        tally_channel_attention(tally, layer, size, channels=hidden)
        tally.conv(hidden, layer.out_channels, 1, size, groups=layer.groups, norm=layer.norm)


def expanded(in_channels: int, expand: float, hidden: int | None, groups: int) -> int:
    """Channels after the expansion."""
    return hidden or round_channels(in_channels * expand, groups)
