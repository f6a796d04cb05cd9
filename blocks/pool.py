"""Pooling between layers."""

from __future__ import annotations

from typing import Any, ClassVar, Literal

from torch import Tensor, nn

from blocks.arguments import Natural
from blocks.block import Block
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
    def output_size(
        cls, size: int, /, *, stride: int, kernel: int, padding: int | None, ceil: bool, **arguments: Any
    ) -> int:
        if padding is None:
            padding = padding_of(kernel, stride)
        beyond = size + 2 * padding - kernel
        if beyond < 0:
            return 0
        windows = beyond // stride + 1
        one_more_starts_inside = windows * stride < size + padding
        return windows + 1 if ceil and beyond % stride and one_more_starts_inside else windows

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
        kernel: int,
        padding: int | None,
        **arguments: Any,
    ) -> None:
        checked_padding(in_channels, out_channels, stride, kernel, padding)


def checked_padding(in_channels: int, out_channels: int, stride: int, kernel: int, padding: int | None) -> int:
    """The padding, `padding` where given. Raises ValueError for what no pooling does."""
    if in_channels != out_channels:
        raise ValueError(f"pooling keeps the channels, so out must be {in_channels}, not {out_channels}")
    if padding is None:
        padding = padding_of(kernel, stride)
    if padding > kernel // 2:
        raise ValueError(f"padding must be at most half of the kernel {kernel}, not {padding}")
    return padding
