"""`archlab models list` and `show`."""

from __future__ import annotations

import itertools
import json
from functools import partial

import pytest

import archlab
from archlab.architecture import InputSpec
from archlab.budget import count, count_layers
from archlab.study.loading import load_study


@pytest.fixture
def models(command):
    """Calls `archlab models`."""
    return partial(command, "models")


@pytest.mark.slow
def test_list_gives_the_published_figures(models):
    code, out, err = models("list", "--json")
    document = json.loads(out)
    assert (code, err) == (0, "")
    assert [model["name"] for model in document["models"]] == archlab.references()
    params = {model["name"]: model["params"] for model in document["models"]}
    assert (params["mobilenetv2"], params["starnet"], document["classes"]) == (3_504_872, 2_869_168, 1000)
    assert all(f"{number:,}" in models("list")[1] for number in params.values())


@pytest.mark.parametrize("name", archlab.references())
def test_layers_add_up(name):
    architecture = archlab.architecture(name)
    layers = count_layers(architecture, InputSpec(7, 64))
    whole = count(architecture, InputSpec(7, 64))
    for key in ("params", "macs", "activations"):
        assert sum(getattr(layer, key) for layer in layers) == getattr(whole, key)
    assert all(before.out_channels == after.in_channels for before, after in itertools.pairwise(layers))
    assert all(before.out_size == after.in_size for before, after in itertools.pairwise(layers))
    assert [layer.layer for layer in layers] == [*range(len(architecture.layers)), None]


def test_show(models):
    code, out, err = models("show", "mobilenetv2", "--width", "0.5", "--classes", "10", "--resolution", "32", "--json")
    document = json.loads(out)
    assert (code, err) == (0, "")
    assert {key: document[key] for key in ("name", "width", "classes", "resolution")} == {
        "name": "mobilenetv2",
        "width": 0.5,
        "classes": 10,
        "resolution": 32,
    }
    assert document["params"] == count(archlab.architecture("mobilenetv2"), InputSpec(10), 0.5).params
    stem, *_, head = document["layers"]
    assert (stem["block"], stem["layer"], stem["stage"], stem["in_size"], stem["out_channels"]) == (
        "conv",
        1,
        1,
        32,
        16,
    )
    assert (head["block"], head["layer"], head["out_channels"], head["params"]) == ("head", None, 10, 12_810)


def test_show_for_people(models):
    code, out, _ = models("show", "mobilenetv2")
    assert code == 0
    assert "224 → 112" in out and "inverted_residual" in out and "3,504,872" in out and "300,774,272" in out


def test_show_says_what_is_free(models):
    assert "free for a budget, beside the width: depth, patch\n" in models("show", "convmixer")[1]


def test_a_file_is_shown_at_the_width_that_it_is_meant_at(models, tmp_path):
    """As the winner of a pick is."""
    path, written = tmp_path / "winner.yaml", tmp_path / "written.yaml"
    path.write_text("width: 0.5\nlayers: [{conv: {out: 32}}, {conv: {out: 64}}]\n")
    shown = json.loads(models("show", path, "--json")[1])
    assert (shown["width"], shown["layers"][0]["out_channels"]) == (0.5, 16)
    assert json.loads(models("show", path, "--width", "1", "--json")[1])["layers"][0]["out_channels"] == 32
    written.write_text(models("show", path, "--yaml")[1])
    assert archlab.architecture(written).layers[0].arguments["out"] == 16


def test_the_width_is_that_of_the_file_whatever_it_is_called_and_of_the_base_that_it_edits(models, tmp_path):
    (tmp_path / "winner").write_text("width: 0.5\nlayers: [{conv: {out: 32}}, {conv: {out: 64}}]\n")
    (tmp_path / "mine.yaml").write_text("base: {base: winner, edits: [{remove: {layer: 2}}]}\nhead: {dropout: 0.1}\n")
    for name in ("winner", "mine.yaml"):
        shown = json.loads(models("show", tmp_path / name, "--json")[1])
        assert (shown["width"], shown["layers"][0]["out_channels"]) == (0.5, 16)


STUDY = """
base: {name: net, layers: [{conv: {out: 8, stride: 2}}]}
choices: {depth: {one: [], two: [{set: {repeat: 2}}]}}
budget: none
suite: [leaves]
"""
LEAVES = """
name: leaves
title: Leaves
domain: plants
classes: 3
resolution: 32
licence: mine
source: {folder: {path: /nowhere}}
"""


def test_a_model_of_a_study_of_own_data_is_a_file_that_studies_take(models, tmp_path):
    catalogue = tmp_path / "store/datasets/catalogue"
    catalogue.mkdir(parents=True)
    (catalogue / "leaves.yaml").write_text(LEAVES)
    (tmp_path / "study.yaml").write_text(STUDY)
    arguments = ("show", tmp_path / "study.yaml", "--model", "net+depth=two", "--store", tmp_path / "store")
    assert json.loads(models(*arguments, "--json")[1])["classes"] == 3
    (tmp_path / "two.yaml").write_text(models(*arguments, "--yaml")[1])
    (tmp_path / "next.yaml").write_text("compare: [two.yaml]\nbudget: none\nsuite: [leaves]\n")
    (compared,) = load_study(tmp_path / "next.yaml", home=tmp_path / "store").compare
    assert (compared.name, compared.layers[0].repeat) == ("net_depth_two", 2)


def test_show_a_file(models, tmp_path):
    path = tmp_path / "mine.yaml"
    path.write_text("layers:\n  - conv: {out: 8}\n")
    assert "224 → 224" in models("show", str(path))[1]
    path.write_text("layers:\n  - cnov: {out: 8}\n")
    assert models("show", str(path)) == (2, "", f"error: {path}:2: there is no block 'cnov' - did you mean 'conv'?\n")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("show", "mobilnetv2"), "there is no architecture 'mobilnetv2'"),
        (("show", "mobilnetv2"), "did you mean 'mobilenetv2'?"),
        (("show", "mobilenetv2", "--width", "0"), "--width"),
        (("show", "mobilenetv2", "--width", "nan"), "width must be above 0, not nan"),
        (("show", "mobilenetv2", "--yaml", "--width", "nan"), "width must be above 0, not nan"),
        (("show", "mobilenetv2", "--width", "inf"), "--width"),
        (("show", "mobilenetv2", "--classes", "0"), "--classes"),
        (("show", "mobilenetv2", "--widht", "1"), "did you mean '--width'?"),
        (("show",), "Missing argument 'NAME'"),
        (("lst",), "archlab models has no command 'lst' - did you mean 'list'?"),
    ],
)
def test_wrong_input_is_one_line(models, arguments, message):
    code, out, err = models(*arguments)
    assert (code, out, err.count("\n")) == (2, "", 1)
    assert err.startswith("error: ") and message in err


@pytest.mark.slow
def test_a_model_of_a_study_is_shown_as_it_is_trained_and_written_as_a_file(models, monkeypatch, tmp_path):
    monkeypatch.setenv("ARCHLAB_HOME", str(tmp_path / "store"))
    name = "mobilenetv2+attention=eca"
    code, out, _ = models("show", "quick", "--model", name, "--json")
    shown = json.loads(out)
    assert code == 0 and 2_400_000 < shown["params"] <= 2_500_000 and shown["width"] > 1
    (tmp_path / "variant.yaml").write_text(models("show", "quick", "--model", name, "--yaml")[1])
    written = archlab.architecture(tmp_path / "variant.yaml")
    assert written.name == "mobilenetv2_attention_eca"
    cost = count(written, InputSpec(shown["classes"], shown["resolution"]))
    assert (cost.params, cost.macs) == (shown["params"], shown["macs"])
    code, _, complaint = models("show", "quick", "--model", "mobilenetv2+atention=eca")
    assert code == 2 and f"did you mean '{name}'?" in complaint
