"""What `import archlab` offers."""

from __future__ import annotations

import inspect

import pytest

import archlab
from archlab.architecture import InputSpec, build_model
from archlab.budget import Budget, fit_width
from archlab.foundation import UserError


@pytest.mark.parametrize("name", archlab.__all__)
def test_every_name_explains_itself(name):
    assert inspect.getdoc(getattr(archlab, name))


def test_what_is_imported_when_it_is_first_used_is_completed():
    assert set(archlab.__all__) <= set(dir(archlab))


def test_no_other_name_is_there():
    with pytest.raises(AttributeError, match="module 'archlab' has no attribute 'build_modle'"):
        archlab.build_modle  # noqa: B018


def test_a_model_is_that_of_its_keywords():
    design = archlab.architecture("mobilenetv2")
    model = archlab.build_model(design, num_classes=7, width=0.1, in_channels=1, resolution=32, smallest_map=4)
    expected = build_model(design, InputSpec(7, 32, 4, in_channels=1), 0.1)
    assert str(model) == str(expected)
    assert str(model) != str(archlab.build_model(design, 7, width=0.1, in_channels=1, resolution=32))


def test_a_width_is_that_of_its_keywords():
    design = archlab.architecture("mobileone")
    limits = {"params": 2_000_000, "macs": 30_000_000, "of": "deployed"}
    width = archlab.fit_width(design, num_classes=7, resolution=32, smallest_map=None, in_channels=1, **limits)
    spec = InputSpec(7, 32, None, in_channels=1)
    assert width == fit_width(design, spec, Budget(2_000_000, 30_000_000, "deployed"))
    assert width != archlab.fit_width(design, num_classes=7, resolution=32, **limits)
    assert archlab.fit_width(design, num_classes=120) == fit_width(design, InputSpec(120), Budget())


@pytest.mark.parametrize("classes", [0, 2.0, "7", True])
def test_a_number_of_classes_that_no_network_has(classes):
    with pytest.raises(UserError, match="num_classes must be a whole number of at least 1, not"):
        archlab.build_model(archlab.architecture("mobilenetv2"), classes)
