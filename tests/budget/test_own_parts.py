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
import torch
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


@blocks.ACTIVATIONS.register("own_blurred")
class Blurred(nn.Module):
    def __init__(self):
        super().__init__()
        self.register_buffer("kernel", torch.full((1, 1, 1, 3, 3), 1 / 9))

    def forward(self, x):
        return nn.functional.conv3d(x[:, None], self.kernel, padding=(0, 1, 1))[:, 0].relu()


@blocks.CHANNEL_ATTENTIONS.register("own_pixels")
class Pixels(nn.Module):
    def __init__(self, *, channels: int, in_channels: int):
        super().__init__()
        self.first, self.second = nn.Conv2d(channels, channels, 1), nn.Conv2d(channels, channels, 1)

    def forward(self, x):
        return x * self.second(self.first(x)).sigmoid()

    @classmethod
    def tally(cls, tally, layer):
        with tally.maps.beside():
            tally.conv(layer.channels, layer.channels, 1, layer.in_size, bias=True)
            tally.conv(layer.channels, layer.channels, 1, layer.in_size, bias=True)
"""
SPEC = InputSpec(4, 16)


@pytest.fixture(autouse=True)
def parts(own_code_forgotten, tmp_path):
    def load(old: str = "", new: str = ""):
        """Registers the parts, something in them replaced."""
        assert old in PARTS
        (tmp_path / "parts.py").write_text(PARTS.replace(old, new) if old else PARTS)
        load_file(tmp_path / "parts.py")

    load()
    return load


def network(given, **more):
    layers = [{"conv": {"out": 16, "stride": 2}}, {"inverted_residual": {"out": 16, "expand": 2, **given}}]
    return archlab.architecture({"layers": layers, "resolution": 16, **more})


@pytest.mark.parametrize(
    ("given", "head", "has_closed_form"),
    [
        ({"act": "own_mish", "norm": "own_groups"}, {}, True),
        ({"act": "own_prelu"}, {}, False),
        ({"act": "own_blurred"}, {}, False),
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


def test_what_the_head_refuses_is_said():
    with pytest.raises(UserError, match=r"^head: .*divisible"):
        count(network({}, head={"norm": {"own_groups": {"groups": 7}}}), SPEC)


def test_a_part_that_is_registered_again_is_counted_again(parts):
    design = network({"channel_attention": "own_gate"})
    before = count(design, SPEC).params
    parts("self.conv = nn.Conv2d(channels, channels, 1)", "self.conv = nn.Conv2d(channels, channels, 1, bias=False)")
    assert count(design, SPEC).params == before - 32


def test_the_memory_of_a_channel_attention_is_held_against_what_it_says(parts):
    design, budget = network({"channel_attention": "own_pixels"}), Budget(peak_memory=64 * 1024)
    cost = count(design, SPEC)
    assert cost == measure(archlab.build_model(design, 4, resolution=16), 16)
    assert cost.peak_memory is None, "until it was asked for"
    assert fit_width(design, SPEC, budget) > 0
    assert count(design, SPEC).peak_memory == 1024 + 3 * 2048
    parts("tally.maps.beside()", "tally.maps.beside(False)")
    with pytest.raises(UserError, match=r"residual: with own_pixels, tally holds 5,120 values .* and the block 7,168"):
        fit_width(design, SPEC, budget)


@pytest.mark.parametrize(
    ("given", "old", "new", "message"),
    [
        (
            {"channel_attention": "own_pixels"},
            "layer.in_size, bias=True",
            "layer.in_size",
            "with own_pixels, tally counts 3,520 params, and the block has 3,584",
        ),
        ({"channel_attention": "own_pixels"}, "layer.in_size", "layer.pixels", "AttributeError: "),
        (
            {"channel_attention": "own_gate", "stride": 2},
            "x * self.conv",
            "self.conv",
            "a map of 1 x 16 x 4 x 4 must come out, as output_size says, and 1 x 16 x 1 x 1 does",
        ),
        ({"act": "own_blurred"}, "self.kernel,", "self.blur,", "AttributeError: "),
    ],
)
def test_a_part_that_is_otherwise_than_it_says_names_its_block(parts, given, old, new, message):
    parts(old, new)
    with pytest.raises(UserError, match=f"^inverted_residual: {message}"):
        count(network(given), SPEC)
