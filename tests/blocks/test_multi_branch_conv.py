from __future__ import annotations

import pytest
import torch
from torch import nn

from blocks import BLOCKS

MultiBranchConv = BLOCKS["multi_branch_conv"]


def test_branches_are_those_of_mobileone_and_repvgg():
    """MobileOne: 4 convolutions, a 1x1 one, the input; the input only where stride and channels stay."""

    def parts(**arguments) -> tuple[int, int]:
        block = MultiBranchConv(in_channels=8, **arguments)
        convs = sum(isinstance(module, nn.Conv2d) for module in block.modules())
        return convs, sum(isinstance(module, nn.BatchNorm2d) for module in block.modules()) - convs

    assert parts(out_channels=8, branches=4) == (5, 1)
    assert parts(out_channels=8, branches=4, kernel=1) == (4, 1)
    assert parts(out_channels=16, branches=1) == (2, 0)
    assert parts(out_channels=8, stride=2) == (2, 0)
    assert parts(out_channels=8, stride=1, published_stride=2) == (2, 0)
    assert parts(out_channels=8, scale_branch=False, skip_branch=False) == (1, 0)


def test_fuses_to_one_convolution_with_a_bias():
    block = MultiBranchConv(in_channels=8, out_channels=8, groups=4, branches=3)
    fused = block.eval().fuse()
    (conv,) = (module for module in fused.modules() if isinstance(module, nn.Conv2d))
    assert sum(parameter.numel() for parameter in fused.parameters()) == 8 * 2 * 9 + 8
    assert conv.groups == 4
    assert not any(isinstance(module, nn.BatchNorm2d) for module in fused.modules())


@pytest.mark.parametrize("arguments", [{"branches": 0}, {"kernel": 4}])
def test_refuses_branches_without_a_common_centre_or_none(arguments):
    with pytest.raises(ValueError, match="must be"):
        MultiBranchConv(in_channels=8, out_channels=8, **arguments)


def test_mobileone_fuses_to_two_convolutions():
    block = BLOCKS["mobileone"](in_channels=8, out_channels=16, stride=2).eval()
    x = torch.randn(1, 8, 7, 7)
    fused = block.fuse()
    assert sum(parameter.numel() for parameter in fused.parameters()) == (8 * 9 + 8) + (8 * 16 + 16)
    torch.testing.assert_close(fused(x), block(x), rtol=1e-4, atol=1e-5)
