"""Dropout (Srivastava et al. 2014, Journal of Machine Learning Research 15)."""

from __future__ import annotations

from torch import Tensor, nn

from blocks.arguments import Probability
from blocks.block import Block, LayerArguments
from blocks.registry import register
from blocks.same_shape import check_same_shape
from blocks.tally import Tally


@register("dropout")
class Dropout(Block):
    """In training, each value becomes zero with probability `rate`, and the others grow so that the mean stays."""

    def __init__(self, *, in_channels: int, out_channels: int, stride: int = 1, rate: Probability = 0.2):
        super().__init__()
        check_same_shape("dropout", in_channels, out_channels, stride)
        self.dropout = nn.Dropout(rate)

    def forward(self, x: Tensor) -> Tensor:
        return self.dropout(x)

    @classmethod
    def tally(cls, tally: Tally, layer: LayerArguments) -> None:
        check_same_shape("dropout", layer.in_channels, layer.out_channels, layer.stride)
