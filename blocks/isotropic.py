"""The layer of ConvMixer (Trockman and Kolter 2022, arXiv 2201.09792, section 2)."""

from __future__ import annotations

from torch import Tensor, nn

from blocks.arguments import Activation, Normalization
from blocks.block import Block, LayerArguments
from blocks.components import make_activation, make_norm
from blocks.conv import same_conv_size, same_padding
from blocks.registry import register
from blocks.tally import Tally


@register("isotropic")
class Isotropic(Block):
    """Depthwise convolution added to its input, then a 1x1 convolution; activation and normalisation follow each.

    With a stride above 1 nothing is added. Weights start as torch's do.
    """

    def __init__(
        self,
        *,
        in_channels: int,
        out_channels: int,
        stride: int = 1,
        kernel: int = 5,
        norm: Normalization | None = "batch_norm",
        act: Activation | None = "gelu",
    ):
        super().__init__()
        padding = same_padding(kernel)
        self.depthwise = nn.Conv2d(in_channels, in_channels, kernel, stride, padding, groups=in_channels)
        self.depthwise_act = make_activation(act)
        self.depthwise_norm = make_norm(norm, in_channels)
        self.pointwise = nn.Conv2d(in_channels, out_channels, 1)
        self.pointwise_act = make_activation(act)
        self.pointwise_norm = make_norm(norm, out_channels)
        self.residual = stride == 1

    def forward(self, x: Tensor) -> Tensor:
        y = self.depthwise_norm(self.depthwise_act(self.depthwise(x)))
        y = x + y if self.residual else y
        return self.pointwise_norm(self.pointwise_act(self.pointwise(y)))

    def residual_norms(self) -> list[nn.Module]:
        return [self.depthwise_norm] if self.residual else []

    @classmethod
    def tally(cls, tally: Tally, layer: LayerArguments) -> None:
        size = same_conv_size(layer)
        with tally.maps.beside(layer.stride == 1):
            tally.depthwise(layer.in_channels, layer.kernel, size, bias=True, norm=layer.norm)
        tally.conv(layer.in_channels, layer.out_channels, 1, size, bias=True, norm=layer.norm)
