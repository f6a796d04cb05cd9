"""Non-overlapping patches (Dosovitskiy et al. 2020, arXiv 2010.11929, section 3.1), the stem of isotropic networks."""

from __future__ import annotations

from typing import Any, ClassVar

from torch import Tensor, nn

from blocks.arguments import Activation, Initialization, Normalization
from blocks.block import Block, LayerArguments
from blocks.components import initialize, make_activation, make_norm
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
    def published_stride(cls, layer: LayerArguments) -> int:
        return layer.stride if layer.stride > 1 else layer.size

    @classmethod
    def output_size(cls, layer: LayerArguments) -> int:
        return (layer.in_size + 2 * ((layer.size - layer.stride) // 2) - layer.size) // layer.stride + 1

    @classmethod
    def tally(cls, tally: Tally, layer: LayerArguments) -> None:
        check_stride(layer.stride, layer.size)
        tally.conv(
            layer.in_channels, layer.out_channels, layer.size, cls.output_size(layer), bias=True, norm=layer.norm
        )


def check_stride(stride: int, size: int) -> None:
    if stride > size:
        raise ValueError(f"a stride of {stride} skips pixels between patches of size {size}")
