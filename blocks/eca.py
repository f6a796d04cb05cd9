"""Efficient channel attention (Wang et al. 2020, arXiv 1910.03151, section 3.2)."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from blocks.block import LayerArguments
from blocks.registry import CHANNEL_ATTENTIONS
from blocks.tally import Tally


@CHANNEL_ATTENTIONS.register("eca")
class EfficientChannelAttention(nn.Module):
    """Weighs channels by a 1-D convolution over their means: (N, channels, H, W) to the same.

    The kernel is the odd number nearest to (log2(channels) + beta) / gamma (equation 12).
    """

    def __init__(self, *, channels: int, in_channels: int, gamma: float = 2.0, beta: float = 1.0):
        super().__init__()
        kernel = self.kernel(channels, gamma, beta)
        self.conv = nn.Conv1d(1, 1, kernel, padding=kernel // 2, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        weights = torch.sigmoid(self.conv(x.mean((2, 3))[:, None]))  # (N, 1, C)
        return x * weights.flatten(1)[:, :, None, None]

    @staticmethod
    def kernel(channels: int, gamma: float, beta: float) -> int:
        length = int(abs((math.log2(channels) + beta) / gamma))
        return max(length if length % 2 else length + 1, 3)

    @classmethod
    def tally(cls, tally: Tally, layer: LayerArguments) -> None:
        if abs(layer.gamma) < 0.01:
            raise ValueError(f"eca: gamma must be at least 0.01, not {layer.gamma:g}")
        with tally.maps.gate(layer.channels):
            tally.conv(1, 1, (cls.kernel(layer.channels, layer.gamma, layer.beta), 1), (layer.channels, 1))
