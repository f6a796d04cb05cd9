"""The block of MobileViT (Mehta and Rastegari 2021, arXiv 2110.02178, section 3.1)."""

from __future__ import annotations

from typing import Any, ClassVar

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from blocks.arguments import Activation, Normalization, Probability
from blocks.block import Block, LayerArguments
from blocks.components import Component, make_activation, make_norm
from blocks.conv import conv2d, same_padding
from blocks.registry import register
from blocks.tally import Tally
from blocks.transformer import NORM_EPS, TransformerLayer


@register("mobilevit")
class MobileViT(Block):
    """Convolution, `depth` Transformer layers of width `dim` on its pixels, and a convolution that fuses them with the input.

    Pixels at one position of the patches of `patch` x `patch` attend to each other; with `patch: 1` all pixels do. A map
    that patches do not divide is interpolated to the next size that they do, and back.
    """

    channel_arguments: ClassVar[tuple[str, ...]] = ("dim",)
    examples: ClassVar[tuple[dict[str, Any], ...]] = ({"dim": 24}, {"dim": 16, "depth": 1, "heads": 2, "patch": 1})

    def __init__(
        self,
        *,
        in_channels: int,
        out_channels: int,
        stride: int = 1,
        dim: int,
        depth: int = 2,
        heads: int = 4,
        mlp_ratio: float = 2.0,
        patch: int = 2,
        kernel: int = 3,
        dropout: Probability = 0.0,
        norm: Normalization | None = "batch_norm",
        act: Activation | None = "silu",
    ):
        super().__init__()
        keeps_size(stride, kernel)
        self.patch = patch
        self.local = conv_norm_act(in_channels, in_channels, kernel, norm, act)
        self.entry = conv2d(in_channels, dim, 1)
        self.layers = nn.Sequential(
            *[
                TransformerLayer(dim=dim, heads=heads, mlp_ratio=mlp_ratio, act=act, dropout=dropout)
                for _ in range(depth)
            ]
        )
        self.norm = nn.LayerNorm(dim, NORM_EPS)
        self.exit = conv_norm_act(dim, out_channels, 1, norm, act)
        self.fusion = conv_norm_act(in_channels + out_channels, out_channels, kernel, norm, act)

    def forward(self, x: Tensor) -> Tensor:
        y = self.entry(self.local(x))
        height, width = y.shape[-2:]
        divisible = (next_multiple(height, self.patch), next_multiple(width, self.patch))
        if divisible != (height, width):
            y = F.interpolate(y, divisible, mode="bilinear")
        y = fold(self.norm(self.layers(unfold(y, self.patch))), self.patch, divisible)
        if divisible != (height, width):
            y = F.interpolate(y, (height, width), mode="bilinear")
        return self.fusion(torch.cat((x, self.exit(y)), dim=1))

    @classmethod
    def channel_multiple(cls, argument: str, layer: LayerArguments) -> int:
        return layer.heads if argument == "dim" else 1

    @classmethod
    def tally(cls, tally: Tally, layer: LayerArguments) -> None:
        keeps_size(layer.stride, layer.kernel)
        size, out_channels = layer.in_size, layer.out_channels
        entering = tally.maps.hold()
        tally.conv(layer.in_channels, layer.in_channels, layer.kernel, size, norm=layer.norm)
        tally.conv(layer.in_channels, layer.dim, 1, size)
        divisible = next_multiple(size, layer.patch)
        if divisible != size:
            tally.maps.put(layer.dim * divisible**2)
        for _ in range(layer.depth):
            TransformerLayer.tally(tally, layer, tokens=(divisible // layer.patch) ** 2, sequences=layer.patch**2)
        tally.parameters(2 * layer.dim)
        if divisible != size:
            tally.maps.put(layer.dim * size**2)
        tally.conv(layer.dim, out_channels, 1, size, norm=layer.norm)
        tally.maps.join(entering, tally.maps.hold())
        tally.conv(layer.in_channels + out_channels, out_channels, layer.kernel, size, norm=layer.norm)


def keeps_size(stride: int, kernel: int) -> None:
    """Raises ValueError where the block's output would not have the size of its input."""
    same_padding(kernel)
    if stride != 1:
        raise ValueError(f"the map keeps its size, so stride must be 1, not {stride}")


def conv_norm_act(in_channels: int, out_channels: int, kernel: int, norm: Component, act: Component) -> nn.Sequential:
    return nn.Sequential(conv2d(in_channels, out_channels, kernel), make_norm(norm, out_channels), make_activation(act))


def next_multiple(size: int, patch: int) -> int:
    return -(-size // patch) * patch


def unfold(x: Tensor, patch: int) -> Tensor:
    """(N, C, H, W) to (N patch^2, H W / patch^2, C): one sequence of tokens for each position in a patch."""
    batch, channels, height, width = x.shape
    rows, columns = height // patch, width // patch
    x = x.permute(0, 2, 3, 1).reshape(batch, rows, patch, columns, patch, channels)
    return x.permute(0, 2, 4, 1, 3, 5).reshape(batch * patch * patch, rows * columns, channels)


def fold(tokens: Tensor, patch: int, size: tuple[int, int]) -> Tensor:
    """The inverse of `unfold` for a map of `size` (height, width)."""
    rows, columns = size[0] // patch, size[1] // patch
    channels = tokens.shape[-1]
    x = tokens.reshape(-1, patch, patch, rows, columns, channels).permute(0, 3, 1, 4, 2, 5)
    return x.reshape(-1, *size, channels).permute(0, 3, 1, 2)
