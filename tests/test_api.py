"""What `import archlab` offers."""

from __future__ import annotations

import inspect
from types import SimpleNamespace

import numpy as np
import pytest

import archlab
from archlab.architecture import InputSpec, build_model
from archlab.budget import Budget, fit_width
from archlab.foundation import UserError


@pytest.mark.parametrize("name", archlab.__all__)
def test_every_name_explains_itself(name):
    assert inspect.getdoc(getattr(archlab, name))


@pytest.mark.parametrize(("name", "argument"), [("architecture", "source"), ("pick", "within")])
def test_rooms_that_are_called_tell_their_arguments(name, argument):
    assert argument in inspect.signature(getattr(archlab, name)).parameters
    assert inspect.getdoc(getattr(archlab, name).__call__)


def test_what_is_imported_when_it_is_first_used_is_completed():
    assert set(archlab.__all__) <= set(dir(archlab))


def test_what_commands_show_is_there_for_notebooks(capsys):
    assert isinstance(archlab.ShownProgress(), archlab.Progress)
    archlab.ShownPick().field([], [SimpleNamespace(name="mobilevit", reason="above the limit")])
    said = capsys.readouterr()
    assert said.out == "" and "left out: mobilevit: above the limit" in said.err


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


def test_numbers_of_numpy_are_numbers():
    design = archlab.architecture("mobilenetv2")
    given = {"resolution": np.int64(32), "in_channels": np.int64(1)}
    model = archlab.build_model(design, np.int64(7), width=0.1, **given)
    assert str(model) == str(archlab.build_model(design, 7, width=0.1, resolution=32, in_channels=1))
    width = archlab.fit_width(design, num_classes=np.int64(7), params=np.int64(10**6))
    assert width == archlab.fit_width(design, num_classes=7, params=10**6)
    ours, theirs = (archlab.architecture({"layers": [{"conv": {"out": out}}]}) for out in (np.int64(8), 8))
    assert ours.digest() == theirs.digest()


@pytest.mark.parametrize("given", ["mobilenetv2", {"base": "mobilenetv2"}])
def test_an_architecture_may_be_named_or_a_mapping(given):
    design = archlab.architecture("mobilenetv2")
    ours, theirs = (archlab.build_model(each, 7, width=0.1, resolution=32) for each in (given, design))
    assert str(ours) == str(theirs)
    assert archlab.fit_width(given, num_classes=9, params="1M") == archlab.fit_width(
        design, num_classes=9, params=10**6
    )


@pytest.mark.parametrize(
    ("limits", "words"),
    [
        ({"params": 0}, "a budget: params must be a whole number above 0, .* not 0"),
        ({"params": -5}, "params must be a whole number above 0, .* not -5"),
        ({"macs": "30 million"}, "macs must be a whole number above 0, .* not '30 million'"),
        ({"of": "deploy"}, "of must be trained or deployed, not 'deploy' - did you mean 'deployed'"),
    ],
)
def test_what_limits_nothing_is_no_budget(limits, words):
    with pytest.raises(UserError, match=words):
        archlab.fit_width(archlab.architecture("mobilenetv2"), num_classes=10, **limits)


@pytest.mark.parametrize("trials", [0, -1])
def test_a_search_of_no_trials_is_none(trials, tmp_path):
    with pytest.raises(UserError, match=f"a search tries at least 1 design, not {trials}"):
        archlab.search(trials=trials, store=tmp_path)
