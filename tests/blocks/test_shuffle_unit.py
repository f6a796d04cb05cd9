from __future__ import annotations

import pytest
import torch
from torch import nn

from blocks import BLOCKS
from blocks.shuffle_unit import interleave_halves

ShuffleUnit = BLOCKS["shuffle_unit"]


@pytest.mark.parametrize("memory_format", [torch.contiguous_format, torch.channels_last])
def test_interleaving_is_the_channel_shuffle_of_torch(memory_format):
    x = torch.randn(2, 10, 3, 5).to(memory_format=memory_format)
    assert torch.equal(interleave_halves(x), nn.ChannelShuffle(2)(x))
    assert interleave_halves(x).is_contiguous(memory_format=memory_format)


def test_without_shuffle_the_first_half_passes_unchanged():
    """So without the shuffle the halves of a stage would never meet."""
    unit, x = ShuffleUnit(in_channels=8, out_channels=8, shuffle=False).eval(), torch.randn(1, 8, 4, 4)
    assert torch.equal(unit(x)[:, :4], x[:, :4])
    unit.shuffle = True
    assert torch.equal(unit(x)[:, ::2], x[:, :4])


def test_odd_channels_have_no_halves():
    with pytest.raises(ValueError, match="must be even, not 9"):
        ShuffleUnit(in_channels=8, out_channels=9)
