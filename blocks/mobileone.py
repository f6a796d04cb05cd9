"""The block of MobileOne (Vasu et al. 2022, arXiv 2206.04040, section 3.2)."""

from __future__ import annotations

from typing import Any, ClassVar

from torch import Tensor, nn

from blocks.arguments import Activation, ChannelAttention, Initialization
from blocks.block import Block
from blocks.components import Component
from blocks.conv import conv_size
from blocks.multi_branch_conv import MultiBranchConv, with_merged_branches
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
    def output_size(cls, size: int, /, *, stride: int, kernel: int, **arguments: Any) -> int:
        return conv_size(size, kernel, stride)

    @classmethod
    def tally(
        cls,
        tally: Tally,
        size: int,
        /,
        *,
        in_channels: int,
        out_channels: int,
        stride: int,
        published_stride: int | None = None,
        kernel: int,
        branches: int,
        channel_attention: Component,
        **arguments: Any,
    ) -> None:
        MultiBranchConv.tally(
            tally,
            size,
            in_channels=in_channels,
            out_channels=in_channels,
            stride=stride,
            published_stride=published_stride,
            kernel=kernel,
            groups=in_channels,
            branches=branches,
            channel_attention=channel_attention,
        )
        MultiBranchConv.tally(
            tally,
            conv_size(size, kernel, stride),
            in_channels=in_channels,
            out_channels=out_channels,
            stride=1,
            kernel=1,
            branches=branches,
            channel_attention=channel_attention,
        )
