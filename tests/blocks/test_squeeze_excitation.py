from __future__ import annotations

import pytest

import blocks
from blocks.arguments import CHANNEL_ATTENTIONS

SqueezeExcitation = CHANNEL_ATTENTIONS["se"]


@pytest.mark.parametrize(
    ("arguments", "hidden"),
    [
        ({}, 10),  # EfficientNet: a quarter of the 40 channels that enter the block
        ({"ratio": 0.25, "of": "input"}, 10),
        ({"of": "map", "multiple": 8}, 64),  # MobileNetV3: a quarter of the 240 expanded ones, rounded to 8
        ({"of": "map", "multiple": 4, "ratio": 0.26}, 64),
        ({"ratio": 0.01}, 1),
    ],
)
def test_channels_of_the_hidden_layer(arguments, hidden):
    assert SqueezeExcitation(channels=240, in_channels=40, **arguments).reduce.out_channels == hidden


def test_what_enters_an_inverted_residual_decides_by_default():
    block = blocks.BLOCKS["inverted_residual"](in_channels=16, out_channels=24, expand=6.0, channel_attention="se")
    assert (block.channel_attention.reduce.in_channels, block.channel_attention.reduce.out_channels) == (96, 4)


@pytest.mark.parametrize("ratio", [0.0, -1.0, 5.0])
def test_refuses_what_is_no_ratio(ratio):
    with pytest.raises(ValueError, match="se: ratio must lie above 0"):
        SqueezeExcitation(channels=8, in_channels=8, ratio=ratio)
