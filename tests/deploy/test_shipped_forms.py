"""A network in every form that it can ship in, beside what torch makes of it."""

from __future__ import annotations

import json
import shutil
from types import SimpleNamespace

import pytest

from archlab.architecture import architecture
from archlab.budget import count
from archlab.deploy import extras, loading
from archlab.deploy import shipped_forms as shipped
from archlab.deploy.shipped_forms import shipped_forms


@pytest.fixture
def onnx_alone(monkeypatch):
    """Of the formats ONNX alone is installed: the others take minutes, and are tested where they are."""
    monkeypatch.setattr(shipped, "missing", lambda extra: [] if extra == "onnx" else ["its library"])


@pytest.mark.slow
def test_every_form_has_a_row(place, command, onnx_alone):
    code, out, err = command("bench", "deploy", place.keys["gated"][:12], "--store", place.home, "--json")
    assert code == 0
    assert [line for line in err.splitlines() if "layers in float" not in line] == [
        "exporting gated to ONNX in float",
        "exporting gated to ONNX in int8",
        "LiteRT is left out: it needs its library: pip install 'archlab[litert]'",
        "ExecuTorch is left out: it needs its library: pip install 'archlab[executorch]'",
        "timing 3 forms in turns",
    ]
    document = json.loads(out)
    network = loading.load(place.keys["gated"], store=place.home)
    assert document["key"] == network.origin["key"]
    forms = {(form["format"], form["precision"]): form for form in document["forms"]}
    assert list(forms) == [("torch", "float"), ("onnx", "float"), ("onnx", "int8")]
    eager, plain, small = forms.values()
    assert eager["accuracy"] == plain["accuracy"] == pytest.approx(network.origin["metrics"]["test"]["accuracy"])
    assert eager["bytes"] is None and small["bytes"] < plain["bytes"] and plain["same_class"] == 1
    assert small["same_class"] > 0.9
    assert plain["peak_memory"] == eager["peak_memory"] and small["peak_memory"] in (plain["peak_memory"] / 4, None)
    for form in forms.values():
        assert 0 < form["low_ms"] <= form["median_ms"] <= form["high_ms"] and form["n"] >= 9
        assert "one thread" in form["hardware"]


@pytest.mark.slow
def test_without_the_data_int8_is_left_out_and_the_reason_said(place, command, onnx_alone, tmp_path):
    folder = next(path for path in (place.home / "runs").glob(f"*/{place.keys['gated']}"))
    code, out, err = command("bench", "deploy", shutil.copytree(folder, tmp_path / "run"))
    assert code == 0 and "int8" not in out and "made-up images" in out
    assert "\nONNX in int8 is left out: int8 is calibrated on training images" in err


def test_without_the_extra_one_line_says_what_to_install(place, command, monkeypatch):
    monkeypatch.setattr(extras, "find_spec", lambda name: None)
    code, out, err = command("bench", "deploy", place.keys["gated"], "--store", place.home)
    assert (code, out) == (2, "") and "pip install 'archlab[onnx]'" in err and err.count("\n") == 1


@pytest.mark.parametrize(
    ("way", "size"), [("minimum and maximum", 1), ("percentile 99.99, layers.0, layers.2 in float", None)]
)
def test_the_memory_of_a_file_with_layers_in_float_is_not_that_of_8_bits(onnx_alone, monkeypatch, way, size):
    class Made:
        exporter = SimpleNamespace(ready=lambda content, image: None)

        def __init__(self, network, format):
            pass

        def write(self, file, *, int8):
            file.write_bytes(b"content")
            mending = SimpleNamespace(way=way) if int8 else None
            return SimpleNamespace(mending=mending, agreement=SimpleNamespace(share=1.0), bytes=7, accuracy=0.5)

    monkeypatch.setattr(shipped, "Exporting", Made)
    said = []
    found = shipped._of_format(SimpleNamespace(origin={"model": "net"}), "onnx", None, said.append)
    assert [form.value_bytes for form in found] == [4, size]
    assert any(f"has layers in float ({way})" in line for line in said) == (size is None)


@pytest.mark.slow
def test_the_memory_is_that_of_the_closed_form(place, onnx_alone, monkeypatch):
    monkeypatch.setattr("archlab.deploy.mending.ENOUGH", 1.0)  # so that no layer is left in float
    network = loading.load(place.keys["mobileone"], store=place.home)
    forms = {form.precision: form for form in shipped_forms(network)}
    cost = count(architecture("mobileone"), network.run.input, network.run.width)
    assert forms["int8"].peak_memory == cost.peak_memory
