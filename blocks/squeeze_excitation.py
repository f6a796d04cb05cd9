"""Squeeze-and-excitation (Hu et al. 2018, arXiv 1709.01507, section 3)."""

from __future__ import annotations

from typing import Literal

from torch import Tensor, nn

from blocks.arguments import Activation, Initialization
from blocks.block import LayerArguments
from blocks.components import initialize, make_activation
from blocks.registry import CHANNEL_ATTENTIONS
from blocks.rounding import round_channels
from blocks.tally import Tally


@CHANNEL_ATTENTIONS.register("se")
class SqueezeExcitation(nn.Module):
    """Weighs channels by a gate computed from their means: (N, channels, H, W) to the same.

    The hidden layer has `ratio` times the channels of the block's input (EfficientNet) or of the weighed map itself
    (`of: map`, MobileNetV3), rounded to `multiple`; 1 rounds down.
    """

    def __init__(
        self,
        *,
        channels: int,
        in_channels: int,
        ratio: float = 0.25,
        of: Literal["input", "map"] = "input",
        multiple: int = 1,
        act: Activation = "relu",
        gate: Activation = "sigmoid",
        init: Initialization = "he",
    ):
        super().__init__()
        squeezed = self.squeezed(channels, in_channels, ratio, of, multiple)
        self.reduce = nn.Conv2d(channels, squeezed, 1)
        self.act = make_activation(act)
        self.expand = nn.Conv2d(squeezed, channels, 1)
        self.gate = make_activation(gate)
        initialize(init, self.reduce, self.expand)

    def forward(self, x: Tensor) -> Tensor:
        weights = x.mean((2, 3), keepdim=True)
        return x * self.gate(self.expand(self.act(self.reduce(weights))))

    @staticmethod
    def squeezed(channels: int, in_channels: int, ratio: float, of: str, multiple: int) -> int:
        if not 0 < ratio <= 4:
            raise ValueError(f"se: ratio must lie above 0 and at most at 4, not {ratio:g}")
        count = (in_channels if of == "input" else channels) * ratio
        return max(1, int(count)) if multiple == 1 else round_channels(count, multiple)

    @classmethod
    def tally(cls, tally: Tally, layer: LayerArguments) -> None:
        squeezed = cls.squeezed(layer.channels, layer.in_channels, layer.ratio, layer.of, layer.multiple)
        with tally.maps.gate(layer.channels):
            tally.conv(layer.channels, squeezed, 1, 1, bias=True)
            tally.conv(squeezed, layer.channels, 1, 1, bias=True)
