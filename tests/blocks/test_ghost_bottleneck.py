from __future__ import annotations

import pytest
import torch

from blocks import BLOCKS
from blocks.ghost_module import Gate

GhostBottleneck = BLOCKS["ghost_bottleneck"]


@pytest.mark.parametrize("size", [(1, 1), (1, 7), (2, 1), (5, 4)])
def test_maps_of_any_size_can_be_gated(size):
    block = GhostBottleneck(in_channels=8, out_channels=8, hidden=16, gate=True, branches=3).eval()
    assert block(torch.randn(1, 8, *size)).shape == (1, 8, *size)


def test_the_gate_lies_between_0_and_1_and_covers_pairs_of_pixels():
    gate = Gate(4, 6, "he").eval()(torch.randn(1, 4, 6, 6))
    assert gate.min() > 0 and gate.max() < 1
    assert torch.equal(gate[..., ::2, ::2], gate[..., 1::2, 1::2])


def test_strides_and_new_channels_need_a_shortcut_with_weights():
    def shortcut(**arguments) -> int:
        block = GhostBottleneck(in_channels=8, hidden=16, **arguments)
        return len(block.shortcut)

    assert shortcut(out_channels=8) == 0
    assert shortcut(out_channels=8, stride=2) == shortcut(out_channels=12) == 4
    assert shortcut(out_channels=8, stride=1, published_stride=2) == 4


def test_half_of_the_channels_is_cheap():
    """GhostNet's equation 3 at its ratio of 2: 1x1 weights for half of the channels, 3x3 depthwise ones for the rest."""
    block = GhostBottleneck(in_channels=8, out_channels=8, hidden=32)
    weights = [p.numel() for p in block.expansion.parameters() if p.dim() == 4]
    assert weights == [8 * 16, 16 * 9]
