"""Studies settled and read back."""

import json
import os
import subprocess
import sys

import pytest

from archlab.architecture import InputSpec, from_canonical, references
from archlab.budget import count
from archlab.data import open_prepared
from archlab.foundation import UserError
from archlab.study.resolving import resolve


def test_models_above_a_budget_without_fit_are_refused(home):
    text = {"base": "mobilenetv2", "budget": {"params": "2M", "fit": "none"}, "compare": ["starnet"]}
    resolved = resolve(text, home)
    assert [model.within_budget for model in resolved.models] == [False, False]
    with pytest.raises(UserError, match="mobilenetv2 and 1 more above the budget of 2,000,000 parameters: 2,257,"):
        resolved.check_budget()
    resolve({**text, "budget": "none"}, home).check_budget()


def test_costs_are_those_of_the_canonical_architecture(home):
    resolved = resolve("quick", home)
    for model in resolved.models:
        architecture = from_canonical(model.architecture, model.name)
        cost = count(architecture, InputSpec(resolved.classes, resolved.resolution, smallest_map=2), model.width)
        assert model.cost["params"] == cost.params and model.cost["macs"] == cost.macs


@pytest.mark.slow
def test_the_references_fit_the_budget(home):
    resolved = resolve("references", home)
    assert sorted(model.name for model in resolved.models) == references() and len(references()) == 11
    for model in resolved.models:
        assert 2_375_000 <= model.cost["params"] <= 2_500_000, model.name
        assert model.role == "reference" and model.within_budget


def test_a_settled_study_is_read_back_without_torch(home):
    first = resolve("quick", home)
    script = (
        "import sys, pathlib; from archlab.study.resolving import resolve;"
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


def test_a_study_whose_file_name_is_no_text_is_settled_and_read_back(home, tmp_path):
    path = tmp_path / os.fsdecode(b"caf\xe9.yaml")
    path.write_text("base: starnet\nbudget: none\nsuite: [digits]\n")
    assert [resolve(path, home).name for _ in range(2)] == 2 * [path.stem]
    assert len(list((home / "cache" / "studies").iterdir())) == 1


def test_a_head_of_layers_is_part_of_a_settled_study(home, tmp_path):
    head = "[mean, {conv: {out: 16, kernel: 1}}, classifier]"
    path = tmp_path / "idea.yaml"
    path.write_text(
        f"base: {{name: net, layers: [{{conv: {{out: 8, stride: 2}}}}], head: {head}}}\nbudget: none\nsuite: [digits]\n"
    )
    for _ in range(2):  # settled, and read back
        (model,) = resolve(path, home).models
        assert [layer["block"] for layer in model.architecture["head"]["layers"]] == ["mean", "conv", "classifier"]


def test_own_blocks_are_part_of_a_settled_study(own_code_forgotten, home, tmp_path):
    (tmp_path / "own.py").write_text(
        "import blocks\nfrom torch import nn\n\n\n"
        "@blocks.register('twice_for_studies')\nclass Twice(blocks.Block):\n"
        "    def __init__(self, *, in_channels: int, out_channels: int, stride: int = 1):\n"
        "        super().__init__()\n        self.conv = nn.Conv2d(in_channels, out_channels, 1, stride)\n\n"
        "    def forward(self, x):\n        return 2 * self.conv(x)\n"
    )
    path = tmp_path / "idea.yaml"
    path.write_text(
        "blocks: own.py\nbase: {layers: [{twice_for_studies: {out: 8}}]}\ncompare: [starnet]\nbudget: none\nsuite: [digits]\n"
    )
    for _ in range(2):  # settled, and read back
        used = {model.name: model.own_files for model in resolve(path, home).models}
        assert used == {"base": [str(tmp_path / "own.py")], "starnet": []}


@pytest.mark.slow
def test_own_augmentations_are_part_of_a_settled_study(own_code_forgotten, home, tmp_path):
    own, path = tmp_path / "my_augment.py", tmp_path / "idea.yaml"
    own.write_text("def turned(images, random):\n    return images.flip(2)\n")
    path.write_text(
        "base: {layers: [{conv: {out: 8}}]}\ncompare: []\nbudget: none\nsuite: [digits, glyphs]\nrecipe:\n  like: quick\n"
        "  exemptions: [{datasets: [glyphs], set: {augment: {own: [my_augment.py:turned]}}}]\n"
    )
    found = []
    for text in (
        "def turned(images, random):\n    return images.flip(2)\n",
        "def turned(images, random): return images\n",
    ):
        own.write_text(text)
        for _ in range(2):  # settled, and read back
            resolved = resolve(path, home)
            (model,) = resolved.models
            runs = {
                name: resolved.run(model, name, 0, lambda need: open_prepared(need.name, home, need.resolution))[0]
                for name in ("digits", "glyphs")
            }
            assert runs["digits"].own_files == () and runs["glyphs"].own_files == (str(own),)
        found.append(resolved.recipes)
    assert found[0][0] == found[1][0] and found[0][1] != found[1][1]
    assert "own" not in found[0][0]["augment"]
