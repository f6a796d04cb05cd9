"""From an architecture to a torch module."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

import blocks
from archlab.architecture.plan import SMALLEST_MAP, place
from archlab.architecture.spec import Architecture
from archlab.foundation import UserError


class Network(nn.Module):
    """Blocks in order, then a head: (N, in_channels, H, W) to (N, num_classes)."""

    def __init__(self, layers: Sequence[nn.Module], head: nn.Module):
        super().__init__()
        self.layers = nn.Sequential(*layers)
        self.head = head

    def forward(self, x: Tensor) -> Tensor:
        return self.head(self.layers(x))

    def fuse(self) -> Network:
        """The network as deployed: training branches merged, in evaluation mode. The network itself is left alone."""
        was_training = self.training
        self.eval()
        with torch.no_grad():
            fused = Network(
                [layer.fuse() if isinstance(layer, blocks.Block) else layer for layer in self.layers], self.head
            )
        self.train(was_training)
        return fused.eval()

    def residual_norms(self) -> list[nn.Module]:
        """The last normalisation of every residual branch."""
        return [norm for layer in self.layers if isinstance(layer, blocks.Block) for norm in layer.residual_norms()]


def build_model(
    architecture: Architecture,
    num_classes: int,
    *,
    width: float = 1.0,
    in_channels: int = 3,
    resolution: int | None = None,
    smallest_map: int | None = SMALLEST_MAP,
) -> Network:
    """The network of an architecture, initialised.

    Args:
        width: Multiplies every channel count; see `archlab.architecture.plan`.
        resolution: Pixels on a side of the inputs to come: smaller than published ones make early strides 1. None leaves
            the strides as published.

    Raises:
        UserError: A block refuses its arguments; the message names the layer.
    """
    if type(num_classes) is not int or num_classes < 1:
        raise UserError(f"num_classes must be a whole number of at least 1, not {num_classes!r}")
    placed, head = place(
        architecture, width=width, in_channels=in_channels, resolution=resolution, smallest_map=smallest_map
    )
    layers = []
    for block in placed:
        try:
            layers.append(
                block.block(
                    in_channels=block.in_channels,
                    out_channels=block.out_channels,
                    stride=block.stride,
                    **block.arguments,
                )
            )
        except ValueError as error:
            layer = architecture.layers[block.layer]
            raise UserError(f"{layer.block}: {error}", where=layer.where) from error
    return Network(layers, blocks.Head(num_classes=num_classes, **head))
