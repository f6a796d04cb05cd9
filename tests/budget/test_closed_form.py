"""Blocks without a closed form, and what counting refuses."""

from __future__ import annotations

import pytest
import torch
from torch import nn

import archlab
import blocks
from archlab.architecture import InputSpec
from archlab.budget import count, measure
from archlab.foundation import UserError
from archlab.foundation.documents import read_yaml_text


class Untallied(blocks.Block):
    """Two parallel convolutions that fuse into one; no closed form."""

    built = 0

    def __init__(self, *, in_channels: int, out_channels: int, stride: int = 1, kernel: int = 3):
        super().__init__()
        type(self).built += 1
        self.wide = nn.Conv2d(in_channels, out_channels, kernel, stride, kernel // 2)
        self.narrow = nn.Conv2d(in_channels, out_channels, 1, stride)

    def forward(self, x):
        return self.wide(x) + self.narrow(x)

    def fuse(self):
        return self.wide


class Uncountable(blocks.Block):
    def __init__(self, *, in_channels: int, out_channels: int, stride: int = 1):
        super().__init__()
        self.rows = nn.LSTM(in_channels, out_channels, batch_first=True)

    def forward(self, x):
        y, _ = self.rows(x.flatten(2).transpose(1, 2))
        return y.transpose(1, 2).unflatten(2, x.shape[2:])


@pytest.fixture
def own_blocks(monkeypatch):
    for block in (Untallied, Uncountable):
        monkeypatch.setitem(blocks.BLOCKS._entries, block.__name__.lower(), block)


def test_a_block_without_a_closed_form_is_measured_once(own_blocks):
    layers = [{"untallied": {"out": 16, "stride": 2}}, {"untallied": {"out": 16, "repeat": 3}}, {"conv": {"out": 8}}]
    architecture = archlab.architecture({"layers": layers})
    before = Untallied.built
    cost = count(architecture, InputSpec(4, 33))
    assert Untallied.built == before + 2 * 2  # for its output and its cost; the three repetitions are one
    assert count(architecture, InputSpec(4, 33)) == cost
    assert Untallied.built == before + 2 * 2
    assert cost == measure(archlab.build_model(architecture, 4, resolution=33), 33)
    assert cost.params_deployed < cost.params


def test_an_operator_that_nobody_can_count_is_an_error(own_blocks):
    architecture = archlab.architecture({"layers": [{"uncountable": {"out": 8}}]})
    with pytest.raises(UserError, match=r"uncountable: nobody can count.*aten::lstm"):
        count(architecture, InputSpec(4, 8))


def test_arguments_that_no_module_has_are_an_error_with_the_line():
    document = read_yaml_text("layers:\n  - conv: {out: 9}\n  - conv: {out: 8, groups: 2}\n", "mine.yaml")
    with pytest.raises(UserError, match=r"mine\.yaml:3: conv: 2 groups do not divide 9 -> 8 channels"):
        count(archlab.architecture(document), InputSpec(4))


class Tallied(blocks.Block):
    """One convolution, rightly counted."""

    def __init__(self, *, in_channels: int, out_channels: int, stride: int = 1, steps: int = 7):
        super().__init__()
        torch.linspace(0, 1, 3)[1].item()  # as constructors do for drop path: no meta tensor could
        self.conv = nn.Conv2d(in_channels, out_channels, 1, stride, bias=False)

    def forward(self, x):
        return self.conv(x)

    @classmethod
    def tally(cls, tally, layer):
        tally.conv(layer.in_channels, layer.out_channels, 1, cls.output_size(layer))

    @classmethod
    def output_size(cls, layer):
        if layer.in_size % 7:
            raise ValueError(f"{layer.in_size} pixels are no whole number of sevens")
        return super().output_size(layer)


class Wrong(Tallied):
    @classmethod
    def tally(cls, tally, layer):
        tally.parameters(1)


class Fourier(Tallied):
    """An operator that fvcore cannot count, which is why there is a tally."""

    def forward(self, x):
        return torch.fft.fft2(super().forward(x)).real


def network_of(monkeypatch, block, **arguments):
    monkeypatch.setitem(blocks.BLOCKS._entries, "mine", block)
    return archlab.architecture({"layers": [{"mine": {"out": 8, **arguments}}]})


@pytest.mark.parametrize("block", [Tallied, Fourier])
def test_a_right_tally_is_taken_whatever_the_block_computes_and_needs(monkeypatch, block):
    assert count(network_of(monkeypatch, block, steps=100_000), InputSpec(4, 28)).params == 3 * 8 + 8 * 4 + 4


def test_a_wrong_tally_is_refused_each_time(monkeypatch):
    network = network_of(monkeypatch, Wrong)
    for width in (1.0, 1.0, 2.0, 3.0, 4.0, 5.0):
        with pytest.raises(UserError, match="tally counts 1 params, and the block has"):
            count(network, InputSpec(4, 28), width)
    with pytest.raises(UserError, match="tally counts 1 params"):
        archlab.fit_width(network, num_classes=4, resolution=28, params=1000)


def test_what_a_block_refuses_is_asked_of_the_images_that_it_gets(monkeypatch):
    with pytest.raises(UserError, match="mine: 30 pixels are no whole number of sevens"):
        count(network_of(monkeypatch, Tallied), InputSpec(4, 30))
