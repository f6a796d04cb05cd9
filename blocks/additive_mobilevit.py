"""MobileViT's block as Zhang et al. 2025 ran it (arXiv 2511.00335): added, not concatenated."""

from __future__ import annotations

from typing import Any, ClassVar

from torch import Tensor, nn

from blocks.arguments import Activation, Normalization, Probability
from blocks.block import Block, LayerArguments
from blocks.mobilevit import conv_norm_act, fold, keeps_size, unfold
from blocks.registry import register
from blocks.tally import Tally
from blocks.transformer import TransformerLayer


@register("additive_mobilevit")
class AdditiveMobileViT(Block):
    """The input, a convolution of it, and Transformer layers on that convolution's pixels, added.

    All pixels attend to each other in `depth` layers of width `dim`, normalised after each addition. Convolutions start as
    torch's do, the layers as those of torch's TransformerEncoder, all alike.
    """

    channel_arguments: ClassVar[tuple[str, ...]] = ("dim",)
    starts_itself = True
    examples: ClassVar[tuple[dict[str, Any], ...]] = ({"dim": 24},)

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
        kernel: int = 3,
        dropout: Probability = 0.1,
        norm: Normalization | None = "batch_norm",
        act: Activation | None = "silu",
    ):
        super().__init__()
        check_addition(in_channels, out_channels)
        keeps_size(stride, kernel)
        self.local = conv_norm_act(in_channels, in_channels, kernel, norm, act)
        self.entry = conv_norm_act(in_channels, dim, 1, norm, act)
        layers = [
            TransformerLayer(dim=dim, heads=heads, mlp_ratio=mlp_ratio, act="gelu", dropout=dropout, norm_first=False)
            for _ in range(depth)
        ]
        self.layers = nn.Sequential(*layers)
        self.exit = conv_norm_act(dim, in_channels, 1, norm, act)
        for module in self.modules():
            if isinstance(module, (nn.Conv2d, nn.Linear)):
                module.reset_parameters()
        for layer in layers:
            nn.init.xavier_uniform_(layer.queries_keys_values.weight)
            for linear in (layer.queries_keys_values, layer.attended):
                nn.init.zeros_(linear.bias)
            layer.load_state_dict(layers[0].state_dict())

    def forward(self, x: Tensor) -> Tensor:
        local = self.local(x)
        tokens = self.layers(unfold(self.entry(local), 1))
        height, width = x.shape[-2:]
        return x + local + self.exit(fold(tokens, 1, (height, width)))

    @classmethod
    def channel_multiple(cls, argument: str, layer: LayerArguments) -> int:
        return layer.heads if argument == "dim" else 1

    @classmethod
    def tally(cls, tally: Tally, layer: LayerArguments) -> None:
        check_addition(layer.in_channels, layer.out_channels)
        keeps_size(layer.stride, layer.kernel)
        with tally.maps.beside():
            tally.conv(layer.in_channels, layer.in_channels, layer.kernel, layer.in_size, norm=layer.norm)
            local = tally.maps.hold()
            tally.conv(layer.in_channels, layer.dim, 1, layer.in_size, norm=layer.norm)
            for _ in range(layer.depth):
                TransformerLayer.tally(tally, layer, tokens=layer.in_size**2, norm_first=False)
            tally.maps.release(local)  # added to the map that entered
            tally.conv(layer.dim, layer.in_channels, 1, layer.in_size, norm=layer.norm)


def check_addition(in_channels: int, out_channels: int) -> None:
    if in_channels != out_channels:
        raise ValueError(
            f"what is added to the input has its channels, so out must be {in_channels}, not {out_channels}"
        )
