"""The classifier that ends every network."""

from __future__ import annotations

from typing import ClassVar

import torch
from torch import Tensor, nn

from blocks.arguments import Activation, Initialization, Normalization, Probability
from blocks.block import LayerArguments
from blocks.components import initialize, make_activation, make_norm
from blocks.tally import Tally


class Head(nn.Module):
    """Mean over the map, optionally normalised and a hidden layer of `features`, dropout, classifier.

    (N, in_channels, H, W) to (N, num_classes).
    """

    channel_arguments: ClassVar[tuple[str, ...]] = ("features",)

    def __init__(
        self,
        *,
        in_channels: int,
        num_classes: int,
        norm: Normalization | None = None,
        features: int | None = None,
        act: Activation | None = "relu",
        dropout: Probability = 0.0,
        init: Initialization = "normal",
    ):
        super().__init__()
        self.norm = make_norm(norm, in_channels)
        self.hidden = nn.Linear(in_channels, features) if features else nn.Identity()
        self.act = make_activation(act) if features else nn.Identity()
        self.dropout = nn.Dropout(dropout)
        self.classifier = nn.Linear(features or in_channels, num_classes)
        initialize(init, self.classifier)

    def forward(self, x: Tensor) -> Tensor:
        x = self.norm(x.mean((2, 3), keepdim=True))
        x = self.act(self.hidden(torch.flatten(x, 1)))
        return self.classifier(self.dropout(x))

    @classmethod
    def tally(cls, tally: Tally, layer: LayerArguments) -> None:
        tally.maps.put(layer.in_channels)
        tally.norm(layer.norm, layer.in_channels)
        if layer.features:
            tally.linear(layer.in_channels, layer.features)
        tally.linear(layer.features or layer.in_channels, layer.num_classes)
