"""Stochastic depth (Huang et al. 2016, arXiv 1603.09382)."""

from __future__ import annotations

from torch import Tensor, nn


class DropPath(nn.Module):
    """In training, drops a residual branch with probability `drop_prob` for each image, and scales what stays to the mean."""

    def __init__(self, drop_prob: float):
        super().__init__()
        if not 0 <= drop_prob < 1:
            raise ValueError(f"drop_path must be at least 0 and below 1, not {drop_prob:g}")
        self.drop_prob = drop_prob

    def forward(self, x: Tensor) -> Tensor:
        if not self.training or not self.drop_prob:
            return x
        kept = x.new_empty(x.shape[0], 1, 1, 1).bernoulli_(1 - self.drop_prob)
        return x * kept / (1 - self.drop_prob)
