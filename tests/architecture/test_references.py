"""The references against independent implementations: parameters, outputs, gradients, buffers, initialisation."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import nn

import archlab
from tests.architecture.comparison import compare


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
        (42, 65),
    ),
    "convnext": ("timm convnext_atto", timm_model("convnext_atto"), 3_695_520, (96, 97)),
    "efficientnet": ("torchvision efficientnet_b0", torchvision_model("efficientnet_b0"), 5_288_548, (96, 97)),
    "fbnet": ("timm fbnetc_100", timm_model("fbnetc_100"), 5_572_200, (96, 97)),
    "ghostnet": ("timm ghostnetv3_100", timm_model("ghostnetv3_100"), 8_129_028, (96, 97)),
    "mobileone": ("timm mobileone_s0", timm_model("mobileone_s0"), 5_293_272, (96, 97)),
    "shufflenetv2": ("torchvision shufflenet_v2_x1_0", torchvision_model("shufflenet_v2_x1_0"), 2_278_604, (96, 97)),
    "tinynet": ("timm tinynet_a", timm_model("tinynet_a"), 6_187_972, (96, 97)),
    "mobilenetv2": ("torchvision mobilenet_v2", torchvision_model("mobilenet_v2"), 3_504_872, (96, 97)),
    "mobilevit": ("timm mobilevit_xs", timm_model("mobilevit_xs"), 2_317_848, (96, 97)),
    "starnet": ("timm starnet_s1", timm_model("starnet_s1"), 2_869_168, (96, 97)),
}


@pytest.fixture(params=REFERENCES)
def reference(request) -> tuple[str, nn.Module, nn.Module]:
    """Name, our network and the independent one."""
    torch.manual_seed(0)
    name = request.param
    return name, archlab.build_model(archlab.architecture(name), num_classes=1000), REFERENCES[name][1]()


def test_same_number_of_parameters(reference):
    name, ours, theirs = reference
    numbers = [sum(parameter.numel() for parameter in model.parameters()) for model in (ours, theirs)]
    assert numbers == [REFERENCES[name][2]] * 2


@pytest.mark.parametrize("which", [0, 1])
def test_same_outputs_gradients_and_buffers(reference, which):
    name, ours, theirs = reference
    compare(ours, theirs, REFERENCES[name][3][which])
