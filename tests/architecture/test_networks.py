"""Networks that are not among the references, written in YAML alone."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from torch import nn

import archlab
from archlab.architecture import InputSpec
from archlab.budget import count, measure
from tests.architecture.comparison import compare
from tests.architecture.test_references import timm_model, torchvision_model
from tests.repeated import WHOLE

FOLDER = Path(__file__).parent / "networks"
NAMES = sorted(path.stem for path in FOLDER.glob("*.yaml"))


def shufflenetv2_se() -> nn.Module:
    """torchvision's unit, whose second branch is the one that convolves, with torchvision's squeeze-and-excitation after it."""
    torchvision = pytest.importorskip("torchvision")
    model = torchvision.models.shufflenet_v2_x0_5()
    for unit in model.modules():
        if isinstance(unit, torchvision.models.shufflenetv2.InvertedResidual):
            half = unit.branch2[-2].num_features
            unit.branch2.append(torchvision.ops.SqueezeExcitation(half, half // 4))
    return model


def mixnet(name: str) -> Callable[[], nn.Module]:
    """timm's, with each pair of 1x1 convolutions on halves of the channels as the grouped convolution that they are."""

    def build() -> nn.Module:
        model = timm_model(name)()
        for parent in list(model.modules()):
            for attribute, mixed in list(parent.named_children()):
                convs = list(mixed.children())
                if type(mixed).__name__ == "MixedConv2d" and convs[0].kernel_size == (1, 1):
                    assert len({conv.weight.shape for conv in convs}) == 1
                    out_channels, in_channels = (len(convs) * size for size in convs[0].weight.shape[:2])
                    grouped = nn.Conv2d(in_channels, out_channels, 1, groups=len(convs), bias=False)
                    grouped.weight.data = torch.cat([conv.weight.data for conv in convs])
                    setattr(parent, attribute, grouped)
        return model

    return build


INDEPENDENT: dict[str, Callable[[], nn.Module]] = {
    "convnextv2_atto": timm_model("convnextv2_atto"),
    "efficientnet_es": timm_model("efficientnet_es"),
    "efficientnet_lite0": timm_model("efficientnet_lite0"),
    "ghostnetv1": timm_model("ghostnet_100"),
    "mixnet_s": mixnet("mixnet_s"),
    "mobilenetv4_conv_small": timm_model("mobilenetv4_conv_small"),
    "squeezenet": torchvision_model("squeezenet1_1"),
    "lcnet_050": timm_model("lcnet_050"),
    "tf_efficientnetv2_b0": timm_model("tf_efficientnetv2_b0"),
    "mnasnet": torchvision_model("mnasnet1_0"),
    "mobilenetv1": timm_model("mobilenetv1_100"),
    "mobilenetv3_large": torchvision_model("mobilenet_v3_large"),
    "mobilenetv3_small": torchvision_model("mobilenet_v3_small"),
    "regnetz_005": timm_model("regnetz_005"),
    "regnety_400mf": torchvision_model("regnet_y_400mf"),
    "repvgg_a0": timm_model("repvgg_a0"),
    "resnet10t": timm_model("resnet10t"),
    "resnet14t": timm_model("resnet14t"),
    "resnet18": torchvision_model("resnet18"),
    "resnet50": torchvision_model("resnet50"),
    "shufflenetv2_se": shufflenetv2_se,
    # larger ones of the same kinds
    "slow/convnextv2_femto": timm_model("convnextv2_femto"),
    "slow/efficientnetv2_s": torchvision_model("efficientnet_v2_s"),
    "slow/mixnet_m": mixnet("mixnet_m"),
    "slow/mobilenetv4_conv_medium": timm_model("mobilenetv4_conv_medium"),
    "slow/resnet26d": timm_model("resnet26d"),
}
SLOW = (
    "tf_efficientnetv2_b0",
    "efficientnet_lite0",
    "mnasnet",
    "mobilenetv1",
    "mobilenetv3_large",
    "resnet14t",
    "resnet18",
    "resnet50",
)


def network(name: str) -> archlab.architecture:
    return archlab.architecture(FOLDER / f"{name}.yaml")


def at_odd_and_even_sizes() -> list:
    """The quick ones at both, so that padding shows; the slow ones at the odd size, which halves to odd ones. All at larger
    ones where all is asked for."""
    if WHOLE:
        return list(itertools.product(INDEPENDENT, (64, 97)))
    quick = [name for name in INDEPENDENT if name not in SLOW and "/" not in name]
    slow = [pytest.param(name, 65, marks=pytest.mark.slow) for name in INDEPENDENT if name not in quick]
    return [
        *itertools.product(quick, (64, 65)),
        pytest.param("tf_efficientnetv2_b0", 64, marks=pytest.mark.slow),
        *slow,
    ]


@pytest.mark.slow
@pytest.mark.parametrize(("name", "resolution"), at_odd_and_even_sizes())
def test_equals_an_independent_implementation(name, resolution):
    torch.manual_seed(0)
    compare(archlab.build_model(network(name), num_classes=1000), INDEPENDENT[name](), resolution)


@pytest.mark.slow
@pytest.mark.parametrize("name", NAMES)
def test_closed_form_equals_what_is_measured(name):
    for resolution, width in ((None, 1.0), (48, 0.4)):
        arch = network(name)
        model = archlab.build_model(arch, num_classes=10, resolution=resolution, width=width)
        size = resolution or arch.resolution
        assert count(arch, InputSpec(10, resolution), width) == measure(model, size)


@pytest.mark.parametrize("name", NAMES)
def test_width_scales_sensibly(name):
    arch = network(name)
    widths = (0.25, 0.5, 1.0, 1.5, 2.0)
    params = [count(arch, InputSpec(10), width).params for width in widths]
    assert params == sorted(params)
    assert 2.3 < params[-1] / params[2] < 4.5, "a width of 2 makes between two and four times the parameters"
    assert 0.05 < params[0] / params[2] < 0.4
    fitted = archlab.fit_width(arch, params=2_500_000, num_classes=100)
    assert 0.9 < count(arch, InputSpec(100), fitted).params / 2_500_000 <= 1


@pytest.mark.parametrize("name", [*archlab.references(), *NAMES])
def test_parameters_never_change_with_the_resolution(name):
    arch = network(name) if name in NAMES else archlab.architecture(name)
    published = count(arch, InputSpec(10))
    for resolution in (16, 33, 64):
        small = count(arch, InputSpec(10, resolution, smallest_map=4))
        assert (small.params, small.params_deployed) == (published.params, published.params_deployed)
        assert small.macs < published.macs
