"""Two limits reached by the width and a second free quantity."""

from __future__ import annotations

import dataclasses
import itertools
from functools import cache
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import archlab
from archlab.architecture import Architecture, InputSpec, forms, freedoms, published_strides
from archlab.architecture.writing import architecture_yaml, at_width
from archlab.budget import Budget, Cost, count, fit
from archlab.budget.fit import FARTHEST, NEAR, STEPS
from archlab.foundation import UserError, read_yaml_text
from blocks.rounding import round_channels

SPEC = InputSpec(26, 32)
QUANTITIES = [(name, quantity) for name in archlab.references() for quantity in freedoms(archlab.architecture(name))]


def small(**marks) -> Architecture:
    first = {"out": 12, "expand": 2, "stride": 2, "repeat": 2, "free": "depth"}
    layers = [
        {"conv": {"out": 8, "stride": 2, **marks}},
        {"inverted_residual": first},
        {"conv": {"out": 40, "kernel": 1}},
    ]
    return archlab.architecture({"name": "small", "layers": layers, "resolution": 16})


FAR = 1000


def distance(budget: Budget, cost) -> float:
    """Of a cost within the budget from both limits, in units of what is near enough; FAR more where one is not reached."""
    left = {"params": 1 - cost.params / budget.params, "macs": 1 - cost.macs / budget.macs}
    assert min(left.values()) >= 0
    return max(left[name] / NEAR[name] for name in left) + FAR * (max(left.values()) > FARTHEST)


def test_what_is_near_and_what_is_not_reached_are_the_shares_that_the_docs_name():
    assert (NEAR, FARTHEST) == ({"params": 0.015, "macs": 0.08}, 0.1)
    words = " ".join((Path(__file__).parents[2] / "docs" / "budgets.md").read_text().split())
    assert "leaves at most 1.5 % of the parameters and 8 % of the MACs of the budget." in words
    assert "Where there is no such form, it is the nearest one that leaves at most a tenth of either." in words


PARAMS, PER_PARAMETER = st.integers(1_500, 6_000), st.floats(8, 60)


@pytest.mark.slow
@given(params=PARAMS, per_parameter=PER_PARAMETER)
@settings(deadline=None, max_examples=1, derandomize=True)
def test_the_pair_is_that_of_brute_force(params, per_parameter):
    compare_with_brute_force(params, per_parameter)


@pytest.mark.slow
@given(params=PARAMS, per_parameter=PER_PARAMETER)
@settings(deadline=None, max_examples=50, derandomize=True)
def test_fifty_pairs_are_those_of_brute_force(params, per_parameter):
    compare_with_brute_force(params, per_parameter)


SMALL_SPEC = InputSpec(5, 16)


@cache
def every_cost() -> dict[int, list[Cost]]:
    """By depth, those of every width of the grid, rising; widths that round to the same channels are counted once."""
    architecture = small()
    published = [layer.arguments["out"] for layer in architecture.layers]
    rounded = {step: tuple(round_channels(out * step / STEPS) for out in published) for step in range(1, 4000)}
    different = {channels: step for step, channels in rounded.items() if step != STEPS}
    found = {}
    for repeat in range(1, 17):
        layers = list(architecture.layers)
        layers[1] = dataclasses.replace(layers[1], repeat=repeat)
        form = architecture.with_layers(tuple(layers))
        found[repeat] = [count(form, SMALL_SPEC, step / STEPS) for step in sorted({*different.values(), STEPS})]
    return found


def compare_with_brute_force(params: int, per_parameter: float):
    """Against every width of the grid, at every depth."""
    architecture, spec = small(), SMALL_SPEC
    budget = Budget(params, int(params * per_parameter), second=("depth",))
    distances = {}
    for repeat, costs in every_cost().items():
        if kept := [cost for cost in costs if budget.allows(cost)]:
            distances[repeat] = distance(budget, kept[-1])
    least = min(distances.values(), default=float("inf"))
    try:
        found = fit(architecture, spec, budget)
    except UserError:
        assert least > FAR
        return
    repeat = found.architecture.layers[1].repeat
    near = {abs(depth - 2) for depth, far in distances.items() if far <= 1}
    assert distances[repeat] == distance(budget, found.cost) <= max(1, least)
    assert not near or abs(repeat - 2) == min(near)
    assert found.cost == count(found.architecture, spec, found.width)


SHARE, RATIO = st.floats(0.1, 2), st.floats(0.4, 2.5)


@pytest.mark.slow
@pytest.mark.parametrize(("name", "quantity"), QUANTITIES[::8])
@given(params=SHARE, ratio=RATIO)
@settings(deadline=None, max_examples=1, derandomize=True)
def test_no_form_of_a_reference_is_nearer(name, quantity, params, ratio):
    compare_with_all_forms(name, quantity, params, ratio)


@pytest.mark.slow
@given(st.sampled_from(QUANTITIES), SHARE, RATIO)
@settings(deadline=None, max_examples=15, derandomize=True)
def test_no_form_of_any_reference_is_nearer_at_fifteen_budgets(quantity, params, ratio):
    compare_with_all_forms(*quantity, params, ratio)


def compare_with_all_forms(name: str, quantity: str, params: float, ratio: float):
    """Random pairs of budgets, against every form at the widths around each limit, found by a search of its own."""
    architecture = archlab.architecture(name)
    published = count(architecture, SPEC)
    budget = Budget(int(params * published.params), int(params * ratio * published.macs), second=(quantity,))
    every = [nearest_of(form, budget) for form in itertools.islice(forms(architecture, quantity), 0, None, 25)]
    reachable = [each for each in every if each is not None]
    try:
        found = fit(architecture, SPEC, budget)
    except UserError as error:
        assert "\n" not in str(error)
        assert min(reachable, default=FAR + 1) > FAR
        return
    assert budget.allows(found.cost)
    assert distance(budget, found.cost) <= max(1, min(reachable, default=float("inf"))) + 1e-9


def nearest_of(form: Architecture, budget: Budget) -> float | None:
    """The distance of the largest width within the budget, by halving steps; None where there is none."""
    step, size = 0, 4096
    try:
        while size:
            if budget.allows(count(form, SPEC, (step + size) / STEPS)):
                step += size
            size //= 2
        return distance(budget, count(form, SPEC, step / STEPS)) if step else None
    except UserError:
        return None


@pytest.mark.parametrize(("name", "quantity"), QUANTITIES)
def test_forms_begin_with_the_published_one_and_differ(name, quantity):
    architecture = archlab.architecture(name)
    found = forms(architecture, quantity)
    assert found[0] == architecture and len({form.digest() for form in found}) == len(found) > 15
    assert {len(form.layers) for form in found} == {len(architecture.layers)}


def test_depth_grows_block_by_block_in_the_published_proportions():
    found = forms(archlab.architecture("starnet"), "depth")
    depths = sorted(tuple(layer.repeat for layer in form.layers if layer.free) for form in found)
    assert depths[0] == (1, 1, 1, 1) and depths[-1] == (16, 16, 64, 24) and (4, 4, 16, 6) in depths
    sums = sorted(map(sum, depths))
    assert sums == list(range(4, 121))


def test_every_reference_leaves_a_second_quantity_free():
    assert all({"depth", "features"} & set(freedoms(archlab.architecture(name))) for name in archlab.references())


@pytest.mark.parametrize("name", archlab.references())
def test_what_is_free_is_free_in_the_file_of_a_width_too(name):
    published = archlab.architecture(name)
    written = archlab.architecture(read_yaml_text(architecture_yaml(at_width(published, 0.5, name)), "written.yaml"))
    assert [layer.free for layer in written.layers] == [layer.free for layer in published.layers]
    assert freedoms(written) == freedoms(published)


def test_patches_are_fitted_where_they_are_free():
    budget = Budget(2_500_000, 600_000_000, second=("patch",))
    found = fit(archlab.architecture("convmixer"), InputSpec(100, 224), budget)
    assert found.architecture.layers[0].arguments["size"] == 14  # one width alone shrinks it to .6 million
    assert found.cost.params > 0.9 * 2_500_000 and 0.9 * 600_000_000 < found.cost.macs <= 600_000_000


def test_resolution_keeps_parameters_and_opens_the_map():
    architecture = small(free=["resolution"])
    assert freedoms(architecture) == ("depth", "resolution")
    opened = forms(architecture, "resolution")[1]
    assert published_strides(opened)[0] == 1
    ratio = [count(form, InputSpec(5, 16)) for form in (opened, architecture)]
    assert ratio[0].params == ratio[1].params and ratio[0].macs > 3 * ratio[1].macs
    budget = Budget(ratio[0].params, ratio[0].macs, second=("resolution",))
    assert fit(architecture, InputSpec(5, 16), budget).architecture == opened


@pytest.mark.parametrize(
    ("budget", "words"),
    [
        (Budget(3_000, 90_000, second=("patch",)), "small leaves no patch free beside its width, only depth: a layer says so"),
        (Budget(3_000, 90_000_000, second=("depth",)), r"small cannot reach both 3,000 parameters and 90,000,000 MACs by width "
         r"and depth: the nearest has [\d,]+ parameters and [\d,]+ MACs"),
        (Budget(30, 90_000, second=("depth",)), "small cannot keep the budget of 30 parameters .* it needs at least"),
    ],
)  # fmt: skip
def test_what_cannot_be_reached_is_said_in_a_line(budget, words):
    with pytest.raises(UserError, match=words) as refused:
        fit(small(), InputSpec(5, 16), budget)
    assert "\n" not in str(refused.value)


def test_an_architecture_that_marks_nothing():
    plain = archlab.architecture({"name": "plain", "layers": [{"conv": {"out": 8}}]})
    with pytest.raises(
        UserError, match="plain leaves no depth free beside its width, nothing: a layer says so by `free: depth`"
    ):
        fit(plain, SPEC, Budget(3_000, 90_000, second=("depth",)))


@pytest.mark.parametrize(
    ("layer", "words"),
    [
        ({"conv": {"free": "patch"}}, "conv has no patch that could be free"),
        ({"conv": {"free": "depht"}}, "free must be depth, patch or resolution, not 'depht' - did you mean 'depth'"),
    ],
)
def test_marks_that_mean_nothing(layer, words):
    with pytest.raises(UserError, match=words):
        archlab.architecture({"layers": [layer]})
