"""Global response normalisation (ConvNeXt V2, Woo et al. 2023, arXiv 2301.00808, section 3.2)."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from blocks.tally import Tally


class GlobalResponseNorm(nn.Module):
    """Adds to each channel itself, times its norm over the map as a share of the mean norm: (N, channels, H, W) to the same.

    What is added is scaled and shifted for each channel, by zero at the start.
    """

    def __init__(self, channels: int, eps: float = 1e-6):
        super().__init__()
        self.eps = eps
        self.weight = nn.Parameter(torch.zeros(channels))
        self.bias = nn.Parameter(torch.zeros(channels))

    def forward(self, x: Tensor) -> Tensor:
        norms = torch.linalg.vector_norm(x, dim=(2, 3), keepdim=True)
        shares = norms / (norms.mean(1, keepdim=True) + self.eps)
        return x + self.weight[:, None, None] * (x * shares) + self.bias[:, None, None]

    @staticmethod
    def tally(tally: Tally, channels: int, size: int) -> None:
        """Adds the cost of one over a map of `size` pixels on a side."""
        tally.parameters(2 * channels)
        with tally.maps.beside():
            tally.maps.put(channels)
            if size > 1:  # else the product writes over the shares
                tally.maps.put(channels * size**2)
