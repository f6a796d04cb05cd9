"""A normalisation by itself."""

from __future__ import annotations

from torch import Tensor

from blocks.arguments import Normalization
from blocks.block import Block, LayerArguments
from blocks.components import make_norm
from blocks.registry import register
from blocks.same_shape import check_same_shape
from blocks.tally import Tally


@register("norm")
class Norm(Block):
    """Normalisation between blocks that end without one: ConvNeXt before it downsamples, StarNet before its head."""

    def __init__(
        self, *, in_channels: int, out_channels: int, stride: int = 1, norm: Normalization | None = "batch_norm"
    ):
        super().__init__()
        check_same_shape("a normalisation", in_channels, out_channels, stride)
        self.norm = make_norm(norm, in_channels)

    def forward(self, x: Tensor) -> Tensor:
        return self.norm(x)

    @classmethod
    def tally(cls, tally: Tally, layer: LayerArguments) -> None:
        check_same_shape("a normalisation", layer.in_channels, layer.out_channels, layer.stride)
        tally.norm(layer.norm, layer.in_channels)
