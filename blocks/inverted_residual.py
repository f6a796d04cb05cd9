"""The inverted residual of MobileNetV2 (Sandler et al. 2018, arXiv 1801.04381, section 3.3) and its descendants."""

from __future__ import annotations

import math
from typing import Any, ClassVar

from torch import Tensor, nn

from blocks.arguments import Activation, ChannelAttention, Kernels, Normalization, Probability
from blocks.block import Block, LayerArguments
from blocks.components import (
    make_activation,
    make_channel_attention,
    make_norm,
    tally_channel_attention,
)
from blocks.conv import conv2d, same_padding
from blocks.depthwise import make_depthwise, tally_depthwise
from blocks.drop_path import DropPath
from blocks.registry import register
from blocks.rounding import round_channels
from blocks.tally import Tally


@register("inverted_residual")
class InvertedResidual(Block):
    """1x1 expansion, depthwise convolution, channel attention, linear 1x1 projection; added to the input where shapes allow.

    The expansion is `expand` times the input's channels, or `hidden` channels. One by 1 has no convolution, unless
    `always_expand` (FBNet, MnasNet). `groups` divide both 1x1 convolutions; `expansion_groups` and `projection_groups`, where
    given, one of them. With `skip: false` nothing is added.

    The depthwise convolution has one `kernel` or a list of them, each for its share of the channels (MixNet, Tan and Le 2019,
    arXiv 1907.09595), or groups of `group_width` channels (RegNetZ, Dollar et al. 2021, arXiv 2103.06877). `start_kernel` is
    that of a linear depthwise convolution before the expansion, which strides where `kernel` is `none` (MobileNetV4's universal
    inverted bottleneck, Qin et al. 2024, arXiv 2404.10518, section 3).

    With `fused`, one convolution by `kernel` stands for the expansion and the depthwise convolution; where the expansion is 1,
    it is all that there is (EfficientNetV2, Tan and Le 2021, arXiv 2104.00298, section 3.2). `same`: see `conv`.
    """

    channel_arguments: ClassVar[tuple[str, ...]] = ("hidden",)
    group_arguments: ClassVar[tuple[str, ...]] = ("groups", "expansion_groups")
    examples: ClassVar[tuple[dict[str, Any], ...]] = (
        {},
        {"kernel": 5, "expand": 1, "channel_attention": "se", "drop_path": 0.2},
        {"hidden": 24, "groups": 2, "channel_attention": {"se": {"of": "map", "multiple": 8}}, "act": "hard_swish"},
        {"expand": 1, "always_expand": True, "channel_attention": "eca"},
        {"kernel": [3, 5, 7], "expand": 4, "expansion_groups": 2, "projection_groups": 4, "channel_attention": "se"},
        {"group_width": 8, "expand": 3, "skip": False},
        {"start_kernel": 5, "expand": 2},
        {"start_kernel": 3, "kernel": None, "channel_attention": "se"},
        {"fused": True, "expand": 4, "channel_attention": "se", "groups": 2},
        {"fused": True, "expand": 1, "act": "silu", "same": True},
        {"kernel": [3, 5], "start_kernel": 3, "same": True},
    )

    def __init__(
        self,
        *,
        in_channels: int,
        out_channels: int,
        stride: int = 1,
        kernel: Kernels | None = 3,
        start_kernel: int | None = None,
        expand: float = 6.0,
        hidden: int | None = None,
        always_expand: bool = False,
        fused: bool = False,
        groups: int = 1,
        expansion_groups: int | None = None,
        projection_groups: int | None = None,
        group_width: int | None = None,
        skip: bool = True,
        same: bool = False,
        channel_attention: ChannelAttention | None = None,
        drop_path: Probability = 0.0,
        norm: Normalization | None = "batch_norm",
        act: Activation | None = "relu6",
    ):
        super().__init__()
        check_form(kernel, start_kernel, stride, fused, group_width)
        entering, leaving = expansion_groups or groups, projection_groups or groups
        hidden = expanded(in_channels, expand, hidden, math.lcm(entering, leaving, group_width or 1))
        expands = hidden != in_channels or always_expand
        projects = expands or not fused
        weighed = hidden if projects else out_channels
        self.start, self.expansion = nn.Sequential(), nn.Sequential()
        if start_kernel:
            start = make_depthwise(in_channels, start_kernel, 1 if kernel else stride, same=same)
            self.start.extend([start, make_norm(norm, in_channels)])
        if expands or fused:
            convolved = {"kernel": kernel, "stride": stride, "same": same} if fused else {"kernel": 1}
            conv = conv2d(in_channels, weighed, **convolved, groups=entering)
            self.expansion.extend([conv, make_norm(norm, weighed), make_activation(act)])
        self.depthwise: nn.Module = nn.Identity()
        self.depthwise_norm: nn.Module = nn.Identity()
        self.act: nn.Module = nn.Identity()
        if kernel and not fused:
            self.depthwise = make_depthwise(hidden, kernel, stride, group_width=group_width, same=same)
            self.depthwise_norm = make_norm(norm, hidden)
            self.act = make_activation(act)
        self.channel_attention = make_channel_attention(channel_attention, channels=weighed, in_channels=in_channels)
        self.projection: nn.Module = nn.Identity()
        self.projection_norm: nn.Module = nn.Identity()
        if projects:
            self.projection = conv2d(hidden, out_channels, 1, groups=leaving)
            self.projection_norm = make_norm(norm, out_channels)
        self.drop_path = DropPath(drop_path)
        self.residual = skip and stride == 1 and in_channels == out_channels

    def forward(self, x: Tensor) -> Tensor:
        y = self.act(self.depthwise_norm(self.depthwise(self.expansion(self.start(x)))))
        y = self.projection_norm(self.projection(self.channel_attention(y)))
        return x + self.drop_path(y) if self.residual else y

    def residual_norms(self) -> list[nn.Module]:
        if not self.residual:
            return []
        projects = not isinstance(self.projection, nn.Identity)
        return [self.projection_norm if projects else self.expansion[1]]

    @classmethod
    def channel_multiple(cls, argument: str, layer: LayerArguments) -> int:
        multiple = math.lcm(layer.expansion_groups or layer.groups, layer.projection_groups or layer.groups)
        return math.lcm(multiple, layer.group_width or 1) if argument == "hidden" else multiple

    @classmethod
    def tally(cls, tally: Tally, layer: LayerArguments) -> None:
        kernel, norm, size = layer.kernel, layer.norm, cls.output_size(layer)
        check_form(kernel, layer.start_kernel, layer.stride, layer.fused, layer.group_width)
        entering, leaving = layer.expansion_groups or layer.groups, layer.projection_groups or layer.groups
        multiple = cls.channel_multiple("hidden", layer)
        hidden = expanded(layer.in_channels, layer.expand, layer.hidden, multiple)
        expands = hidden != layer.in_channels or layer.always_expand
        projects = expands or not layer.fused
        weighed = hidden if projects else layer.out_channels
        before = layer.in_size if kernel else size
        with tally.maps.beside(layer.skip and layer.stride == 1 and layer.in_channels == layer.out_channels):
            if layer.start_kernel:
                tally_depthwise(tally, layer.in_channels, layer.start_kernel, before, norm=norm)
            if layer.fused:
                tally.conv(layer.in_channels, weighed, kernel, size, groups=entering, norm=norm)
            elif expands:
                tally.conv(layer.in_channels, hidden, 1, before, groups=entering, norm=norm)
            if kernel and not layer.fused:
                tally_depthwise(tally, hidden, kernel, size, group_width=layer.group_width, norm=norm)
            tally_channel_attention(tally, layer, size, channels=weighed)
            if projects:
                tally.conv(hidden, layer.out_channels, 1, size, groups=leaving, norm=norm)


def check_form(
    kernel: int | list[int] | None, start_kernel: int | None, stride: int, fused: bool, group_width: int | None
) -> None:
    """Raises ValueError for arguments that contradict each other."""
    for each in (start_kernel, *(kernel if isinstance(kernel, list) else [kernel])):
        if each:
            same_padding(each)
    if not kernel and not start_kernel and stride > 1:
        raise ValueError(f"without kernel and start_kernel there is nothing that could have the stride {stride}")
    if (fused or group_width) and not isinstance(kernel, int):
        raise ValueError(f"{'fused' if fused else 'group_width'} needs one kernel, not {kernel or 'none'}")
    if fused and group_width:
        raise ValueError("a fused block has no depthwise convolution for group_width; give groups")


def expanded(in_channels: int, expand: float, hidden: int | None, groups: int) -> int:
    """Channels after the expansion."""
    return hidden or round_channels(in_channels * expand, groups)
