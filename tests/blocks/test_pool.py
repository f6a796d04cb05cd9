from __future__ import annotations

import pytest
import torch

from blocks import BLOCKS

Executor = BLOCKS["pool"]


def pooled(x: torch.Tensor, **arguments) -> list[float]:
    channels = x.shape[1]
    return Executor(in_channels=channels, out_channels=channels, **arguments)(x)[0, 0, 0].tolist()


def test_the_border_counts_for_nothing():
    row = torch.tensor([[[[-3.0, -1.0, -2.0, -5.0]]]]).expand(1, 1, 4, 4)
    assert pooled(row, stride=2) == [-1.0, -1.0]
    assert pooled(row, stride=2, kind="mean") == [-2.0, pytest.approx(-8 / 3)]
    assert pooled(row, stride=2, kernel=2) == [-1.0, -2.0]


def test_ceil_keeps_what_is_left_over():
    row = torch.arange(6.0).expand(1, 1, 6, 6)
    assert pooled(row, stride=2, padding=0) == [2.0, 4.0]
    assert pooled(row, stride=2, padding=0, ceil=True) == [2.0, 4.0, 5.0]


@pytest.mark.parametrize(
    ("arguments", "message"), [({"padding": 2}, "half of the kernel"), ({"out_channels": 4}, "keeps")]
)
def test_refuses(arguments, message):
    with pytest.raises(ValueError, match=message):
        Executor(**{"in_channels": 2, "out_channels": 2} | arguments)
