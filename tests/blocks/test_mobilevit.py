"""Which pixels attend to which in MobileViT's block."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from blocks.mobilevit import MobileViT, fold, unfold


@given(patch=st.integers(1, 4), rows=st.integers(1, 4), columns=st.integers(1, 4), batch=st.integers(1, 3))
def test_folding_undoes_unfolding(patch, rows, columns, batch):
    x = torch.randn(batch, 5, rows * patch, columns * patch)
    tokens = unfold(x, patch)
    assert tokens.shape == (batch * patch * patch, rows * columns, 5)
    assert torch.equal(fold(tokens, patch, x.shape[-2:]), x)


@pytest.mark.parametrize(
    ("patch", "seen"), [(1, {(i, j) for i in range(4) for j in range(4)}), (2, {(0, 0), (0, 2), (2, 0), (2, 2)})]
)
def test_pixels_at_one_position_of_their_patches_see_each_other(patch, seen):
    torch.manual_seed(0)
    block = MobileViT(in_channels=8, out_channels=8, dim=8, patch=patch, kernel=1).eval()
    x = torch.randn(1, 8, 4, 4, requires_grad=True)
    block(x)[0, :, 0, 0].sum().backward()
    rows, columns = x.grad.abs().sum((0, 1)).nonzero(as_tuple=True)
    assert set(zip(rows.tolist(), columns.tolist(), strict=True)) == seen
