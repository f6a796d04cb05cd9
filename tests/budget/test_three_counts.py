"""The closed form, fvcore and torch's own counter agree exactly."""

from __future__ import annotations

import itertools
import math

import pytest
import torch

import archlab
from archlab.architecture import Architecture, InputSpec, build_model
from archlab.budget import Cost, count, measure
from archlab.study.design import Designer
from archlab.study.loading import load_study
from archlab.study.shipped import studies
from tests.budget import independent
from tests.budget.random_networks import drawn_networks
from tests.repeated import WHOLE, repeated

PUBLISHED = {  # millions of MACs at an input size, of independent implementations of the same networks
    "mobilenetv2": (300.8, 224),
    "shufflenetv2": (144.9, 224),
    "efficientnet": (385.8, 224),
    "ghostnet": (404.1, 224),
    "tinynet": (336.9, 192),
    "mobileone": (1052, 224),
    "fbnet": (385.0, 224),
    "convnext": (547.3, 224),
    "mobilevit": (1026, 256),
    "starnet": (421.9, 224),
}


AGREED: dict[tuple[str, InputSpec, float, str], Cost] = {}
"""Of the networks that have been counted, which several studies have."""


def assert_three_counts_agree(
    architecture: Architecture, spec: InputSpec, width: float = 1.0, device: str = "cpu"
) -> Cost:
    network = (architecture.digest(), spec, width, device)
    if network not in AGREED:
        AGREED[network] = counted_alike(architecture, spec, width, device)
    return AGREED[network]


def counted_alike(architecture: Architecture, spec: InputSpec, width: float, device: str) -> Cost:
    resolution = spec.resolution or architecture.resolution
    with torch.device(device):
        model = build_model(architecture, spec, width)
    closed = count(architecture, spec, width)
    assert closed == measure(model, resolution, spec.in_channels)
    fused = model.fuse()
    macs, activations = independent.run(model, resolution, spec.in_channels)
    macs_deployed, _ = independent.run(fused, resolution, spec.in_channels)
    assert closed == Cost(
        params=independent.parameters(model),
        params_without_classifier=independent.parameters(model) - independent.parameters(model.head.classifier),
        params_deployed=independent.parameters(fused),
        macs=macs,
        activations=activations,
        macs_deployed=macs_deployed,
    )
    return closed


@pytest.mark.slow
@pytest.mark.parametrize("name", archlab.references())
def test_references_agree_on_small_inputs(name):
    assert_three_counts_agree(archlab.architecture(name), InputSpec(10, 32))


@pytest.mark.slow
@pytest.mark.parametrize(
    ("width", "resolution"),
    itertools.product([1.0, 0.55], [None, 224, 97, 64]) if WHOLE else [(1.0, 224), (0.55, 97)],
)
@pytest.mark.parametrize("name", archlab.references())
def test_references_agree(name, width, resolution):
    assert_three_counts_agree(archlab.architecture(name), InputSpec(120, resolution), width, "meta")


@pytest.mark.parametrize("name", sorted(set(archlab.references()) & set(PUBLISHED)))
def test_references_have_the_published_macs(name):
    macs, resolution = PUBLISHED[name]
    assert count(archlab.architecture(name), InputSpec(1000, resolution)).macs / 1e6 == pytest.approx(macs, rel=5e-4)


@pytest.mark.slow
@pytest.mark.parametrize("name", studies())
def test_shipped_studies_agree(name, tmp_path):
    study = load_study(name, home=tmp_path)
    designer = Designer(study, tmp_path)
    designs = designer.designs()
    some = designs if WHOLE else designs[:: math.ceil(len(designs) / 8)]
    for model in some:
        cost = assert_three_counts_agree(model.architecture, designer.input, model.width, "meta")
        assert study.budget.allows(cost) or model.kind == "raw"


def assert_random_networks_agree(seeds: range) -> None:
    built = 0
    for words, architecture, spec, width in drawn_networks(seeds):
        try:
            assert_three_counts_agree(architecture, spec, width)
        except AssertionError:
            print(words)
            raise
        built += 1
    assert built > len(seeds) / 2


@pytest.mark.slow
def test_random_networks_agree():
    assert_random_networks_agree(range(20))


@pytest.mark.slow
def test_many_random_networks_agree():
    assert_random_networks_agree(range(20, 20 + repeated(200)))


@pytest.mark.slow
@pytest.mark.parametrize("name", archlab.references())
def test_the_device_changes_nothing(name):
    architecture = archlab.architecture(name)
    with torch.device("meta"):
        model = archlab.build_model(architecture, 10, resolution=32)
    assert measure(model, 32) == count(architecture, InputSpec(10, 32))


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
@pytest.mark.parametrize("name", archlab.references())
def test_a_gpu_changes_nothing(name):
    architecture = archlab.architecture(name)
    model = archlab.build_model(architecture, 10, resolution=32).cuda()
    assert measure(model, 32) == count(architecture, InputSpec(10, 32))
