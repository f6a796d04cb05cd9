"""The block of StarNet (Ma et al. 2024, arXiv 2403.19967, section 3.4)."""

from __future__ import annotations

from torch import Tensor, nn

from blocks.arguments import Activation, Normalization
from blocks.block import Block, LayerArguments
from blocks.components import make_activation, make_norm
from blocks.conv import same_conv_size, same_padding
from blocks.registry import register
from blocks.rounding import round_channels
from blocks.tally import Tally

INIT_STD = 0.02


@register("star")
class Star(Block):
    """Two 1x1 expansions of a depthwise convolution, multiplied, then projected and convolved again; added to the input.

    One of the factors is activated. Weights start normal with standard deviation 0.02, biases as torch's do (the authors'
    code). Where stride or channels change nothing is added.
    """

    def __init__(
        self,
        *,
        in_channels: int,
        out_channels: int,
        stride: int = 1,
        kernel: int = 7,
        expand: float = 4.0,
        norm: Normalization | None = "batch_norm",
        act: Activation | None = "relu6",
    ):
        super().__init__()
        hidden = round_channels(in_channels * expand, 1)
        padding = same_padding(kernel)
        self.depthwise = nn.Conv2d(in_channels, in_channels, kernel, stride, padding, groups=in_channels)
        self.depthwise_norm = make_norm(norm, in_channels)
        self.activated = nn.Conv2d(in_channels, hidden, 1)
        self.linear = nn.Conv2d(in_channels, hidden, 1)
        self.act = make_activation(act)
        self.projection = nn.Conv2d(hidden, out_channels, 1)
        self.projection_norm = make_norm(norm, out_channels)
        self.last_depthwise = nn.Conv2d(out_channels, out_channels, kernel, 1, padding, groups=out_channels)
        for conv in (self.depthwise, self.activated, self.linear, self.projection, self.last_depthwise):
            nn.init.normal_(conv.weight, 0.0, INIT_STD)
        self.residual = stride == 1 and in_channels == out_channels

    def forward(self, x: Tensor) -> Tensor:
        y = self.depthwise_norm(self.depthwise(x))
        y = self.act(self.activated(y)) * self.linear(y)
        y = self.last_depthwise(self.projection_norm(self.projection(y)))
        return x + y if self.residual else y

    def residual_norms(self) -> list[nn.Module]:
        return [self.projection_norm] if self.residual else []

    @classmethod
    def tally(cls, tally: Tally, layer: LayerArguments) -> None:
        hidden = round_channels(layer.in_channels * layer.expand, 1)
        size = same_conv_size(layer)
        residual = layer.stride == 1 and layer.in_channels == layer.out_channels
        with tally.maps.beside(residual):
            tally.depthwise(layer.in_channels, layer.kernel, size, bias=True, norm=layer.norm)
            seen = tally.maps.hold()
            tally.conv(layer.in_channels, hidden, 1, size, bias=True)
            with tally.maps.beside():
                tally.maps.back_to(seen)
                tally.conv(layer.in_channels, hidden, 1, size, bias=True)
            tally.conv(hidden, layer.out_channels, 1, size, bias=True, norm=layer.norm)
            tally.depthwise(layer.out_channels, layer.kernel, size, bias=True)
