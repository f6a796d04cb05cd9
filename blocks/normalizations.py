"""Normalisations of feature maps (N, C, H, W), by the names that architectures use. Each has 2 C parameters."""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor, nn

from blocks.registry import NORMALIZATIONS


@NORMALIZATIONS.register("batch_norm")
class BatchNorm(nn.BatchNorm2d):
    """Batch normalisation (Ioffe and Szegedy 2015, arXiv 1502.03167)."""

    def __init__(self, *, channels: int, eps: float = 1e-5, momentum: float = 0.1):
        super().__init__(channels, eps=eps, momentum=momentum)


@NORMALIZATIONS.register("layer_norm")
class LayerNorm(nn.LayerNorm):
    """Layer normalisation over the channels of each pixel (ConvNeXt, arXiv 2201.03545, section 2.6)."""

    def __init__(self, *, channels: int, eps: float = 1e-6):
        super().__init__(channels, eps=eps)

    def forward(self, x: Tensor) -> Tensor:
        x = x.permute(0, 2, 3, 1)
        return F.layer_norm(x, self.normalized_shape, self.weight, self.bias, self.eps).permute(0, 3, 1, 2)
