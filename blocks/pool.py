"""Pooling between layers."""

from __future__ import annotations

from typing import Any, ClassVar, Literal

from torch import Tensor, nn

from blocks.arguments import Natural
from blocks.block import Block, LayerArguments
from blocks.conv import padding_of
from blocks.registry import register
from blocks.tally import Tally


@register("pool")
class Pool(Block):
    """The largest value or the mean of windows of `kernel` x `kernel` pixels; values outside of the map do not count.

    Padding is that of the block `conv` unless given. With `ceil`, a last window may reach over the border.
    """

    examples: ClassVar[tuple[dict[str, Any], ...]] = (
        {},
        {"kind": "mean", "kernel": 2},
        {"padding": 0, "ceil": True},
        {"kind": "mean", "ceil": True},
    )

    def __init__(
        self,
        *,
        in_channels: int,
        out_channels: int,
        stride: int = 1,
        kind: Literal["max", "mean"] = "max",
        kernel: int = 3,
        padding: Natural | None = None,
        ceil: bool = False,
    ):
        super().__init__()
        padding = checked_padding(in_channels, out_channels, stride, kernel, padding)
        self.pool: nn.Module
        if kind == "max":
            self.pool = nn.MaxPool2d(kernel, stride, padding, ceil_mode=ceil)
        else:
            self.pool = nn.AvgPool2d(kernel, stride, padding, ceil_mode=ceil, count_include_pad=False)

    def forward(self, x: Tensor) -> Tensor:
        return self.pool(x)

    @classmethod
    def output_size(cls, layer: LayerArguments) -> int:
        padding = padding_of(layer.kernel, layer.stride) if layer.padding is None else layer.padding
        beyond = layer.in_size + 2 * padding - layer.kernel
        if beyond < 0:
            return 0
        windows = beyond // layer.stride + 1
        one_more_starts_inside = windows * layer.stride < layer.in_size + padding
        return windows + 1 if layer.ceil and beyond % layer.stride and one_more_starts_inside else windows

    @classmethod
    def tally(cls, tally: Tally, layer: LayerArguments) -> None:
        checked_padding(layer.in_channels, layer.out_channels, layer.stride, layer.kernel, layer.padding)
        tally.maps.put(layer.out_channels * cls.output_size(layer) ** 2)


def checked_padding(in_channels: int, out_channels: int, stride: int, kernel: int, padding: int | None) -> int:
    """The padding, `padding` where given. Raises ValueError for what no pooling does."""
    if in_channels != out_channels:
        raise ValueError(f"pooling keeps the channels, so out must be {in_channels}, not {out_channels}")
    if padding is None:
        padding = padding_of(kernel, stride)
    if padding > kernel // 2:
        raise ValueError(f"padding must be at most half of the kernel {kernel}, not {padding}")
    return padding
