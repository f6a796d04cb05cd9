"""The unit of ShuffleNetV2 (Ma et al. 2018, arXiv 1807.11164, section 4)."""

from __future__ import annotations

from typing import Any, ClassVar

from torch import Tensor, nn

from blocks.arguments import Activation, Initialization, Normalization
from blocks.block import Block
from blocks.channels import halves, interleave_halves, join
from blocks.components import Component, make_activation, make_norm, tally_norm
from blocks.conv import conv2d, same_conv_size, same_padding
from blocks.registry import register
from blocks.tally import Tally


@register("shuffle_unit")
class ShuffleUnit(Block):
    """Half of the channels stays, the other half is convolved (1x1, depthwise, 1x1); then both halves are interleaved.

    Where stride or channels change, both halves are computed from all channels, one of them by depthwise and 1x1
    convolution alone. `shuffle: false` leaves the halves side by side.
    """

    examples: ClassVar[tuple[dict[str, Any], ...]] = ({}, {"kernel": 5, "shuffle": False, "act": "hard_swish"})

    replicas = 1  # see `blocks.channels`

    def __init__(
        self,
        *,
        in_channels: int,
        out_channels: int,
        stride: int = 1,
        published_stride: int | None = None,
        kernel: int = 3,
        shuffle: bool = True,
        norm: Normalization | None = "batch_norm",
        act: Activation | None = "relu",
        init: Initialization = "he",
    ):
        super().__init__()
        same_padding(kernel)
        self.splits = splits(in_channels, out_channels, published_stride or stride)
        self.shuffle = shuffle
        half = out_channels // 2
        entering = half if self.splits else in_channels

        def pointwise(channels: int) -> list[nn.Module]:
            return [conv2d(channels, half, 1, init=init), make_norm(norm, half), make_activation(act)]

        def depthwise(channels: int) -> list[nn.Module]:
            conv = conv2d(channels, channels, kernel, stride=stride, groups=channels, init=init)
            return [conv, make_norm(norm, channels)]

        self.short = nn.Sequential(*([] if self.splits else depthwise(in_channels) + pointwise(in_channels)))
        self.long = nn.Sequential(*pointwise(entering), *depthwise(half), *pointwise(half))

    def forward(self, x: Tensor) -> Tensor:
        short, long = halves(x, self.replicas) if self.splits else (x, x)
        x = join((self.short(short), self.long(long)), self.replicas)
        return interleave_halves(x, self.replicas) if self.shuffle else x

    @classmethod
    def channel_multiple(cls, argument: str, arguments: dict[str, Any]) -> int:
        return 2

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
        norm: Component,
        **arguments: Any,
    ) -> None:
        half, after = out_channels // 2, same_conv_size(size, kernel, stride)
        entering = half
        if not splits(in_channels, out_channels, published_stride or stride):
            entering = in_channels
            tally.conv(in_channels, in_channels, kernel, after, groups=in_channels)
            tally_norm(tally, norm, in_channels)
            tally.conv(in_channels, half, 1, after)
            tally_norm(tally, norm, half)
        tally.conv(entering, half, 1, size)
        tally.conv(half, half, kernel, after, groups=half)
        tally.conv(half, half, 1, after)
        for _ in range(3):
            tally_norm(tally, norm, half)


def splits(in_channels: int, out_channels: int, stride: int) -> bool:
    """Whether half of the channels stays. Raises ValueError where there are no halves."""
    if out_channels % 2:
        raise ValueError(f"the output is made of two halves, so its channels must be even, not {out_channels}")
    return stride == 1 and in_channels == out_channels
