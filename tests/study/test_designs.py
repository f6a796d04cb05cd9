"""Models of a study, their widths and what they say about choices."""

import pytest

from archlab.architecture import InputSpec
from archlab.budget import count
from archlab.foundation import UserError
from archlab.study.design import Designer, frame_names
from archlab.study.loading import load_study
from archlab.study.search.designs import Designs
from tests.study.study_texts import ATTENTION, DEPTH, LAYOUT, choices, study


def designs(loaded):
    return Designer(loaded).designs()


def test_the_base_is_a_reference_and_widths_are_fitted(home):
    base, se, eca = designs(study(choices(ATTENTION)))
    assert not home.exists()  # nothing is stored
    assert (base.role, base.kind, base.options) == ("reference", None, {"attention": "none"})
    assert (se.name, se.role, se.kind) == ("mobilenetv2+attention=se", "variant", "equal_budget")
    assert (se.options, eca.options) == ({"attention": "se"}, {"attention": "eca"})
    assert se.width < base.width  # the attention's parameters are taken back
    for model in (base, se, eca):
        assert count(model.architecture, InputSpec(26), model.width).params <= 2_500_000


def test_raw_variants_are_as_wide_as_the_base():
    text = choices(ATTENTION) + "effects: [equal_budget, raw]"
    base, *variants = designs(study(text))
    raw = [model for model in variants if model.kind == "raw"]
    assert [model.name for model in raw] == ["mobilenetv2+attention=se@raw", "mobilenetv2+attention=eca@raw"]
    assert {model.width for model in raw} == {base.width}
    assert [model.options for model in raw] == [{"attention": "se"}, {"attention": "eca"}]


def test_without_a_budget_the_width_is_what_the_study_says():
    found = designs(study(choices(ATTENTION) + "budget: none\nwidth: 0.5"))
    assert {model.width for model in found} == {0.5}
    assert [model.kind for model in found] == [None, "raw", "raw"]


def test_without_a_budget_a_network_is_as_wide_as_its_file_says_unless_the_study_does(tmp_path, caplog):
    net = "layers: [{conv: {out: 16, stride: 2}}]\n"
    (tmp_path / "winner.yaml").write_text(f"name: winner\nwidth: 0.5\n{net}")
    (tmp_path / "plain.yaml").write_text(f"name: plain\n{net}")
    text = "base: winner.yaml\ncompare: [plain.yaml]\nchoices: {deep: {no: [], yes: [{set: {repeat: 2}}]}}\n"

    def widths(more):
        (tmp_path / "study.yaml").write_text(text + more)
        return {model.name: model.width for model in designs(load_study(tmp_path / "study.yaml"))}

    assert widths("budget: none\n") == {"winner": 0.5, "plain": 1.0, "winner+deep=yes": 0.5}
    assert set(widths("budget: none\nwidth: 0.25\n").values()) == {0.25}
    assert not caplog.messages
    assert len(set(widths("budget: 20k\n").values()) - {0.5, 1.0}) > 1  # fitted
    told = "the width 0.5 of winner is not used, as the budget fits it: `fit: none` keeps it"
    assert caplog.messages == [f"warning: {tmp_path / 'winner.yaml'}:1: {told}"]
    widths("budget: 20k\nwidth: 0.25\n")
    assert "the width 0.25 of study is not used" in caplog.messages[-1] and len(caplog.messages) == 3
    text = text.replace("plain.yaml", "{name: winner, " + net.strip() + "}")
    with pytest.raises(UserError, match="two different architectures are called 'winner'"):
        widths("budget: none\n")


@pytest.mark.slow
def test_options_are_told_by_choice():
    found = designs(study(choices(ATTENTION, LAYOUT, DEPTH)))
    assert found[0].options == {"attention": "none", "layout": "pyramidal", "depth": "unchanged"}
    options = [model.options for model in found]
    assert {"layout": "isotropic size=7"} in options and {"depth": "stage5=2"} in options


def test_identical_architectures_are_one_model():
    found = designs(study(choices("depth: {same: [], again: [{set: {repeat: 2}, where: {stage: 2}}]}", ATTENTION)))
    assert [model.name for model in found] == ["mobilenetv2", "mobilenetv2+attention=se", "mobilenetv2+attention=eca"]
    compared = study(
        choices("x: {a: [], b: [{set: {repeat: 2}, where: {stage: 2}}]}")
        + "base: mobilenetv2\ncompare: [mobilenetv2, starnet]"
    )
    assert [model.name for model in designs(compared)] == ["mobilenetv2", "starnet"]


def test_a_variant_that_is_a_compared_architecture_keeps_its_option(tmp_path):
    (tmp_path / "deep.yaml").write_text("name: deep\nlayers: [{conv: {out: 8, repeat: 3}}]\n")
    (tmp_path / "s.yaml").write_text(
        "base: {layers: [{conv: {out: 8}}]}\nbudget: none\ncompare: [deep.yaml]\n"
        "choices: {repeat: {1: [], 3: [{set: {repeat: 3}}]}}\n"
    )
    loaded = load_study(tmp_path / "s.yaml")
    base, deep = designs(loaded)
    assert (deep.name, deep.role, deep.options) == ("deep", "reference", {"repeat": "3"})
    assert frame_names(loaded, [base, deep]) == ["deep"]


def test_one_name_for_two_architectures_is_refused():
    text = "base: {name: starnet, layers: [{conv: {out: 8}}]}\nbudget: none\ncompare: [starnet]"
    with pytest.raises(UserError, match="two different architectures are called 'starnet'"):
        designs(study(text))


def test_a_budget_that_cannot_be_met_names_the_model_and_the_least():
    complaint = r"study\.yaml:1: mobilenetv2 cannot keep the budget of 1,000 parameters: it needs at least"
    with pytest.raises(UserError, match=complaint):
        designs(study("budget: 1k"))


def test_a_recipe_that_trains_on_validation_images_is_refused(home):
    trained = "{like: quick, steps: 4, exemptions: [{datasets: [digits], set: {with_validation: true}}]}"
    for place in (f"recipe: {trained}", f"search: {{recipe: {trained}}}"):
        text = f"base: mobilenetv2\n{choices(ATTENTION)}\ncompare: [mobilenetv2, starnet]\nsuite: [textures, digits]\n{place}"
        with pytest.raises(UserError, match="trains on validation images, so a search cannot select by them"):
            Designs(study(text), home)


def test_first_options_that_change_the_base_are_refused():
    same = "depth: {two: [{set: {repeat: 2}, where: {stage: 2}}], one: [{set: {repeat: 1}, where: {stage: 2}}]}"
    assert [model.name for model in designs(study(choices(same)))] == ["mobilenetv2", "mobilenetv2+depth=one"]
    turned = "kernel: {5: [{set: {kernel: 5}, where: {block: inverted_residual}}], 3: []}"
    rates = "rate: {high: [{recipe: {lr: 8e-3}}], low: [{recipe: {lr: 1e-3}}]}"
    for given, named in (((turned,), "kernel=5"), ((rates,), "rate=high"), ((turned, rates), "kernel=5 and rate=high")):
        with pytest.raises(UserError) as refused:
            designs(study(choices(*given)))
        assert str(refused.value) == (
            f"study.yaml:2: mobilenetv2 is another model with {named}: the first option of a choice is the base as it stands, "
            "mostly `[]`"
        )


def test_a_search_refuses_first_options_that_change_the_base_too(home):
    turned = "kernel: {5: [{set: {kernel: 5}, where: {block: inverted_residual}}], 3: []}"
    with pytest.raises(UserError, match=r"^study\.yaml:2: mobilenetv2 is another model with kernel=5: "):
        Designs(study(choices(turned)), home)
