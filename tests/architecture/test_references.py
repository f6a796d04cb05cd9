"""The references against independent implementations: cost, outputs, gradients, buffers, initialisation, fusing, fitting."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest
import torch
from torch import nn

import archlab
from archlab.architecture import InputSpec
from archlab.budget import count, measure
from tests.architecture.comparison import compare, initialization_differences


def timm_model(name: str, **arguments) -> Callable[[], nn.Module]:
    return lambda: pytest.importorskip("timm").create_model(name, **arguments)


def torchvision_model(name: str) -> Callable[[], nn.Module]:
    return lambda: pytest.importorskip("torchvision").models.get_model(name)


def timm_convmixer(**arguments) -> Callable[[], nn.Module]:
    return lambda: pytest.importorskip("timm.models.convmixer").ConvMixer(**arguments)


# reference: (independent implementation, its builder, its parameters at 1000 classes, two resolutions, one odd)
REFERENCES: dict[str, tuple[str, Callable[[], nn.Module], int, tuple[int, int]]] = {
    "convmixer": (
        "timm ConvMixer(dim=512, depth=8, kernel_size=5, patch_size=7)",
        timm_convmixer(dim=512, depth=8, kernel_size=5, patch_size=7),
        2_813_928,
        (65, 42),
    ),
    "convnext": ("timm convnext_atto", timm_model("convnext_atto"), 3_695_520, (65, 64)),
    "efficientnet": ("torchvision efficientnet_b0", torchvision_model("efficientnet_b0"), 5_288_548, (65, 64)),
    "fbnet": ("timm fbnetc_100", timm_model("fbnetc_100"), 5_572_200, (65, 64)),
    # at 96 pixels its gates see maps of one pixel, whose batch statistics amplify rounding errors
    "ghostnet": ("timm ghostnetv3_100", timm_model("ghostnetv3_100"), 8_129_028, (97, 128)),
    "mobilenetv2": ("torchvision mobilenet_v2", torchvision_model("mobilenet_v2"), 3_504_872, (65, 64)),
    "mobileone": ("timm mobileone_s0", timm_model("mobileone_s0"), 5_293_272, (65, 64)),
    "mobilevit": ("timm mobilevit_xs", timm_model("mobilevit_xs"), 2_317_848, (65, 64)),
    "shufflenetv2": ("torchvision shufflenet_v2_x1_0", torchvision_model("shufflenet_v2_x1_0"), 2_278_604, (65, 64)),
    "starnet": ("timm starnet_s1", timm_model("starnet_s1"), 2_869_168, (65, 64)),
    "tinynet": ("timm tinynet_a", timm_model("tinynet_a"), 6_187_972, (65, 64)),
}

# Weights that start otherwise than in the independent implementation; the reference's file says why.
OTHER_START = {
    "efficientnet": r"depthwise\.weight",
    "mobilenetv2": r"depthwise\.weight",
    "mobilevit": r"projection_norm\.weight|layers\.\d+\.layers|classifier\.weight",
}


def build(name: str, num_classes: int = 1000, **arguments) -> nn.Module:
    torch.manual_seed(0)
    return archlab.build_model(archlab.architecture(name), num_classes=num_classes, **arguments)


def test_the_eleven_are_all_compared():
    assert sorted(REFERENCES) == archlab.references()


@pytest.mark.parametrize("name", REFERENCES)
def test_same_cost(name):
    arch, theirs = archlab.architecture(name), REFERENCES[name][1]()
    ours, independent = count(arch, InputSpec(1000)), measure(theirs, arch.resolution)
    assert ours.params == independent.params == REFERENCES[name][2]
    assert (ours.macs, ours.activations) == (independent.macs, independent.activations)


@pytest.mark.parametrize(
    ("name", "resolution"),
    [
        pytest.param(name, resolution, marks=pytest.mark.slow if resolution % 2 == 0 else ())
        for name, (*_, resolutions) in REFERENCES.items()
        for resolution in resolutions
    ],
)
def test_same_outputs_gradients_and_buffers(name, resolution):
    compare(build(name), REFERENCES[name][1](), resolution)


@pytest.mark.slow
@pytest.mark.parametrize("name", REFERENCES)
def test_same_initialization(name):
    ours = build(name)
    different = initialization_differences(ours, REFERENCES[name][1](), 64)
    other = [line for line in different if name in OTHER_START and re.search(OTHER_START[name], line.split(":")[0])]
    assert different == other
    assert (name in OTHER_START) == bool(other), "an exception that is none"


@pytest.mark.parametrize("name", ["efficientnet", "mobilenetv2"])
def test_depthwise_weights_start_as_in_timm(name):
    """torchvision counts all channels in the fan of a depthwise convolution, timm and the authors the one that it sees."""
    theirs = timm_model({"efficientnet": "efficientnet_b0", "mobilenetv2": "mobilenetv2_100"}[name])()
    different = initialization_differences(build(name), theirs, 64)
    assert not [line for line in different if "head" not in line]


@pytest.mark.parametrize("name", REFERENCES)
@pytest.mark.parametrize("num_classes", [10, 120])
def test_fits_the_budget(name, num_classes):
    arch = archlab.architecture(name)
    width = archlab.fit_width(arch, params=2_500_000, num_classes=num_classes)
    assert 0.95 * 2_500_000 <= count(arch, InputSpec(num_classes), width).params <= 2_500_000


@pytest.mark.slow
@pytest.mark.parametrize("name", ["ghostnet", "mobileone"])
@pytest.mark.parametrize(("dtype", "tolerance"), [(torch.float64, 1e-10), (torch.float32, 1e-4)])
def test_fused_equals_unfused_after_training(name, dtype, tolerance):
    model = build(name, num_classes=10, width=0.5).to(dtype)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.01)
    for _ in range(3):
        images, labels = torch.randn(4, 3, 64, 64, dtype=dtype), torch.arange(4)
        optimizer.zero_grad()
        nn.functional.cross_entropy(model(images), labels).backward()
        optimizer.step()
    fused, expected = model.fuse()(images), model.eval()(images)
    assert (fused - expected).abs().max() <= tolerance * expected.abs().max()


def test_a_network_that_is_fused_goes_on_training():
    model = build("ghostnet", num_classes=10, width=0.1).train()
    before = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    fused = model.fuse()
    assert all(module.training for module in model.modules())
    fused(torch.randn(2, 3, 64, 64))
    model(torch.randn(2, 3, 64, 64))
    assert not any(module.training for module in fused.modules())
    assert any(not torch.equal(before[name], tensor) for name, tensor in model.state_dict().items())


@pytest.mark.slow
@pytest.mark.parametrize(("name", "deployed"), [("ghostnet", "ghostnetv3_100"), ("mobileone", "mobileone_s0")])
def test_same_number_of_deployed_parameters(name, deployed):
    theirs = pytest.importorskip("timm.utils.model").reparameterize_model(timm_model(deployed)())
    expected = sum(parameter.numel() for parameter in theirs.parameters())
    assert sum(parameter.numel() for parameter in build(name).fuse().parameters()) == expected
    assert count(archlab.architecture(name), InputSpec(1000)).params_deployed == expected


@pytest.mark.parametrize("name", REFERENCES)
@pytest.mark.parametrize("smallest_map", [2, None])
def test_runs_on_small_images(name, smallest_map):
    """GhostNetV3 of timm fails on a map of one pixel, which an input of 32 pixels ends in where strides are as published."""
    model = build(name, num_classes=5, width=0.3, resolution=32, smallest_map=smallest_map)
    assert model(torch.randn(2, 3, 32, 32)).shape == (2, 5)
