"""The eleven models as the published study ran them: parameters to the digits of its table."""

from __future__ import annotations

import math

import pytest
import torch
from torch import nn
from torchvision.models import efficientnet_b0, mobilenet_v2
from torchvision.models.efficientnet import MBConv

import archlab
from archlab.architecture import InputSpec, from_canonical, place
from archlab.architecture.plan import strides_for
from archlab.budget import count, measure
from archlab.scoring import architecture_elements, published_elements
from archlab.study.loading import load_study
from archlab.study.resolving import resolve
from blocks.additive_mobilevit import AdditiveMobileViT
from tests.architecture.comparison import initialization_differences

MILLIONS = {  # at 10 and at 100 classes
    "convmixer": (2.31, 2.35),
    "convnext": (2.62, 2.67),
    "efficientnet": (2.57, 2.66),
    "fbnet": (3.61, 3.79),
    "ghostnet": (2.28, 2.39),
    "mobilenetv2": (2.24, 2.35),
    "mobileone": (2.16, 2.25),
    "mobilevit": (4.67, 4.71),
    "shufflenetv2": (2.16, 2.25),
    "starnet": (2.68, 2.70),
    "tinynet": (2.49, 2.61),
}


@pytest.fixture(scope="module")
def models():
    return {architecture.name: architecture for architecture in load_study("zhang2025").compare}


@pytest.fixture(scope="module")
def whole_b0():
    """What EfficientNet is on Imagenette and CIFAR-100."""
    (form,) = (form for form in load_study("zhang2025").forms if form.models == ("efficientnet",))
    return form.architecture


def test_the_study(models):
    study = load_study("zhang2025")
    assert set(models) == set(MILLIONS) == set(archlab.references())
    assert (study.budget.params, study.recipe.name, len(study.suite.datasets)) == (None, "zhang2025", 7)


@pytest.mark.parametrize("name", MILLIONS)
def test_parameters(models, name):
    counted = [count(models[name], InputSpec(classes)).params / 1e6 for classes in (10, 100)]
    assert [round(millions, 2) for millions in counted] == list(MILLIONS[name])


@pytest.mark.parametrize("name", MILLIONS)
def test_closed_form_equals_what_is_measured(models, name):
    model = archlab.build_model(models[name], 10)
    assert count(models[name], InputSpec(10, 224)) == measure(model, 224)


def test_mobileone_fused(models):
    assert round(count(models["mobileone"], InputSpec(10)).params_deployed / 1e6, 2) == 1.06


def as_torch_starts(module: nn.Module) -> bool:
    """Whether weight and bias look uniform within 1 / sqrt(fan in), and are not narrower."""
    bound = module.weight[0].numel() ** -0.5
    given = [each.detach().flatten() for each in (module.weight, module.bias) if each is not None]
    return all(
        each.abs().max() <= bound and (each.numel() < 200 or each.std() > 0.9 * bound / math.sqrt(3)) for each in given
    )


@pytest.mark.parametrize("name", ["convnext", "mobileone", "starnet"])
def test_weights_start_as_the_authors_leave_them(models, name):
    torch.manual_seed(0)
    model = archlab.build_model(models[name], 10)
    layers = [module for module in model.layers.modules() if isinstance(module, (nn.Conv2d, nn.Linear))]
    assert len(layers) > 10 and all(as_torch_starts(layer) for layer in layers)
    classifier = model.head.classifier
    if name == "starnet":
        assert classifier.bias.abs().max() == 0 and abs(classifier.weight.std() - 0.02) < 0.002
    else:
        assert as_torch_starts(classifier)


def test_what_is_torchvision_s_starts_as_there(models, whole_b0):
    assert models["efficientnet"].init == whole_b0.init
    for ours, theirs in ((models["mobilenetv2"], mobilenet_v2), (whole_b0, efficientnet_b0)):
        torch.manual_seed(0)
        assert not initialization_differences(archlab.build_model(ours, 1000), theirs(), 64)


def test_efficientnet_drops_residual_branches_as_torchvision_s_does(models, whole_b0):
    """Up to 0.2 of them, the later the more."""

    def rates(architecture):
        return [layer.arguments["drop_path"] for layer in architecture.layers if layer.block == "inverted_residual"]

    theirs = [block for block in efficientnet_b0().modules() if isinstance(block, MBConv)]
    assert rates(whole_b0) == pytest.approx([block.stochastic_depth.p * block.use_res_connect for block in theirs])
    cut_short = [0.2 * at / 12 * (at in (2, 4, 6, 7, 9, 10)) for at in range(12)]
    assert rates(models["efficientnet"]) == pytest.approx(cut_short, abs=1e-4)
    assert count(whole_b0, InputSpec(1000)).params == 5_288_548


@torch.no_grad()
def test_mobilevit_starts_as_torch_s_encoder_does(models):
    torch.manual_seed(0)
    model = archlab.build_model(models["mobilevit"], 10)
    convolutions = [module for module in model.modules() if isinstance(module, nn.Conv2d)]
    assert all(as_torch_starts(conv) for conv in convolutions) and as_torch_starts(model.head.classifier)
    block = next(module for module in model.modules() if isinstance(module, AdditiveMobileViT))
    dim = block.layers[0].attended.in_features
    theirs = nn.TransformerEncoder(nn.TransformerEncoderLayer(dim, 4, 2 * dim, batch_first=True), 2)
    for ours, other in zip(block.layers, theirs.layers, strict=True):
        attention = other.self_attn
        pairs = {
            ours.queries_keys_values: (attention.in_proj_weight, attention.in_proj_bias),
            ours.attended: (attention.out_proj.weight, attention.out_proj.bias),
            ours.expansion: (other.linear1.weight, other.linear1.bias),
            ours.projection: (other.linear2.weight, other.linear2.bias),
        }
        for linear, (weight, bias) in pairs.items():
            assert float(linear.weight.abs().max()) == pytest.approx(float(weight.abs().max()), rel=0.01)
            assert float(linear.weight.std()) == pytest.approx(float(weight.std()), rel=0.03)
            assert (linear.bias == 0).all() == (bias == 0).all()
    first, second = (layer.state_dict() for layer in block.layers)
    copies = [theirs.layers[0].linear1.weight, theirs.layers[1].linear1.weight]
    assert torch.equal(*copies) and all(torch.equal(first[name], second[name]) for name in first)


def test_fbnet_is_trained_without_dropout_and_efficientnet_with(models):
    assert models["fbnet"].head["dropout"] == 0 and models["efficientnet"].head["dropout"] == 0.2


def test_the_shipped_table_of_elements_is_archlab_s_own_count(models):
    shown = published_elements("zhang2025")
    assert set(shown.index) == set(models)
    for name, row in shown.iterrows():
        spec = InputSpec(10, 224, None)
        cost, strides = count(models[name], spec), strides_for(models[name], spec)
        own = architecture_elements(models[name].canonical(), cost.macs, strides)
        assert row.drop(["macs", "params"]).to_dict() == {
            key: pytest.approx(value, abs=0.006) for key, value in own.items() if key != "macs"
        }
        assert (row["macs"], row["params"]) == (round(cost.macs / 1e6), round(cost.params / 1e6, 2))


def test_elements_are_of_the_strides_that_the_study_ran(tmp_path):
    study = resolve({"compare": ["mobilenetv2", "convmixer"], "suite": ["digits"], "recipe": "quick"}, tmp_path)
    for model in study.models:
        found = architecture_elements(model.architecture, 1.0, model.strides)
        published = architecture_elements(model.architecture, 1.0)
        spec = InputSpec(10, study.resolution, study.smallest_map)
        placed, _ = place(from_canonical(model.architecture, model.name), spec, model.width)
        ran = math.prod(each.arguments.stride for each in placed)
        assert found["resolution"] == pytest.approx(-math.log2(ran))
        assert (found["resolution"] > published["resolution"]) == (model.name == "mobilenetv2")
