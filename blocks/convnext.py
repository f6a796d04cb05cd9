"""The block of ConvNeXt (Liu et al. 2022, arXiv 2201.03545, section 2)."""

from __future__ import annotations

from typing import Any, ClassVar

import torch
from torch import Tensor, nn

from blocks.arguments import Activation, ChannelAttention, Normalization
from blocks.block import Block, LayerArguments
from blocks.components import make_activation, make_channel_attention, make_norm, tally_channel_attention
from blocks.conv import same_conv_size, same_padding
from blocks.grn import GlobalResponseNorm
from blocks.initialization import normal
from blocks.registry import register
from blocks.rounding import round_channels
from blocks.tally import Tally

INIT_STD = 0.02


@register("convnext")
class ConvNeXt(Block):
    """Depthwise convolution, normalisation, 1x1 expansion, activation, 1x1 projection, each channel scaled; added to the input.

    The scales start at `layer_scale`, and weights normal with standard deviation 0.02 (appendix A.1). Where stride or
    channels change nothing is added. With `grn`, the expanded channels are normalised by their global response (ConvNeXt V2,
    arXiv 2301.00808, which has `layer_scale: none`); channel attention weighs them before they are projected.
    """

    examples: ClassVar[tuple[dict[str, Any], ...]] = (
        {},
        {"kernel": 5, "grn": True, "layer_scale": None},
        {"grn": True, "channel_attention": "se"},
        {"channel_attention": "eca", "norm": "batch_norm"},
    )

    def __init__(
        self,
        *,
        in_channels: int,
        out_channels: int,
        stride: int = 1,
        kernel: int = 7,
        expand: float = 4.0,
        layer_scale: float | None = 1e-6,
        grn: bool = False,
        channel_attention: ChannelAttention | None = None,
        norm: Normalization | None = "layer_norm",
        act: Activation | None = "gelu",
    ):
        super().__init__()
        hidden = round_channels(in_channels * expand, 1)
        padding = same_padding(kernel)
        self.depthwise = nn.Conv2d(in_channels, in_channels, kernel, stride, padding, groups=in_channels)
        self.norm = make_norm(norm, in_channels)
        self.expansion = nn.Conv2d(in_channels, hidden, 1)
        self.act = make_activation(act)
        self.grn = GlobalResponseNorm(hidden) if grn else nn.Identity()
        self.channel_attention = make_channel_attention(channel_attention, channels=hidden, in_channels=in_channels)
        self.projection = nn.Conv2d(hidden, out_channels, 1)
        for conv in (self.depthwise, self.expansion, self.projection):
            normal(conv, std=INIT_STD)
        scales = None if layer_scale is None else nn.Parameter(torch.full((out_channels, 1, 1), layer_scale))
        self.register_parameter("layer_scale", scales)
        self.residual = stride == 1 and in_channels == out_channels

    def forward(self, x: Tensor) -> Tensor:
        y = self.grn(self.act(self.expansion(self.norm(self.depthwise(x)))))
        y = self.projection(self.channel_attention(y))
        if self.layer_scale is not None:
            y = y * self.layer_scale
        return x + y if self.residual else y

    @classmethod
    def tally(cls, tally: Tally, layer: LayerArguments) -> None:
        hidden = round_channels(layer.in_channels * layer.expand, 1)
        size = same_conv_size(layer)
        tally.parameters(0 if layer.layer_scale is None else layer.out_channels)
        with tally.maps.beside(layer.stride == 1 and layer.in_channels == layer.out_channels):
            tally.depthwise(layer.in_channels, layer.kernel, size, bias=True, norm=layer.norm)
            tally.conv(layer.in_channels, hidden, 1, size, bias=True)
            if layer.grn:
                GlobalResponseNorm.tally(tally, hidden, size)
            tally_channel_attention(tally, layer, size, channels=hidden)
            tally.conv(hidden, layer.out_channels, 1, size, bias=True)
