"""Studies whose values are of a wrong type, or far too large: one line each, and soon."""

from __future__ import annotations

import os
import time

import pytest

STUDY = {
    "base": "mobilenetv2",
    "compare": "[mobilenetv2, starnet]",
    "suite": "[digits, textures]",
    "choices": "{attention: {none: [], eca: [{set: {channel_attention: eca}, where: {block: inverted_residual}}]}}",
}
VALUES = ["5", "1e308", "true", "[1]", "[[]]", "{a: 1}", "0x" + "f" * 50, "-9" * 400, "'\\0'"]
LARGE = [
    {"seeds": "10000000000000"},
    {"seeds": "[99999999999999999999]"},
    {"seeds": "0x" + "f" * 50},
    {"smallest_map": "99999999999999999999"},
    {"budget": "{params: 1.0e+300}"},
    {"base": "{layers: [{conv: {out: 8, repeat: 1000000000}}]}", "choices": "{}"},
    {"choices": "{k: [{set: {repeat: {range: [1, 1000000000000]}}, where: {layer: 3}}]}"},
    {"choices": "{k: [{set: {out: {range: [8, 5000]}}, where: {layer: 3}}]}"},
]


@pytest.fixture
def build(command, tmp_path):
    """Builds a study; gives exit code and standard error."""

    def call(**keys):
        path = tmp_path / "study.yaml"
        path.write_text("".join(f"{key}: {value}\n" for key, value in (STUDY | keys).items()))
        code, _, complaint = command("build", "--spec", path, "--store", tmp_path / "store", "--json")
        return code, complaint

    return call


@pytest.mark.parametrize("value", VALUES)
@pytest.mark.parametrize("key", ["suite", "blocks", "defaults", "recipe", "base", "choices", "search", "score"])
def test_a_value_of_a_wrong_type_is_one_line(build, key, value):
    code, complaint = build(**{key: value})
    assert code == 2 and complaint.count("\n") == 1 and complaint.startswith("error: "), complaint


@pytest.mark.slow
@pytest.mark.parametrize("keys", LARGE, ids=lambda keys: next(iter(keys.values()))[:40])
def test_what_is_far_too_large_is_refused_before_it_is_expanded(build, keys):
    began = time.process_time()
    code, complaint = build(**keys)
    assert code == 2 and complaint.count("\n") == 1, complaint
    assert time.process_time() - began < 60


BOUNDED = {
    "{mobilevit: {dim: 96, depth: 1000000000, heads: 4}}": "mobilevit: depth is at most 65,536",
    "{conv: {out: 1000000000000}}": "conv: out is at most 65,536",
    "{inverted_residual: {out: 8, kernel: ["
    + "3, " * 2000
    + "3]}}": "inverted_residual: kernel is a list of at most 100",
    "{conv: {out: 8, kernel: 9999999999999999}}": "conv: kernel is at most 65,536",
    "{inverted_residual: {out: 8, expand: 1e30}}": "inverted_residual: expand is at most 65,536, not 1e+30",
}


@pytest.mark.parametrize("layer", BOUNDED, ids=lambda layer: layer[:40])
def test_what_a_layer_expands_is_bounded_and_the_bound_said(command, tmp_path, layer):
    (tmp_path / "net.yaml").write_text(f"layers:\n  - conv: {{out: 8}}\n  - {layer}\n")
    code, _, complaint = command("models", "show", tmp_path / "net.yaml")
    assert code == 2 and BOUNDED[layer] in complaint and "net.yaml:3" in complaint and complaint.count("\n") == 1


def test_a_head_a_resolution_and_a_width_are_bounded_too(command, tmp_path, build):
    (tmp_path / "net.yaml").write_text("layers: [{conv: {out: 8}}]\nhead: {features: 1000000000}\n")
    code, _, complaint = command("models", "show", tmp_path / "net.yaml")
    assert code == 2 and "net.yaml:2: head: features is at most 65,536" in complaint
    (tmp_path / "net.yaml").write_text("layers: [{conv: {out: 8}}]\nresolution: 1000000000\n")
    code, _, complaint = command("models", "show", tmp_path / "net.yaml")
    assert code == 2 and "net.yaml:2: resolution must be a whole number from 1 to 65536" in complaint
    code, complaint = build(width="1000000000", budget="none")
    assert code == 2 and "width must be a number between 0 and 1000" in complaint


@pytest.mark.parametrize("value", ["5", "[1]", "[act]", "true", "word"])
def test_defaults_are_given_by_name(command, tmp_path, value):
    (tmp_path / "net.yaml").write_text(f"layers: [{{conv: {{out: 8}}}}]\ndefaults: {value}\n")
    code, _, complaint = command("models", "show", tmp_path / "net.yaml")
    assert code == 2 and "net.yaml:2: defaults takes arguments of blocks by name" in complaint


NAMES = ["a\0b.yaml", "\ud800.yaml", "x" * 300 + ".yaml", "x" * 5000, "here/" * 2000 + "x.yaml"]


@pytest.mark.parametrize("name", NAMES, ids=lambda name: ascii(name[:12]))
@pytest.mark.parametrize(
    "words",
    [
        "build --spec",
        "models show",
        "score",
        "report",
        "score zhang2025 --frame",
        "train mobilenetv2 --dataset digits --recipe",
    ],
)
def test_a_name_that_no_file_can_have_is_one_line(command, monkeypatch, tmp_path, words, name):
    monkeypatch.setenv("ARCHLAB_HOME", str(tmp_path / "store"))
    code, _, complaint = command(*words.split(), name)
    assert code == 2 and complaint.count("\n") == 1 and len(complaint) < 4000 and complaint[:-1].isprintable()


@pytest.mark.parametrize("key", ["base", "recipe", "suite", "blocks", "compare"])
@pytest.mark.parametrize(
    "name",
    [r'"a\0b.yaml"', r'"\ud800.yaml"', "x" * 300 + ".yaml", "loop.yaml", "pipe.yaml"],
    ids=lambda name: name[:12],
)
def test_a_document_that_names_no_file_is_one_line(build, tmp_path, key, name):
    (tmp_path / "loop.yaml").symlink_to("loop.yaml")
    os.mkfifo(tmp_path / "pipe.yaml")
    code, complaint = build(**{key: name})
    assert code == 2 and complaint.count("\n") == 1 and complaint[:-1].isprintable()


def test_a_message_has_a_length(build):
    code, complaint = build(recipe="x" * 100_000)
    assert code == 2 and " [...] " in complaint and len(complaint) < 3000


def test_an_exemption_holds_no_others(command, build, tmp_path):
    exempt = "{like: quick, exemptions: [{set: {exemptions: [{set: {steps: 1}}]}}]}"
    code, complaint = build(recipe=exempt)
    assert code == 2 and "an exemption cannot hold others" in complaint
    (tmp_path / "recipe.yaml").write_text(exempt)
    code, _, complaint = command("train", "mobilenetv2", "--dataset", "digits", "--recipe", tmp_path / "recipe.yaml")
    assert code == 2 and "recipe.yaml:1: an exemption cannot hold others" in complaint


@pytest.mark.parametrize("words", ["build --spec", "train --dataset digits", "score", "report", "datasets add x --csv"])
@pytest.mark.parametrize("kind", ["pipe", "device"])
def test_a_file_without_an_end_is_refused(command, tmp_path, monkeypatch, words, kind):
    path = tmp_path / "endless.yaml"
    if kind == "pipe":
        os.mkfifo(path)
    else:
        path.symlink_to("/dev/zero")
    monkeypatch.setenv("ARCHLAB_HOME", str(tmp_path / "store"))
    code, _, complaint = command(*words.split(), path)
    assert code == 2 and complaint.count("\n") == 1 and str(path) in complaint
