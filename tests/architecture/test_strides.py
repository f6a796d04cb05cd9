"""Strides at a resolution that a network was not published for."""

from __future__ import annotations

import pytest
import yaml

from archlab.architecture import InputSpec, architecture
from archlab.architecture.plan import map_sizes, published_strides, strides_for
from archlab.budget import count

BODY = [
    {"conv": {"out": 16, "stride": 2}},
    *({"inverted_residual": {"out": 16 * factor, "stride": 2, "repeat": 2}} for factor in (1, 2, 4, 6)),
]
END = [{"pool": {"kind": "mean", "kernel": 7, "stride": 7}}, {"conv": {"out": 640, "kernel": 1}}]


def network(tmp_path, layers):
    (tmp_path / "net.yaml").write_text(yaml.safe_dump({"name": "net", "layers": layers}))
    return architecture(tmp_path / "net.yaml")


@pytest.mark.parametrize("resolution", [32, 64, 96, 128, 160, 200])
def test_a_network_that_ends_in_a_map_of_one_pixel_keeps_its_strides(tmp_path, resolution):
    """A hidden layer after pooling, as in MobileNetV4 and FBNetV3."""
    net = network(tmp_path, BODY + END)
    assert map_sizes(net, published_strides(net), 224)[-1] == 1
    assert strides_for(net, InputSpec(10, resolution)) == published_strides(net)
    assert count(net, InputSpec(10, resolution)).macs < count(net, InputSpec(10, 224)).macs


@pytest.mark.parametrize("resolution", [32, 64, 96])
def test_any_other_keeps_the_smallest_map(tmp_path, resolution):
    net = network(tmp_path, BODY)
    sizes = map_sizes(net, strides_for(net, InputSpec(10, resolution)), resolution)
    assert sizes[-1] >= InputSpec(10, resolution).smallest_map > map_sizes(net, published_strides(net), 32)[-1]
    assert count(net, InputSpec(10, resolution)).params == count(net, InputSpec(10, 224)).params
