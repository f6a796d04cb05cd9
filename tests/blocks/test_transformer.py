"""The Transformer layer against torch's own."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from blocks.transformer import TransformerLayer


@pytest.mark.parametrize("norm_first", [True, False])
def test_equals_torch(norm_first):
    torch.manual_seed(0)
    theirs = nn.TransformerEncoderLayer(
        24, 4, 48, dropout=0.0, activation="gelu", batch_first=True, norm_first=norm_first, dtype=torch.float64
    )
    ours = TransformerLayer(dim=24, heads=4, mlp_ratio=2.0, act="gelu", norm_first=norm_first).double()
    for our, their in (
        (ours.attention_norm, theirs.norm1),
        (ours.attended, theirs.self_attn.out_proj),
        (ours.mlp_norm, theirs.norm2),
        (ours.expansion, theirs.linear1),
        (ours.projection, theirs.linear2),
    ):
        our.load_state_dict(their.state_dict())
    with torch.no_grad():
        ours.queries_keys_values.weight.copy_(theirs.self_attn.in_proj_weight)
        ours.queries_keys_values.bias.copy_(theirs.self_attn.in_proj_bias.normal_())
    tokens = torch.randn(3, 7, 24, dtype=torch.float64)
    torch.testing.assert_close(ours(tokens), theirs(tokens), rtol=0, atol=1e-12)


def test_heads_must_divide_the_width():
    with pytest.raises(ValueError, match="5 heads do not divide dim 24"):
        TransformerLayer(dim=24, heads=5, mlp_ratio=2.0, act="gelu")


def test_dropout_only_in_training():
    torch.manual_seed(0)
    layer = TransformerLayer(dim=8, heads=2, mlp_ratio=2.0, act="gelu", dropout=0.5)
    tokens = torch.randn(2, 5, 8)
    assert not torch.equal(layer(tokens), layer(tokens))
    layer.eval()
    assert torch.equal(layer(tokens), layer(tokens))
