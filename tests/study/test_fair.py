"""Studies that compare at equal parameters and multiply-accumulates, the claims among them."""

from __future__ import annotations

import pytest

from archlab.architecture import apply_edits, architecture
from archlab.budget import Budget, count, fit_width
from archlab.foundation import UserError
from archlab.study.design import Designer
from archlab.study.loading import load_study
from archlab.study.resolving import resolve
from archlab.study.shipped import studies
from archlab.study.source import override
from tests.study.study_texts import study

CLAIMS = [name for name in studies() if name.startswith("claims/")]
SUITES = {"samples": {}, "seven": {"suite": "seven", "recipe": "zhang2025"}}
ON = ["samples", pytest.param("seven", marks=pytest.mark.slow)]


def spread(numbers) -> float:
    return max(numbers) / min(numbers)


@pytest.mark.slow
def test_layout_compares_at_equal_parameters_and_compute(home):
    models = resolve("layout", home).models
    assert len(models) == 7
    assert spread([model.cost["params"] for model in models]) <= 1.02
    assert spread([model.cost["macs"] for model in models]) <= 1.10


@pytest.mark.slow
@pytest.mark.parametrize("suite", ON)
@pytest.mark.parametrize("name", CLAIMS)
def test_claims_resolve_and_compare_alike(name, suite, home):
    resolved = resolve(override(name, **SUITES[suite]), home)
    assert resolved.suite == suite and len(resolved.seeds) >= 3 and resolved.question.endswith("?")
    costs = [model.cost for model in resolved.models]
    assert all(2_375_000 <= cost["params"] <= 2_500_000 for cost in costs)
    if resolved.base:
        assert spread([cost["params"] for cost in costs]) <= 1.025 and spread([cost["macs"] for cost in costs]) <= 1.10
    else:
        assert len(resolved.models) == 11  # correlations over models need many of them, however they are made


def test_there_is_a_file_for_each_claim():
    assert len(CLAIMS) == 6


def test_compute_like_that_of_an_architecture():
    made = Designer(study("budget: {macs: {like: starnet}, fit: {macs: depth}}\ncompare: [starnet]\nsuite: samples"))
    starnet = architecture("starnet")
    width = fit_width(starnet, made.input, Budget())
    assert made.study.budget.macs == count(starnet, made.input, width).macs
    assert all(made.study.budget.allows(design.cost) for design in made.designs())
    with pytest.raises(
        UserError, match=r"study.yaml:1: there is no architecture 'starnt'.* - did you mean 'starnet'\?"
    ):
        study("budget: {macs: {like: starnt}}\nsuite: samples")


def test_what_an_architecture_leaves_free_survives_edits():
    base = architecture("mobilenetv2")
    edited = apply_edits(base, [{"set": {"kernel": 5}, "where": {"block": "inverted_residual"}}])
    assert [layer.free for layer in edited.layers] == [layer.free for layer in base.layers]
    edited = apply_edits(
        base, [{"set": {"free": "none"}}, {"set": {"free": ["depth", "resolution"]}, "where": {"layer": 3}}]
    )
    assert [layer.free for layer in edited.layers] == [(), (), ("depth", "resolution"), *[()] * 6]
    convmixer = apply_edits(architecture("convmixer"), [{"replace": {"block": "patch"}, "with": {"conv": {}}}])
    assert convmixer.layers[0].free == ()


def test_edits_of_the_head():
    edited = apply_edits(architecture("mobilenetv2"), [{"head": {"features": 640}}])
    assert edited.head == architecture("mobilenetv2").head | {"features": 640}
    with pytest.raises(UserError, match=r"head has no argument 'feature' - did you mean 'features'\?"):
        apply_edits(architecture("mobilenetv2"), [{"head": {"feature": 640}}])
    with pytest.raises(UserError, match="head takes arguments by name"):
        apply_edits(architecture("mobilenetv2"), [{"head": 640}])


@pytest.mark.slow
def test_raw_variants_have_the_form_and_width_of_their_base():
    made = Designer(
        study(
            "budget: {params: 2.5M, macs: 35M, fit: {macs: depth}}\nsuite: samples\neffects: [equal_budget, raw]\n"
            "choices: {kernel: {3: [], 5: [{set: {kernel: 5}, where: {block: inverted_residual}}]}}"
        )
    ).designs()
    base, fitted, raw = made
    assert raw.name == f"{fitted.name}@raw" and raw.width == base.width
    assert [layer.repeat for layer in raw.architecture.layers] == [layer.repeat for layer in base.architecture.layers]
    assert [layer.repeat for layer in base.architecture.layers] != [1, 1, 2, 3, 4, 3, 3, 1, 1]
    assert {layer.arguments["kernel"] for layer in raw.architecture.layers if layer.block == "inverted_residual"} == {5}


def test_a_study_of_its_own_form_is_not_the_study_without_it():
    one, other = (
        Designer(load_study({"base": "mobilenetv2", "suite": ["digits"], "budget": budget})).designs()[0]
        for budget in ({"macs": "30M"}, {"macs": "30M", "fit": {"macs": "depth"}})
    )
    assert one.digest != other.digest and one.form == other.form
