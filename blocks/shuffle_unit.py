"""The unit of ShuffleNetV2 (Ma et al. 2018, arXiv 1807.11164, section 4)."""

from __future__ import annotations

from typing import Any, ClassVar

import torch
from torch import Tensor, nn

from blocks.arguments import Activation, ChannelAttention, Initialization, Normalization
from blocks.block import Block, LayerArguments
from blocks.components import make_activation, make_channel_attention, make_norm, tally_channel_attention
from blocks.conv import conv2d, same_conv_size, same_padding
from blocks.registry import register
from blocks.tally import Tally


@register("shuffle_unit")
class ShuffleUnit(Block):
    """Half of the channels stays, the other half is convolved (1x1, depthwise, 1x1); then both halves are interleaved.

    Where stride or channels change, both halves are computed from all channels, one of them by depthwise and 1x1
    convolution alone. Channel attention weighs the convolved half before they are joined (ShuffleNetV2+, the authors' code).
    `shuffle: false` leaves the halves side by side.
    """

    examples: ClassVar[tuple[dict[str, Any], ...]] = (
        {},
        {"kernel": 5, "shuffle": False, "act": "hard_swish"},
        {"channel_attention": {"se": {"of": "map"}}},
        {"channel_attention": "eca"},
    )

    def __init__(
        self,
        *,
        in_channels: int,
        out_channels: int,
        stride: int = 1,
        published_stride: int | None = None,
        kernel: int = 3,
        shuffle: bool = True,
        channel_attention: ChannelAttention | None = None,
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
        self.channel_attention = make_channel_attention(channel_attention, channels=half, in_channels=in_channels)

    def forward(self, x: Tensor) -> Tensor:
        short, long = x.chunk(2, dim=1) if self.splits else (x, x)
        x = torch.cat((self.short(short), self.channel_attention(self.long(long))), dim=1)
        return interleave_halves(x) if self.shuffle else x

    @classmethod
    def channel_multiple(cls, argument: str, layer: LayerArguments) -> int:
        return 2

    @classmethod
    def tally(cls, tally: Tally, layer: LayerArguments) -> None:
        in_channels, half = layer.in_channels, layer.out_channels // 2
        after = same_conv_size(layer)
        entering, whole = half, tally.maps.hold()
        short = whole
        if not splits(in_channels, layer.out_channels, layer.published_stride):
            entering = in_channels
            tally.depthwise(in_channels, layer.kernel, after, norm=layer.norm)
            tally.conv(in_channels, half, 1, after, norm=layer.norm)
            short = tally.maps.hold()
            tally.maps.back_to(whole)
        tally.conv(entering, half, 1, layer.in_size, norm=layer.norm)
        tally.depthwise(half, layer.kernel, after, norm=layer.norm)
        tally.conv(half, half, 1, after, norm=layer.norm)
        tally_channel_attention(tally, layer, after, channels=half)
        tally.maps.put(layer.out_channels * after**2)
        tally.maps.release(short)


def interleave_halves(x: Tensor) -> Tensor:
    """(N, (2 C), H, W) to (N, (C 2), H, W): the channel shuffle of two groups; the memory format is kept."""
    if x.is_contiguous(memory_format=torch.channels_last):
        pixels = x.permute(0, 2, 3, 1).unflatten(-1, (2, -1))  # (N, H, W, 2, C)
        return pixels.transpose(-1, -2).flatten(-2).permute(0, 3, 1, 2)
    return x.unflatten(1, (2, -1)).transpose(1, 2).flatten(1, 2)


def splits(in_channels: int, out_channels: int, stride: int) -> bool:
    """Whether half of the channels stays. Raises ValueError where there are no halves."""
    if out_channels % 2:
        raise ValueError(f"the output is made of two halves, so its channels must be even, not {out_channels}")
    return stride == 1 and in_channels == out_channels
