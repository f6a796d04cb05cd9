"""The memory of feature maps: the closed form against liveness over the exported network."""

from __future__ import annotations

import pytest
import torch

import archlab
from archlab.architecture import Architecture, InputSpec, build_model
from archlab.architecture.own_blocks import own_blocks_alone
from archlab.budget import Budget, count, fit_width, measure, peak_elements
from archlab.foundation import UserError
from archlab.foundation.own_code import load_file
from tests.budget.random_networks import drawn_networks
from tests.repeated import repeated

KIB = {  # in int8 at 32 and 224 pixels, fitted to 2.5 million parameters and 10 classes, by a program of another author
    "convmixer": (16.5, 1056),
    "convnext": (48, 588),
    "efficientnet": (120, 1470),
    "fbnet": (120, 1470),
    "ghostnet": (80, 980),
    "mobilenetv2": (120, 1470),
    "mobileone": (50, 637),
    "mobilevit": (200, 2450),
    "shufflenetv2": (40, 539),
    "starnet": (60, 735),
    "tinynet": (120, 1470),
}


def needed(architecture: Architecture, spec: InputSpec, width: float) -> int:
    resolution = spec.resolution or architecture.resolution
    model = build_model(architecture, spec, width).fuse()
    return peak_elements(model, torch.zeros(1, spec.in_channels, resolution, resolution))


@pytest.mark.parametrize("resolution", [32, pytest.param(224, marks=pytest.mark.slow)])
@pytest.mark.parametrize("name", archlab.references())
def test_references_need_what_they_say(name, resolution):
    architecture, spec = archlab.architecture(name), InputSpec(10, resolution)
    width = fit_width(architecture, spec, Budget())
    cost = count(architecture, spec, width)
    assert cost.peak_memory == needed(architecture, spec, width) == 1024 * KIB[name][resolution == 224]
    assert cost.flash == cost.params_deployed


def assert_random_networks_need_what_they_say(seeds: range, least: int) -> None:
    built = 0
    for words, architecture, spec, width in drawn_networks(seeds):
        assert count(architecture, spec, width).peak_memory == needed(architecture, spec, width), words
        built += 1
    assert built >= least


@pytest.mark.slow
def test_random_networks_need_what_they_say():
    assert_random_networks_need_what_they_say(range(6), 3)


@pytest.mark.slow
def test_many_random_networks_need_what_they_say():
    assert_random_networks_need_what_they_say(range(6, 6 + repeated(184)), repeated(184) // 2)


@pytest.mark.parametrize("name", archlab.references())
@pytest.mark.parametrize("kib", [24, 64])
def test_a_width_keeps_the_memory_or_the_least_is_said(name, kib):
    architecture, spec, budget = archlab.architecture(name), InputSpec(10, 32), Budget(peak_memory=kib * 1024)
    try:
        width = fit_width(architecture, spec, budget)
    except UserError as error:
        least = budget.describe(count(architecture, spec, 0.001))
        assert f"cannot keep the budget of {budget}: it needs at least {least}" in error.message
        assert not budget.allows(count(architecture, spec, 0.001))
        return
    assert budget.allows(count(architecture, spec, width))
    assert not budget.allows(count(architecture, spec, round(width + 0.001, 3)))


def test_flash_is_what_is_deployed():
    architecture, spec = archlab.architecture("mobileone"), InputSpec(10, 32)
    width = fit_width(architecture, spec, Budget(None, flash=1024 * 1024))
    assert 0.9 * 1024 * 1024 < count(architecture, spec, width).params_deployed <= 1024 * 1024


def test_a_map_that_attends_to_itself_is_followed():
    class Attending(torch.nn.Module):
        def forward(self, x):
            return torch.nn.functional.scaled_dot_product_attention(x, x, x)

    assert peak_elements(Attending(), torch.zeros(1, 4, 8)) == 32 + 32 + 4 * 4, "input, output, products"


@pytest.mark.slow
def test_measuring_says_nothing_of_memory():
    assert measure(build_model(archlab.architecture("starnet"), InputSpec(10, 32)), 32).peak_memory is None


OWN = """
import torch
import blocks


@blocks.register("doubled")
class Doubled(blocks.Block):
    def __init__(self, *, in_channels: int, out_channels: int, stride: int = 1):
        super().__init__()
        self.conv = torch.nn.Conv2d(in_channels, out_channels, 1, stride, bias=False)

    def forward(self, x):
        y = self.conv(x)
        return torch.cat((y, y * 2), dim=1)[:, : y.shape[1]]
"""
TALLY = """
    @classmethod
    def tally(cls, tally, layer):
        size = cls.output_size(layer)
        tally.conv(layer.in_channels, layer.out_channels, 1, size)
"""
HELD = """
        first = tally.maps.hold()
        tally.maps.put(layer.out_channels * size**2)
        tally.maps.join(first, tally.maps.hold())
"""


@pytest.mark.parametrize(
    ("code", "refusal"),
    [
        (OWN, "doubled: it has no tally, so nobody knows what memory it needs"),
        (OWN + TALLY, "doubled: tally holds 6,144 values of feature maps at once, and the block 16,384"),
        (OWN + TALLY + HELD, None),
    ],
)
def test_own_blocks_are_held_against_what_they_say(tmp_path, code, refusal):
    file = tmp_path / "own.py"
    file.write_text(code)
    with own_blocks_alone({}):
        load_file(file)
        architecture = archlab.architecture({"name": "net", "layers": [{"conv": {"out": 8}}, {"doubled": {"out": 16}}]})
        spec, budget = InputSpec(5, 16), Budget(None, peak_memory=16 * 1024)
        assert count(architecture, spec).peak_memory is None, "until it was asked for"
        if refusal:
            with pytest.raises(UserError) as refused:
                fit_width(architecture, spec, budget)
            assert refusal in str(refused.value) and "\n" not in str(refused.value)
            return
        assert fit_width(architecture, spec, budget) >= 1
        assert count(architecture, spec).peak_memory == 16 * 1024 == needed(architecture, spec, 1.0)


ADDED = """
import torch
import blocks


@blocks.register("added")
class Added(blocks.Block):
    def __init__(self, *, in_channels: int, out_channels: int, stride: int = 1):
        super().__init__()
        self.first = torch.nn.Conv2d(in_channels, out_channels, 1, stride, bias=False)
        self.second = torch.nn.Conv2d(out_channels, out_channels, 1, bias=False)
        self.adds = stride == 1 and in_channels == out_channels

    def forward(self, x):
        y = self.second(self.first(x))
        return x + y if self.adds else y

    @classmethod
    def tally(cls, tally, layer):
        adds = layer.stride == 1 and layer.in_channels == layer.out_channels
        with tally.maps.beside(adds):
            for channels in (layer.in_channels, layer.out_channels):
                tally.conv(channels, layer.out_channels, 1, cls.output_size(layer))
"""


def test_a_block_that_needs_more_without_a_stride_is_held_there_too(tmp_path):
    file, layers = tmp_path / "own.py", [{"added": {"out": 16, "stride": 2}}, {"added": {"out": 16, "repeat": 2}}]
    spec, budget = InputSpec(5, 16), Budget(None, peak_memory=16 * 1024)
    file.write_text(ADDED)
    with own_blocks_alone({}):
        load_file(file)
        architecture = archlab.architecture({"name": "net", "layers": layers})
        assert fit_width(architecture, spec, budget) >= 1
        assert count(architecture, spec).peak_memory == 3072
        file.write_text(ADDED.replace("beside(adds)", "beside(False)"))
        load_file(file)
        with pytest.raises(UserError, match=r"added: tally holds 2,048 values .* and the block 3,072"):
            fit_width(architecture, spec, budget)
