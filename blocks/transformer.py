"""The encoder layer of the Transformer (Vaswani et al. 2017, arXiv 1706.03762, section 3.1)."""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor, nn

from blocks.block import LayerArguments
from blocks.components import Component, make_activation
from blocks.initialization import normal
from blocks.rounding import round_channels
from blocks.tally import Tally

NORM_EPS = 1e-5
INIT_STD = 0.02


class TransformerLayer(nn.Module):
    """Self-attention, then two linear layers, each added to its input: (sequences, tokens, dim) to the same.

    Normalised before each (`norm_first`) or, as first published, after each addition. Weights start normal with standard
    deviation 0.02, as in the code of ViT and MobileViT. Raises ValueError where heads do not divide `dim`.
    """

    def __init__(
        self,
        *,
        dim: int,
        heads: int,
        mlp_ratio: float,
        act: Component,
        dropout: float = 0.0,
        norm_first: bool = True,
    ):
        super().__init__()
        check_heads(dim, heads)
        hidden = round_channels(dim * mlp_ratio, 1)
        self.heads, self.norm_first = heads, norm_first
        self.attention_norm = nn.LayerNorm(dim, NORM_EPS)
        self.queries_keys_values = nn.Linear(dim, 3 * dim)
        self.attended = nn.Linear(dim, dim)
        self.mlp_norm = nn.LayerNorm(dim, NORM_EPS)
        self.expansion = nn.Linear(dim, hidden)
        self.act = make_activation(act)
        self.projection = nn.Linear(hidden, dim)
        self.dropout = nn.Dropout(dropout)
        for linear in (self.queries_keys_values, self.attended, self.expansion, self.projection):
            normal(linear, std=INIT_STD)

    def forward(self, x: Tensor) -> Tensor:
        if self.norm_first:
            x = x + self.attention(self.attention_norm(x))
            return x + self.mlp(self.mlp_norm(x))
        x = self.attention_norm(x + self.attention(x))
        return self.mlp_norm(x + self.mlp(x))

    def attention(self, x: Tensor) -> Tensor:
        sequences, tokens, dim = x.shape
        # (sequences, tokens, 3 dim) -> 3 x (sequences, heads, tokens, dim / heads)
        stacked = self.queries_keys_values(x).unflatten(-1, (3, self.heads, dim // self.heads))
        queries, keys, values = stacked.permute(2, 0, 3, 1, 4).unbind(0)
        dropout = self.dropout.p if self.training else 0.0
        x = F.scaled_dot_product_attention(queries, keys, values, dropout_p=dropout)
        return self.dropout(self.attended(x.transpose(1, 2).reshape(sequences, tokens, dim)))

    def mlp(self, x: Tensor) -> Tensor:
        return self.dropout(self.projection(self.dropout(self.act(self.expansion(x)))))

    @staticmethod
    def tally(tally: Tally, layer: LayerArguments, *, tokens: int, sequences: int = 1, norm_first: bool = True) -> None:
        """Adds the cost of one with the block's `dim`, `heads` and `mlp_ratio`."""
        dim = layer.dim
        check_heads(dim, layer.heads)
        hidden = round_channels(dim * layer.mlp_ratio, 1)
        tally.parameters(2 * 2 * dim)
        with tally.maps.beside():
            if norm_first:
                tally.maps.put(sequences * tokens * dim)
            tally.linear(dim, 3 * dim, tokens=sequences * tokens)
            tally.attention(tokens, dim, sequences=sequences, heads=layer.heads)
            tally.linear(dim, dim, tokens=sequences * tokens)
        with tally.maps.beside():
            if norm_first:
                tally.maps.put(sequences * tokens * dim)
            tally.linear(dim, hidden, tokens=sequences * tokens)
            tally.linear(hidden, dim, tokens=sequences * tokens)


def check_heads(dim: int, heads: int) -> None:
    if dim % heads:
        raise ValueError(f"{heads} heads do not divide dim {dim}")
