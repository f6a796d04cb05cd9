"""The bottleneck of GhostNet, V1 to V3; papers in `blocks.ghost_module`."""

from __future__ import annotations

from typing import Any, ClassVar

from torch import Tensor, nn

from blocks.arguments import Activation, ChannelAttention, Initialization
from blocks.block import Block, LayerArguments
from blocks.components import make_channel_attention, make_norm, tally_channel_attention
from blocks.conv import conv2d, same_conv_size, same_padding
from blocks.ghost_module import GhostModule, branched_conv, tally_branched_conv
from blocks.inverted_residual import expanded
from blocks.multi_branch_conv import BATCH_NORM, with_merged_branches
from blocks.registry import register
from blocks.tally import Tally


@register("ghost_bottleneck")
class GhostBottleneck(Block):
    """A ghost module expands to `hidden` channels (or `expand` times the input's), a linear one projects; added to a shortcut.

    A depthwise convolution stands between them where the block strides; then, or where channels change, the shortcut is a
    depthwise and a 1x1 convolution. V1: as it stands. V2: `gate`, for the first module. V3: `gate` and `branches: 3`.
    """

    channel_arguments: ClassVar[tuple[str, ...]] = ("hidden",)
    examples: ClassVar[tuple[dict[str, Any], ...]] = (
        {"expand": 2},
        {"hidden": 24, "kernel": 5, "gate": True, "channel_attention": {"se": {"of": "map", "multiple": 4}}},
        {"hidden": 25, "branches": 3, "gate": True},
    )

    def __init__(
        self,
        *,
        in_channels: int,
        out_channels: int,
        stride: int = 1,
        published_stride: int | None = None,
        kernel: int = 3,
        expand: float = 6.0,
        hidden: int | None = None,
        branches: int = 0,
        gate: bool = False,
        channel_attention: ChannelAttention | None = None,
        act: Activation | None = "relu",
        init: Initialization = "he",
    ):
        super().__init__()
        same_padding(kernel)
        hidden = expanded(in_channels, expand, hidden, 1)
        strided = (published_stride or stride) > 1
        self.expansion = GhostModule(
            in_channels=in_channels, out_channels=hidden, branches=branches, gate=gate, act=act, init=init
        )
        self.depthwise = (
            branched_conv(hidden, hidden, kernel, stride=stride, groups=hidden, branches=branches, init=init)
            if strided
            else nn.Identity()
        )
        self.channel_attention = make_channel_attention(channel_attention, channels=hidden, in_channels=in_channels)
        self.projection = GhostModule(
            in_channels=hidden, out_channels=out_channels, branches=branches, gate=False, act=None, init=init
        )
        self.residual = not strided and in_channels == out_channels
        shortcut = []
        if not self.residual:
            shortcut = [
                conv2d(in_channels, in_channels, kernel, stride=stride, groups=in_channels, init=init),
                make_norm(BATCH_NORM, in_channels),
                conv2d(in_channels, out_channels, 1, init=init),
                make_norm(BATCH_NORM, out_channels),
            ]
        self.shortcut = nn.Sequential(*shortcut)

    def forward(self, x: Tensor) -> Tensor:
        y = self.channel_attention(self.depthwise(self.expansion(x)))
        return self.projection(y) + self.shortcut(x)

    def fuse(self) -> nn.Module:
        return with_merged_branches(self)

    def residual_norms(self) -> list[nn.Module]:
        if not self.residual:
            return []
        return [module for module in self.projection.modules() if isinstance(module, nn.BatchNorm2d)]

    @classmethod
    def tally(cls, tally: Tally, layer: LayerArguments) -> None:
        in_channels, out_channels, branches = layer.in_channels, layer.out_channels, layer.branches
        hidden = expanded(in_channels, layer.expand, layer.hidden, 1)
        strided = layer.published_stride > 1
        size, entering = same_conv_size(layer), tally.maps.hold()
        GhostModule.tally(tally, in_channels, hidden, layer.in_size, branches=branches, gate=layer.gate)
        if strided:
            tally_branched_conv(tally, hidden, hidden, layer.kernel, size, groups=hidden, branches=branches)
        tally_channel_attention(tally, layer, size, channels=hidden)
        GhostModule.tally(tally, hidden, out_channels, size, branches=branches, gate=False)
        with tally.maps.beside():
            tally.maps.back_to(entering)
            if strided or in_channels != out_channels:
                tally.depthwise(in_channels, layer.kernel, size, norm=BATCH_NORM)
                tally.conv(in_channels, out_channels, 1, size, norm=BATCH_NORM)
