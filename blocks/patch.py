"""Non-overlapping patches (Dosovitskiy et al. 2020, arXiv 2010.11929, section 3.1), the stem of isotropic networks."""

from __future__ import annotations

from typing import Any, ClassVar

from torch import Tensor, nn

from blocks.arguments import Activation, Initialization, Normalization
from blocks.block import Block
from blocks.components import Component, initialize, make_activation, make_norm, tally_norm
from blocks.registry import register
from blocks.tally import Tally


@register("patch")
class Patch(Block):
    """Convolution over patches of `size` x `size` pixels, then activation, then normalisation.

    It strides by `size`, unless the layer's `stride` is above 1. Where a small input makes the stride smaller, the kernel
    stays and patches overlap.
    """

    examples: ClassVar[tuple[dict[str, Any], ...]] = (
        {"size": 4},
        {"size": 3, "norm": "layer_norm", "act": None, "init": {"normal": {"std": 0.02}}},
    )

    def __init__(
        self,
        *,
        in_channels: int,
        out_channels: int,
        stride: int = 1,
        size: int,
        norm: Normalization | None = "batch_norm",
        act: Activation | None = "gelu",
        init: Initialization = "torch",
    ):
        super().__init__()
        check_stride(stride, size)
        self.conv = nn.Conv2d(in_channels, out_channels, size, stride, padding=(size - stride) // 2)
        initialize(init, self.conv)
        self.act = make_activation(act)
        self.norm = make_norm(norm, out_channels)

    def forward(self, x: Tensor) -> Tensor:
        return self.norm(self.act(self.conv(x)))

    @classmethod
    def published_stride(cls, stride: int, arguments: dict[str, Any]) -> int:
        return stride if stride > 1 else arguments["size"]

    @classmethod
    def output_size(cls, pixels: int, /, *, stride: int, size: int, **arguments: Any) -> int:
        return (pixels + 2 * ((size - stride) // 2) - size) // stride + 1

    @classmethod
    def tally(
        cls,
        tally: Tally,
        pixels: int,
        /,
        *,
        in_channels: int,
        out_channels: int,
        stride: int,
        size: int,
        norm: Component,
        **arguments: Any,
    ) -> None:
        check_stride(stride, size)
        pixels = cls.output_size(pixels, stride=stride, size=size)
        tally.conv(in_channels, out_channels, size, pixels, bias=True)
        tally_norm(tally, norm, out_channels)


def check_stride(stride: int, size: int) -> None:
    if stride > size:
        raise ValueError(f"a stride of {stride} skips pixels between patches of size {size}")
