"""The mean over the whole map (Lin et al. 2013, arXiv 1312.4400, section 3.2)."""

from __future__ import annotations

from torch import Tensor

from blocks.block import Block, LayerArguments
from blocks.registry import register
from blocks.tally import Tally


@register("mean")
class Mean(Block):
    """The mean of all pixels, whatever the size of the map: one pixel is left. For a head that is a list of layers."""

    def __init__(self, *, in_channels: int, out_channels: int, stride: int = 1):
        super().__init__()
        check_averaged(in_channels, out_channels, stride)

    def forward(self, x: Tensor) -> Tensor:
        return x.mean((2, 3), keepdim=True)

    @classmethod
    def output_size(cls, layer: LayerArguments) -> int:
        return 1

    @classmethod
    def tally(cls, tally: Tally, layer: LayerArguments) -> None:
        check_averaged(layer.in_channels, layer.out_channels, layer.stride)
        tally.maps.put(layer.out_channels)


def check_averaged(in_channels: int, out_channels: int, stride: int) -> None:
    if stride != 1 or in_channels != out_channels:
        raise ValueError("a mean over the map keeps the channels and has no stride")
