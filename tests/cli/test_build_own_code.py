"""`archlab build` of a network with code of the user's own that prints, fails or is miscounted."""

from __future__ import annotations

import json
import re

import pytest

OWN = """
import blocks
from torch import nn

SHARED = nn.Conv2d(8, 8, 1, bias=False)


@blocks.ACTIVATIONS.register("own_fails")
class Fails(nn.Module):
    def forward(self, x):
        return x + None


@blocks.INITIALIZATIONS.register("own_fails")
def fails(layer):
    raise KeyError("fan")


@blocks.NORMALIZATIONS.register("own_groups")
def groups(*, channels: int):
    return nn.GroupNorm(5, channels)


@blocks.CHANNEL_ATTENTIONS.register("own_gate")
class Gate(nn.Module):
    def __init__(self, *, channels: int, in_channels: int):
        super().__init__()
        self.conv = nn.Conv2d(channels, channels, 1)

    def forward(self, x):
        return x * self.conv(x.mean((2, 3), keepdim=True)).sigmoid()

    @classmethod
    def tally(cls, tally, layer):
        with tally.maps.gate(layer.channels):
            tally.conv(layer.channels, layer.channels, 1, 1)


@blocks.register("own_narrow")
class Narrow(blocks.Block):
    def __init__(self, *, in_channels: int, out_channels: int, stride: int = 1):
        super().__init__()
        self.conv = nn.Conv2d(in_channels, out_channels, 1, stride, bias=False)

    def forward(self, x):
        return self.conv(x)

    @classmethod
    def tally(cls, tally, layer):
        tally.conv(layer.in_channels, min(layer.out_channels, 32), 1, cls.output_size(layer))


@blocks.register("own_shared")
class Shared(blocks.Block):
    def __init__(self, *, in_channels: int, out_channels: int, stride: int = 1):
        super().__init__()
        self.conv = SHARED

    def forward(self, x):
        return self.conv(x)
"""


def test_what_own_code_prints_is_no_part_of_the_document(own_code_forgotten, build, tmp_path):
    (tmp_path / "own.py").write_text(
        """
import blocks
from torch import nn

print("imported")


@blocks.ACTIVATIONS.register("own_talks")
class Talks(nn.ReLU):
    def forward(self, x):
        print("called")
        return super().forward(x)
"""
    )
    network = "{name: net, layers: [{conv: {out: 8, act: own_talks}}]}"
    code, out, err = build(f"blocks: own.py\nsuite: [digits]\nbase: {network}\nbudget: none", "--json")
    assert code == 0 and json.loads(out)["models"] and "called" in err


@pytest.mark.parametrize(
    ("network", "message"),
    [
        ("layers: [{conv: {out: 8, act: own_fails}}]", "study.yaml:3: conv: TypeError: unsupported operand"),
        ("layers: [{conv: {out: 8, init: own_fails}}]", "study.yaml:3: conv: KeyError: 'fan'"),
        ("init: own_fails, layers: [{conv: {out: 8}}]", "net: KeyError: 'fan'"),
        ("head: {norm: own_groups}, layers: [{conv: {out: 8}}]", "net: ValueError: "),
        (
            "layers: [{conv: {out: 16}}, {inverted_residual: {out: 24, channel_attention: own_gate}}]",
            "study.yaml:3: inverted_residual: with own_gate, tally counts 14,352 params, and the block has 14,448",
        ),
        (
            "layers: [{conv: {out: 8}}, own_narrow, {own_narrow: {out: 16}}, {own_narrow: {out: 24}}, {own_narrow: {out: 64}}]",
            "study.yaml:3: own_narrow: tally counts 768 params, and the block has 1,536",
        ),
        (
            "layers: [{conv: {out: 8}}, {own_shared: {repeat: 2}}]",
            "net is miscounted: the closed form gives .*; a block of your own has a wrong `tally`, or shares",
        ),
    ],
)
def test_own_code_that_fails_or_costs_something_else_is_an_error_of_the_user(
    own_code_forgotten, build, tmp_path, network, message
):
    (tmp_path / "own.py").write_text(OWN)
    code, out, err = build(f"blocks: own.py\nsuite: [digits]\nbase: {{name: net, {network}}}\nbudget: none")
    assert (code, out, err.count("\n")) == (2, "", 1)
    assert re.search(message, err), err
