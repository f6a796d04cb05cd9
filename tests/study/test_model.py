"""Models of a study, their widths and what they say about choices; studies settled and read back."""

import json
import subprocess
import sys

import pytest

from archlab.architecture import from_canonical, references
from archlab.budget import count
from archlab.foundation import UserError
from archlab.study import load_study, models, resolve
from archlab.study.model import frame_names
from tests.study.study_texts import ATTENTION, DEPTH, LAYOUT, choices, study


def test_the_references_fit_the_budget(home):
    resolved = resolve("references", home)
    assert sorted(model.name for model in resolved.models) == references() and len(references()) == 11
    for model in resolved.models:
        assert 2_375_000 <= model.cost["params"] <= 2_500_000, model.name
        assert model.role == "reference" and model.within_budget


def test_costs_are_those_of_the_canonical_architecture(home):
    resolved = resolve("quick", home)
    for model in resolved.models:
        architecture = from_canonical(model.architecture, model.name)
        cost = count(
            architecture,
            num_classes=resolved.classes,
            width=model.width,
            resolution=resolved.resolution,
            smallest_map=2,
        )
        assert model.cost["params"] == cost.params and model.cost["macs"] == cost.macs


def test_the_base_is_a_reference_and_widths_are_fitted():
    base, se, eca = models(study(choices(ATTENTION)))
    assert (base.role, base.kind, base.options) == ("reference", None, {"attention": "none"})
    assert (se.name, se.role, se.kind) == ("mobilenetv2+attention=se", "variant", "equal_budget")
    assert (se.options, eca.options) == ({"attention": "se"}, {"attention": "eca"})
    assert se.width < base.width  # the attention's parameters are taken back
    for model in (base, se, eca):
        assert count(model.architecture, num_classes=26, width=model.width).params <= 2_500_000


def test_raw_variants_are_as_wide_as_the_base():
    text = choices(ATTENTION) + "effects: [equal_budget, raw]"
    base, *variants = models(study(text))
    raw = [model for model in variants if model.kind == "raw"]
    assert [model.name for model in raw] == ["mobilenetv2+attention=se@raw", "mobilenetv2+attention=eca@raw"]
    assert {model.width for model in raw} == {base.width}
    assert [model.options for model in raw] == [{"attention": "se"}, {"attention": "eca"}]


def test_without_a_budget_the_width_is_what_the_study_says():
    found = models(study(choices(ATTENTION) + "budget: none\nwidth: 0.5"))
    assert {model.width for model in found} == {0.5}
    assert [model.kind for model in found] == [None, "raw", "raw"]


def test_options_are_told_by_choice():
    found = models(study(choices(ATTENTION, LAYOUT, DEPTH)))
    assert found[0].options == {"attention": "none", "layout": "pyramidal", "depth": "unchanged"}
    options = [model.options for model in found]
    assert {"layout": "isotropic size=7"} in options and {"depth": "stage5=2"} in options


def test_identical_architectures_are_one_model():
    found = models(study(choices("depth: {same: [], again: [{set: {repeat: 2}, where: {stage: 2}}]}", ATTENTION)))
    assert [model.name for model in found] == ["mobilenetv2", "mobilenetv2+attention=se", "mobilenetv2+attention=eca"]
    compared = study(
        choices("x: {a: [], b: [{set: {repeat: 2}, where: {stage: 2}}]}")
        + "base: mobilenetv2\ncompare: [mobilenetv2, starnet]"
    )
    assert [model.name for model in models(compared)] == ["mobilenetv2", "starnet"]


def test_a_variant_that_is_a_compared_architecture_keeps_its_option(tmp_path):
    (tmp_path / "deep.yaml").write_text("name: deep\nlayers: [{conv: {out: 8, repeat: 3}}]\n")
    (tmp_path / "s.yaml").write_text(
        "base: {layers: [{conv: {out: 8}}]}\nbudget: none\ncompare: [deep.yaml]\n"
        "choices: {repeat: {1: [], 3: [{set: {repeat: 3}}]}}\n"
    )
    loaded = load_study(tmp_path / "s.yaml")
    base, deep = models(loaded)
    assert (deep.name, deep.role, deep.options) == ("deep", "reference", {"repeat": "3"})
    assert frame_names(loaded, [base, deep]) == ["deep"]


def test_one_name_for_two_architectures_is_refused():
    text = "base: {name: starnet, layers: [{conv: {out: 8}}]}\nbudget: none\ncompare: [starnet]"
    with pytest.raises(UserError, match="two different architectures are called 'starnet'"):
        models(study(text))


def test_a_budget_that_cannot_be_met_names_the_model_and_the_least():
    with pytest.raises(UserError, match="mobilenetv2 cannot keep the budget of 1,000 parameters: it needs at least"):
        models(study("budget: 1k"))


def test_models_above_a_budget_without_fit_are_refused(home):
    text = {"base": "mobilenetv2", "budget": {"params": "2M", "fit": "none"}, "compare": ["starnet"]}
    resolved = resolve(text, home)
    assert [model.within_budget for model in resolved.models] == [False, False]
    with pytest.raises(UserError, match="mobilenetv2 and 1 more above the budget of 2,000,000: 2,257,"):
        resolved.check_budget()
    resolve({**text, "budget": "none"}, home).check_budget()


def test_a_settled_study_is_read_back_without_torch(home):
    first = resolve("quick", home)
    script = (
        "import sys, pathlib; from archlab.study import resolve;"
        f"print(resolve('quick', pathlib.Path({str(home)!r})).models[4].name,"
        "[name for name in ('torch', 'pandas', 'blocks') if name in sys.modules])"
    )
    found = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True).stdout
    assert found.strip() == "mobilenetv2+attention=se []"
    assert json.loads(json.dumps(first.document())) == resolve("quick", home).document()


def test_any_file_that_changes_settles_the_study_anew(home, tmp_path):
    net, idea = tmp_path / "net.yaml", tmp_path / "idea.yaml"
    net.write_text("layers: [{conv: {out: 8, stride: 2}}]\n")
    idea.write_text("base: net.yaml\nbudget: none\nsuite: [digits]\n")
    before = resolve(idea, home).models[0].cost["params"]
    net.write_text("layers: [{conv: {out: 16, stride: 2}}]\n")
    assert resolve(idea, home).models[0].cost["params"] > before
    idea.write_text("bse: net.yaml\n")
    with pytest.raises(UserError, match="a study has no key 'bse'"):
        resolve(idea, home)


def test_own_blocks_are_part_of_a_settled_study(home, tmp_path):
    (tmp_path / "own.py").write_text(
        "import blocks\nfrom torch import nn\n\n\n"
        "@blocks.register('twice_for_studies')\nclass Twice(blocks.Block):\n"
        "    def __init__(self, *, in_channels: int, out_channels: int, stride: int = 1):\n"
        "        super().__init__()\n        self.conv = nn.Conv2d(in_channels, out_channels, 1, stride)\n\n"
        "    def forward(self, x):\n        return 2 * self.conv(x)\n"
    )
    path = tmp_path / "idea.yaml"
    path.write_text("blocks: own.py\nbase: {layers: [{twice_for_studies: {out: 8}}]}\nbudget: none\nsuite: [digits]\n")
    assert resolve(path, home).own_blocks == resolve(path, home).own_blocks == [str(tmp_path / "own.py")]
