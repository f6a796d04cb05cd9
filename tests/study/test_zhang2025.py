"""The eleven models as the published study ran them: parameters to the digits of its table."""

from __future__ import annotations

import pytest

import archlab
from archlab.architecture import InputSpec
from archlab.budget import count, measure
from archlab.study.loading import load_study

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
