"""Blocks are counted rightly with a user's own activations, normalisations and channel attentions in them."""

from __future__ import annotations

import pytest

import archlab
from archlab.architecture import InputSpec
from archlab.budget import Budget, count, fit_width, measure
from archlab.foundation import UserError
from archlab.foundation.own_code import load_file

PARTS = """
import blocks
from torch import nn

blocks.ACTIVATIONS.register("own_mish")(nn.Mish)
blocks.ACTIVATIONS.register("own_prelu")(nn.PReLU)


@blocks.NORMALIZATIONS.register("own_groups")
def own_groups(*, channels: int, groups: int = 4) -> nn.Module:
    return nn.GroupNorm(groups, channels)


@blocks.NORMALIZATIONS.register("own_plain")
def own_plain(*, channels: int) -> nn.Module:
    return nn.BatchNorm2d(channels, affine=False)


@blocks.CHANNEL_ATTENTIONS.register("own_gate")
class Gate(nn.Module):
    def __init__(self, *, channels: int, in_channels: int, broken: bool = False):
        super().__init__()
        if broken:
            raise KeyError("broken")
        self.conv = nn.Conv2d(channels, channels, 1)

    def forward(self, x):
        return x * self.conv(x.mean((2, 3), keepdim=True)).sigmoid()
"""
SPEC = InputSpec(4, 16)


@pytest.fixture(autouse=True)
def own_parts(own_code_forgotten, tmp_path):
    (tmp_path / "parts.py").write_text(PARTS)
    load_file(tmp_path / "parts.py")


def network(given, **more):
    layers = [{"conv": {"out": 16, "stride": 2}}, {"inverted_residual": {"out": 16, "expand": 2, **given}}]
    return archlab.architecture({"layers": layers, "resolution": 16, **more})


@pytest.mark.parametrize(
    ("given", "head", "has_closed_form"),
    [
        ({"act": "own_mish", "norm": "own_groups"}, {}, True),
        ({"act": "own_prelu"}, {}, False),
        ({"norm": "own_plain"}, {}, False),
        ({"channel_attention": "own_gate"}, {}, False),
        ({"channel_attention": {"se": {"act": "own_prelu"}}}, {}, False),
        ({}, {"norm": "own_groups"}, True),
        ({}, {"features": 24, "act": "own_prelu"}, False),
    ],
)
def test_what_is_counted_is_there(given, head, has_closed_form):
    design = network(given, head=head)
    for width in (1.0, 2.5):
        cost = count(design, SPEC, width)
        assert cost == measure(archlab.build_model(design, 4, width=width, resolution=16), 16)
        assert (cost.peak_memory is not None) is has_closed_form


def test_no_budget_of_memory_takes_what_nobody_knows():
    with pytest.raises(UserError, match="inverted_residual: it has a part of your own without a closed form"):
        fit_width(network({"act": "own_prelu"}), SPEC, Budget(peak_memory=64 * 1024))
    assert fit_width(network({"act": "own_mish"}), SPEC, Budget(peak_memory=64 * 1024)) > 0


def test_what_fails_in_a_part_names_its_block():
    with pytest.raises(UserError, match="inverted_residual: KeyError: 'broken'"):
        count(network({"channel_attention": {"own_gate": {"broken": True}}}), SPEC)


def test_a_part_that_is_registered_again_is_counted_again(tmp_path):
    design = network({"channel_attention": "own_gate"})
    before = count(design, SPEC).params
    (tmp_path / "parts.py").write_text(PARTS.replace("channels, channels, 1)", "channels, channels, 1, bias=False)"))
    load_file(tmp_path / "parts.py")
    assert count(design, SPEC).params == before - 32
