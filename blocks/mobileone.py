"""The block of MobileOne (Vasu et al. 2022, arXiv 2206.04040, section 3.2)."""

from __future__ import annotations

from typing import Any, ClassVar

from torch import Tensor, nn

from blocks.arguments import Activation, ChannelAttention, Initialization
from blocks.block import Block, LayerArguments
from blocks.components import tally_channel_attention
from blocks.conv import conv_size
from blocks.multi_branch_conv import MultiBranchConv, kernels_of, tally_branches, with_merged_branches
from blocks.registry import register
from blocks.tally import Tally


@register("mobileone")
class MobileOne(Block):
    """Depthwise, then 1x1 convolution, each trained as parallel branches: `branches` convolutions, a 1x1 one, the input."""

    examples: ClassVar[tuple[dict[str, Any], ...]] = ({}, {"kernel": 5, "branches": 1, "channel_attention": "se"})

    def __init__(
        self,
        *,
        in_channels: int,
        out_channels: int,
        stride: int = 1,
        published_stride: int | None = None,
        kernel: int = 3,
        branches: int = 4,
        channel_attention: ChannelAttention | None = None,
        act: Activation | None = "relu",
        init: Initialization = "he",
    ):
        super().__init__()
        self.depthwise = MultiBranchConv(
            in_channels=in_channels,
            out_channels=in_channels,
            stride=stride,
            published_stride=published_stride,
            kernel=kernel,
            groups=in_channels,
            branches=branches,
            channel_attention=channel_attention,
            act=act,
            init=init,
        )
        self.pointwise = MultiBranchConv(
            in_channels=in_channels,
            out_channels=out_channels,
            kernel=1,
            branches=branches,
            channel_attention=channel_attention,
            act=act,
            init=init,
        )

    def forward(self, x: Tensor) -> Tensor:
        return self.pointwise(self.depthwise(x))

    def fuse(self) -> nn.Module:
        return with_merged_branches(self)

    def residual_norms(self) -> list[nn.Module]:
        return self.depthwise.residual_norms() + self.pointwise.residual_norms()

    @classmethod
    def output_size(cls, layer: LayerArguments) -> int:
        return conv_size(layer)

    @classmethod
    def tally(cls, tally: Tally, layer: LayerArguments) -> None:
        in_channels, out_channels, size = layer.in_channels, layer.out_channels, cls.output_size(layer)
        kernels, skip = kernels_of(layer.kernel, layer.branches), layer.published_stride == 1
        tally_branches(tally, in_channels, in_channels, kernels, size, groups=in_channels, skip=skip)
        tally_channel_attention(tally, layer, size, channels=in_channels)
        kernels, skip = kernels_of(1, layer.branches), in_channels == out_channels
        tally_branches(tally, in_channels, out_channels, kernels, size, skip=skip)
        tally_channel_attention(tally, layer, size, channels=out_channels)
