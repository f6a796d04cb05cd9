"""Every RegNet of torchvision, from the stages that its design space gives."""

from __future__ import annotations

import pytest
import torch

import archlab
from archlab.architecture import InputSpec
from archlab.budget import count
from tests.architecture.comparison import compare
from tests.repeated import WHOLE

# name: (widths, depths, group width, parameters at 1000 classes) of Radosavovic et al. 2020 (arXiv 2003.13678, tables 2 and 3,
# with the widths that groups divide); parameters as torchvision documents them
REGNETS = {
    "regnet_x_400mf": ((32, 64, 160, 400), (1, 2, 7, 12), 16, 5_495_976),
    "regnet_x_800mf": ((64, 128, 288, 672), (1, 3, 7, 5), 16, 7_259_656),
    "regnet_x_1_6gf": ((72, 168, 408, 912), (2, 4, 10, 2), 24, 9_190_136),
    "regnet_x_3_2gf": ((96, 192, 432, 1008), (2, 6, 15, 2), 48, 15_296_552),
    "regnet_x_8gf": ((80, 240, 720, 1920), (2, 5, 15, 1), 120, 39_572_648),
    "regnet_x_16gf": ((256, 512, 896, 2048), (2, 6, 13, 1), 128, 54_278_536),
    "regnet_x_32gf": ((336, 672, 1344, 2520), (2, 7, 13, 1), 168, 107_811_560),
    "regnet_y_400mf": ((48, 104, 208, 440), (1, 3, 6, 6), 8, 4_344_144),
    "regnet_y_800mf": ((64, 144, 320, 784), (1, 3, 8, 2), 16, 6_432_512),
    "regnet_y_1_6gf": ((48, 120, 336, 888), (2, 6, 17, 2), 24, 11_202_430),
    "regnet_y_3_2gf": ((72, 216, 576, 1512), (2, 5, 13, 1), 24, 19_436_338),
    "regnet_y_8gf": ((224, 448, 896, 2016), (2, 4, 10, 1), 56, 39_381_472),
    "regnet_y_16gf": ((224, 448, 1232, 3024), (2, 4, 11, 1), 112, 83_590_140),
    "regnet_y_32gf": ((232, 696, 1392, 3712), (2, 5, 12, 1), 232, 145_046_770),
    "regnet_y_128gf": ((528, 1056, 2904, 7392), (2, 7, 17, 1), 264, 644_812_894),
}


def regnet(name: str) -> archlab.architecture:
    widths, depths, group_width, _ = REGNETS[name]
    defaults = {
        "group_width": group_width,
        "shortcut": "projected",
        "channel_attention": "se" if "_y_" in name else None,
    }
    stages = [
        # of a stage narrower than a group, all channels are one
        {
            "bottleneck": {
                "out": width,
                "hidden": width,
                "stride": 2,
                "repeat": depth,
                "group_width": min(group_width, width),
            }
        }
        for width, depth in zip(widths, depths, strict=True)
    ]
    return archlab.architecture(
        {"name": name, "defaults": defaults, "layers": [{"conv": {"out": 32, "stride": 2}}, *stages]}
    )


def test_these_are_all_that_torchvision_has():
    models = pytest.importorskip("torchvision").models
    assert sorted(REGNETS) == sorted(models.list_models(include="regnet*"))


@pytest.mark.parametrize("name", REGNETS)
def test_same_parameters(name):
    weights = pytest.importorskip("torchvision").models.get_model_weights(name).DEFAULT
    published = count(regnet(name), InputSpec(1000))
    assert published.params == REGNETS[name][3] == weights.meta["num_params"]
    small = count(regnet(name), InputSpec(1000, 32))
    assert small.params == published.params, "parameters do not follow from the strides"


@pytest.mark.parametrize(
    "name",
    [
        "regnet_x_400mf",
        *(
            pytest.param(name, marks=pytest.mark.slow)
            for name in ("regnet_x_800mf", "regnet_x_1_6gf", "regnet_y_800mf", "regnet_y_1_6gf")
        ),
    ],
)
@pytest.mark.parametrize("resolution", [64, 97] if WHOLE else [65])
def test_same_outputs_and_gradients(name, resolution):
    torch.manual_seed(0)
    theirs = pytest.importorskip("torchvision").models.get_model(name)
    compare(archlab.build_model(regnet(name), num_classes=1000), theirs, resolution)
