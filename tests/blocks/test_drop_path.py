from __future__ import annotations

import pytest
import torch

from blocks.drop_path import DropPath


def test_drops_whole_images_and_keeps_the_mean():
    torch.manual_seed(0)
    dropped = DropPath(0.25)(torch.ones(4000, 2, 3, 3))
    images = dropped.flatten(1)
    assert (images == images[:, :1]).all(), "an image is kept or dropped whole"
    assert images.unique().tolist() == [0.0, pytest.approx(4 / 3)]
    assert images.mean().item() == pytest.approx(1.0, abs=0.05)


def test_changes_nothing_in_evaluation_or_at_a_rate_of_zero():
    x = torch.randn(2, 3, 4, 4)
    assert torch.equal(DropPath(0.5).eval()(x), x)
    assert torch.equal(DropPath(0.0)(x), x)


@pytest.mark.parametrize("rate", [-0.1, 1.0])
def test_refuses_what_is_no_rate(rate):
    with pytest.raises(ValueError, match="drop_path must be at least 0 and below 1"):
        DropPath(rate)
