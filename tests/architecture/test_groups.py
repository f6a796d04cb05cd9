"""Groups of channels at other widths than the published one."""

from __future__ import annotations

import pytest

import archlab
from archlab.architecture import InputSpec
from archlab.architecture.writing import architecture_yaml, at_width
from archlab.budget import count, measure
from archlab.foundation import UserError, read_yaml_text

MOBILENET = """
layers:
  - conv: {out: 32, stride: 2}
  - conv: {groups: 32}
  - conv: {out: 60, kernel: 1}
  - conv: {out: 120, groups: 60, stride: 2, repeat: 2}
  - multi_branch_conv: {groups: 120}
  - conv: {out: 96, kernel: 1, groups: 8}
  - conv: {groups: 6}
  - inverted_residual: {out: 96, groups: 3}
"""
WIDTHS = (0.01, 0.1, 0.35, 0.5, 0.77, 1.0, 1.3, 2.0)


def read(text: str) -> archlab.architecture:
    return archlab.architecture(read_yaml_text(text, "net.yaml"))


def convolutions(net, width: float) -> list:
    layers = archlab.build_model(net, num_classes=10, resolution=32, width=width).layers
    return [layer.conv for layer in layers if hasattr(layer, "conv")]


@pytest.mark.parametrize("width", WIDTHS[1:])
def test_a_depthwise_convolution_stays_one_at_every_width(width):
    _, depthwise, _, doubling, _, eight, six = convolutions(read(MOBILENET), width)
    assert depthwise.groups == depthwise.in_channels == depthwise.out_channels
    assert doubling.groups == doubling.in_channels == doubling.out_channels // 2
    assert eight.groups == 8, "as many as published where these divide the channels"
    assert six.groups == max(number for number in range(1, 7) if six.in_channels % number == 0)


@pytest.mark.parametrize("width", WIDTHS)
def test_they_are_counted_and_written_as_they_are_built(width):
    net = read(MOBILENET)
    cost = count(net, InputSpec(10, 32), width)
    assert cost == measure(archlab.build_model(net, num_classes=10, resolution=32, width=width), 32)
    assert cost == count(read(architecture_yaml(at_width(net, width, "written"))), InputSpec(10, 32))


@pytest.mark.parametrize("params", [8_000, 20_000, 500_000])
def test_they_can_be_fitted(params):
    net = read(MOBILENET)
    width = archlab.fit_width(net, params=params, num_classes=10)
    assert 0.85 * params < count(net, InputSpec(10), width).params <= params


def test_what_does_not_divide_is_said_as_it_is_written():
    net = read("layers:\n  - conv: {out: 48}\n  - conv: {out: 64, groups: 64}\n")
    with pytest.raises(UserError, match=r"^net\.yaml:3: conv: 64 groups do not divide 48 -> 64 channels$"):
        archlab.fit_width(net, params=5_000, num_classes=10)
