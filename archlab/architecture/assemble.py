"""From an architecture to a torch module."""

from __future__ import annotations

import copy
from collections.abc import Iterable, Sequence
from typing import Any

import torch
from torch import Tensor, nn

import blocks
from archlab.architecture.input_spec import InputSpec
from archlab.architecture.plan import Placed, place, refusals_of
from archlab.architecture.spec import CLASSIFIER, Architecture
from blocks.components import initialize


class LayeredHead(nn.Module):
    """Blocks in order, then the mean over what they leave of the map: (N, in_channels, H, W) to (N, num_classes)."""

    def __init__(self, layers: Sequence[nn.Module]):
        super().__init__()
        self.layers = nn.Sequential(*layers)

    def forward(self, x: Tensor) -> Tensor:
        return self.layers(x).mean((2, 3))

    def fuse(self) -> LayeredHead:
        return LayeredHead(_fused(self.layers))


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
        if self.training:  # layers without branches are part of both, and here they go on training
            return copy.deepcopy(self).eval().fuse()
        with torch.no_grad():
            head = self.head.fuse() if isinstance(self.head, LayeredHead) else self.head
            return Network(_fused(self.layers), head).eval()

    @property
    def classifier(self) -> nn.Module:
        """The layer that gives the scores of classes."""
        if isinstance(self.head, LayeredHead):
            return next(layer for layer in self.head.layers if isinstance(layer, blocks.BLOCKS[CLASSIFIER]))
        return self.head.classifier  # type: ignore[return-value]

    def residual_norms(self) -> list[nn.Module]:
        """The last normalisation of every residual branch."""
        return [norm for layer in self.layers if isinstance(layer, blocks.Block) for norm in layer.residual_norms()]


def build_model(architecture: Architecture, spec: InputSpec, width: float = 1.0) -> Network:
    """The network of an architecture, every channel count times `width`, initialised.

    Raises:
        UserError: A block refuses its arguments; the message names the layer.
    """
    placed, head = place(architecture, spec, width)
    layers = [_started(_built(each), architecture.init) for each in placed]
    if head.arguments is None:
        return Network(layers, LayeredHead([_built(each) for each in head.blocks]))
    return Network(layers, blocks.Head(**vars(head.arguments)))


def _built(placed: Placed) -> nn.Module:
    with refusals_of(placed.layer):
        return placed.build()


def _fused(layers: Iterable[nn.Module]) -> list[nn.Module]:
    return [layer.fuse() if isinstance(layer, blocks.Block) else layer for layer in layers]


def _started(layer: nn.Module, init: dict[str, Any] | None) -> nn.Module:
    """The layer with the weights that the architecture's `init` gives it, where it has one."""
    if init and not getattr(layer, "starts_itself", False):
        for module in layer.modules():
            if isinstance(module, (nn.Conv2d, nn.Linear)):
                module.reset_parameters()
                initialize(init, module)
    return layer
