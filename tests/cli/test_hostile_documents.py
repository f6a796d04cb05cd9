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


@pytest.mark.parametrize("keys", LARGE, ids=lambda keys: next(iter(keys.values()))[:40])
def test_what_is_far_too_large_is_refused_before_it_is_expanded(build, keys):
    began = time.process_time()
    code, complaint = build(**keys)
    assert code == 2 and complaint.count("\n") == 1, complaint
    assert time.process_time() - began < 60


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
