"""The width that a budget allows is the largest one."""

from __future__ import annotations

import sys
from functools import cache

import pytest
import torch
from hypothesis import assume, given, settings
from hypothesis import strategies as st

import archlab
from archlab.architecture import InputSpec
from archlab.budget import Budget, count
from archlab.foundation import UserError
from tests.budget.random_networks import random_network

CLASSES = 120


def small(**head):
    """A network with a channel count that is no multiple of 8, so that width 1 is apart."""
    layers = [{"conv": {"out": 20, "stride": 2}}, {"inverted_residual": {"out": 36, "expand": 3}}]
    return archlab.architecture({"layers": layers, "head": head, "resolution": 16})


@cache
def whole_grid(features: int | None) -> dict[float, int]:
    """Parameters by width."""
    architecture = small(features=features)
    return {step / 1000: count(architecture, InputSpec(10), step / 1000).params for step in range(1, 4000)}


@pytest.mark.slow
@given(params=st.integers(1_500, 60_000), features=st.sampled_from([None, 50]))
@settings(deadline=None, max_examples=10)
def test_it_is_the_largest_of_the_whole_grid(params, features):
    largest = max(width for width, needed in whole_grid(features).items() if needed <= params)
    assert archlab.fit_width(small(features=features), num_classes=10, params=params) == largest


@pytest.mark.parametrize("name", archlab.references())
@given(share=st.floats(0.1, 4), macs_share=st.none() | st.floats(0.1, 4), of=st.sampled_from(["trained", "deployed"]))
@settings(deadline=None, max_examples=10)
def test_the_next_step_is_above_the_budget(name, share, macs_share, of):
    architecture = archlab.architecture(name)
    published = count(architecture, InputSpec(CLASSES, 64))
    budget = Budget(int(share * published.params), macs_share and int(macs_share * published.macs), of)
    limits = {"params": budget.params, "macs": budget.macs, "of": of, "num_classes": CLASSES, "resolution": 64}
    try:
        width = archlab.fit_width(architecture, **limits)
    except UserError:
        assert not budget.allows(count(architecture, InputSpec(CLASSES, 64), 0.001))
        return
    assert budget.allows(count(architecture, InputSpec(CLASSES, 64), width))
    above = count(architecture, InputSpec(CLASSES, 64), round(width + 0.001, 3))
    assert not budget.allows(above)


@pytest.mark.slow
@given(draw=st.randoms(use_true_random=False), share=st.floats(0.2, 3))
@settings(deadline=None, max_examples=40)
def test_random_networks_keep_the_budget(draw, share):
    architecture = random_network(draw)
    try:
        params = int(share * count(architecture, InputSpec(10)).params)
        width = archlab.fit_width(architecture, num_classes=10, params=params)
        above = count(architecture, InputSpec(10), round(width + 0.001, 3)).params
    except UserError:
        assume(False)
    changes = {count(architecture, InputSpec(10), width).params for width in (0.001, 1.0, 1000.0)}
    assert count(architecture, InputSpec(10), width).params <= params
    assert above > params or len(changes) == 1


@pytest.mark.parametrize("name", archlab.references())
def test_references_use_the_budget(name):
    width = archlab.fit_width(archlab.architecture(name), num_classes=CLASSES)
    assert 2_375_000 <= count(archlab.architecture(name), InputSpec(CLASSES), width).params <= 2_500_000


def test_fitting_assembles_no_network(monkeypatch):
    def refuse(*_, **__):
        raise AssertionError("assembled to be counted")

    architecture = archlab.architecture("mobilenetv2")
    expected = archlab.fit_width(architecture, num_classes=CLASSES)
    monkeypatch.setattr(torch.nn.Module, "__init__", refuse)
    assert archlab.fit_width(architecture, num_classes=CLASSES, params=2_500_001) >= expected


def test_a_budget_that_cannot_be_met_says_the_least_it_needs():
    least = count(small(), InputSpec(10), 0.001)
    with pytest.raises(UserError, match=f"needs at least {least.params:,} parameters"):
        archlab.fit_width(small(), num_classes=10, params=least.params - 1)
    assert archlab.fit_width(small(), num_classes=10, params=least.params) > 0


def test_a_budget_of_macs_says_them_too():
    with pytest.raises(UserError, match=r"budget of 2,500,000 parameters and 5 MACs: it needs .* MACs"):
        archlab.fit_width(small(), num_classes=10, macs=5)


def test_without_a_limit_no_wider_network_is_counted(monkeypatch):
    """A block of a user's own without a closed form would be built at width 1000."""
    counted = []

    def noted(architecture, spec, width=1.0):
        counted.append(width)
        return count(architecture, spec, width)

    monkeypatch.setattr(sys.modules["archlab.budget.fit"], "count", noted)
    assert archlab.fit_width(small(), num_classes=10, params=None) == 1.0
    assert counted == [1.0]


def test_widths_that_change_nothing_are_1():
    layers = [{"conv": {"out": 20, "scale": False}}]
    assert archlab.fit_width(archlab.architecture({"layers": layers}), num_classes=10) == 1.0
    assert archlab.fit_width(small(), num_classes=10, params=None) == 1.0
