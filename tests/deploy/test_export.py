"""`archlab export`: the file computes what the network computes, wherever it is opened."""

from __future__ import annotations

import importlib.util
import json
import os
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from PIL import Image

import archlab
from archlab.architecture import references
from archlab.architecture.own_blocks import own_blocks_alone
from archlab.cli.export import _check_of_run
from archlab.data.decode import decode
from archlab.deploy import extras
from archlab.deploy.onnx_export import _fold_batch_norms, core_graph
from archlab.deploy.onnx_runtime import session_of
from archlab.foundation import UserError
from tests.deploy.made import BRANCHING, CLASSES, train
from tests.repeated import only_whole

pytest.importorskip("onnxruntime")

ALONE = """
import json, sys
import numpy, onnxruntime
assert not {"torch", "archlab", "blocks"} & sys.modules.keys()
session = onnxruntime.InferenceSession("net.onnx", providers=["CPUExecutionProvider"])
print(json.dumps({
    "inputs": [[each.name, each.shape, each.type] for each in session.get_inputs()],
    "outputs": [each.name for each in session.get_outputs()],
    "metadata": session.get_modelmeta().custom_metadata_map,
    "probabilities": session.run(None, {"images": numpy.load("images.npy")})[0].tolist(),
}))
"""


@pytest.fixture(scope="module")
def alone(tmp_path_factory):
    """The path of a folder that holds numpy and ONNX Runtime, and no torch or archlab."""
    folder = tmp_path_factory.mktemp("alone")
    for name in ("numpy", "onnxruntime"):
        package = Path(next(iter(importlib.util.find_spec(name).submodule_search_locations)))
        for path in (package, package.with_name(f"{name}.libs")):
            if path.exists():
                (folder / path.name).symlink_to(path)
    return folder


@pytest.mark.slow
def test_it_is_opened_where_neither_torch_nor_archlab_is(place, command, alone, tmp_path):
    key = place.keys["gated"]
    code, out, err = command("export", key[:9], "--output", "net.onnx", "--store", place.home, "--json")
    assert code == 0, err
    document = json.loads(out)
    assert document["file"] == "net.onnx" and document["bytes"] == (tmp_path / "net.onnx").stat().st_size
    assert document["accuracy"] == place.store.read(key)["metrics"]["test"]["accuracy"]
    found = document["agreement"]
    assert found["images"] == found["same_class"] == 72 and found["within_rounding"] and not found["made_up"]

    network = archlab.load(key, store=place.home)
    images = network.test_data().images("test")
    np.save(tmp_path / "images.npy", images)
    code = f"import sys; sys.path.insert(0, {str(alone)!r})\n{ALONE}"
    done = subprocess.run(
        [sys.executable, "-I", "-S", "-c", code], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    assert told["inputs"] == [["images", ["batch", "height", "width", 3], "tensor(uint8)"]]
    assert told["outputs"] == ["probabilities"] and json.loads(told["metadata"]["classes"]) == sorted(CLASSES)
    assert json.loads(told["metadata"]["preprocessing"])["resolution"] == 16
    assert str(place.home) not in json.dumps(told["metadata"])
    expected = network.probabilities(torch.from_numpy(images.copy())).numpy()
    assert np.abs(np.array(told["probabilities"]) - expected).max() < 1e-5


@pytest.mark.parametrize("fit", ["crop", "stretch"])
def test_it_resizes_as_preparation_does(fit):
    import onnxruntime

    from archlab.deploy.resizing import resizing

    session = onnxruntime.InferenceSession(resizing(24, fit).SerializeToString())
    chance = np.random.default_rng(0)
    for height, width in [(24, 24), (31, 60), (60, 31), (7, 9), (100, 33), (1, 1), (25, 24)]:
        images = chance.integers(0, 256, (2, height, width, 3), dtype=np.uint8)
        (resized,) = session.run(None, {"images": images})
        expected = np.stack([decode(Image.fromarray(image), 24, fit) for image in images])
        assert np.abs(resized.astype(int) - expected).max() <= 1
        if width >= height:  # Pillow begins with the columns, as the graph does
            assert np.array_equal(resized, expected)


@pytest.mark.slow
def test_branches_are_merged_and_no_normalisation_is_left(place):
    network = archlab.load(place.keys["mobileone"], store=place.home)
    graph = core_graph(network).graph
    convolutions = sum(node.op_type == "Conv" for node in graph.node)
    assert convolutions == sum(isinstance(each, torch.nn.Conv2d) for each in network.fuse().modules())
    assert "BatchNormalization" not in {node.op_type for node in graph.node}
    assert not any(node.doc_string or node.metadata_props for node in graph.node), "no paths of this machine"


@pytest.mark.parametrize("shape", [(4, 3), (4, 3, 5), (4, 3, 5, 7)])
def test_normalisation_of_maps_of_any_rank_is_folded(shape):
    from onnx import numpy_helper, parser, shape_inference

    axes = ",".join(map(str, shape))
    model = shape_inference.infer_shapes(
        parser.parse_model(f"""
            <ir_version: 10, opset_import: ["" : 20]>
            norms (float[{axes}] given) => (float[{axes}] made)
            <float[3] scale = {{1.0, 2.0, 3.0}}, float[3] bias = {{0.5, 0.0, -1.0}}, float[3] mean = {{1.0, 0.0, 2.0}},
             float[3] variance = {{1.0, 4.0, 0.25}}>
            {{
                negative = Neg(given)
                made = BatchNormalization(negative, scale, bias, mean, variance)
            }}
        """)
    )
    by_channel = (1, 3, *[1] * (len(shape) - 2))
    scale, bias, mean, variance = (numpy_helper.to_array(each).reshape(by_channel) for each in model.graph.initializer)
    given = np.random.default_rng(0).normal(size=shape).astype(np.float32)
    expected = (-given - mean) / np.sqrt(variance + 1e-5) * scale + bias
    _fold_batch_norms(model)
    assert [node.op_type for node in model.graph.node] == ["Neg", "Mul", "Add"]
    (found,) = session_of(model.SerializeToString(), threads=1).run(None, {"given": given})
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-4)


def test_normalisation_by_computed_statistics_is_left_alone():
    from onnx import parser

    model = parser.parse_model("""
        <ir_version: 10, opset_import: ["" : 20]>
        norms (float[4,3,5] given) => (float[4,3,5] made)
        <int64[2] axes = {0, 2}, float[3] scale = {1.0, 2.0, 3.0}, float[3] bias = {0.5, 0.0, -1.0},
         float[3] variance = {1.0, 4.0, 0.25}>
        {
            mean = ReduceMean <keepdims = 0> (given, axes)
            made = BatchNormalization(given, scale, bias, mean, variance)
        }
    """)
    before = model.SerializeToString()
    _fold_batch_norms(model)
    assert model.SerializeToString() == before


LIKE_EFFICIENTNET = ("fbnet", "mobilenetv2", "tinynet")  # of the same block


@pytest.mark.slow
@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=only_whole if name in LIKE_EFFICIENTNET else ()) for name in references()]
)
def test_every_reference_is_the_same_in_the_file(own_place, command, name):
    key = train(own_place.home, name, width=0.15, steps=20)
    code, out, err = command("export", key, "--output", "net.onnx", "--store", own_place.home, "--json")
    assert code == 0, err
    found = json.loads(out)["agreement"]
    assert found["same_class"] == found["images"] == 72 and found["within_rounding"]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("body", "message"),
    [
        ("return x if x.mean() > 0 else -x", "data-dependent"),
        ("return torch.special.bessel_j0(x)", "bessel_j0"),
    ],
)
def test_own_blocks_that_cannot_be_exported_are_named_in_one_line(own_place, command, tmp_path, body, message):
    (tmp_path / "branching.py").write_text(BRANCHING.format(body=body))
    design = {"name": "branching", "blocks": "branching.py", "layers": [{"conv": {"out": 8}}, "branching"]}
    with own_blocks_alone({}):
        key = train(own_place.home, design, steps=1)
    code, out, err = command("export", key, "--store", own_place.home)
    assert code == 2 and out == "" and err.count("\n") == 1, err
    assert "cannot be exported to ONNX" in err and message in err
    assert not list(tmp_path.glob("*.onnx"))


def test_without_the_extra_one_line_says_what_to_install(place, command, monkeypatch):
    monkeypatch.setattr(extras, "find_spec", lambda name: None)
    code, out, err = command("export", place.keys["gated"], "--store", place.home)
    assert (code, out) == (2, "")
    assert err == "error: this needs onnx and onnxscript and onnxruntime: pip install 'archlab[onnx]'\n"


def test_what_cannot_be_written_is_said_before_anything_is_computed(place, command, tmp_path, monkeypatch):
    code, _, err = command("export", place.keys["gated"], "--output", tmp_path, "--store", place.home)
    assert code == 2 and "is a folder" in err
    code, _, err = command("export", place.keys["gated"], "--output", "no/net.onnx", "--store", place.home)
    assert code == 2 and "no: there is no such folder" in err
    code, _, err = command("export", place.keys["gated"], "--output", "net.TFLite", "--store", place.home)
    assert code == 2 and "net.TFLite: this is to be a file of ONNX: --format tflite, or another name" in err
    os.mkfifo(tmp_path / "pipe.onnx")
    code, _, err = command("export", place.keys["gated"], "--output", "pipe.onnx", "--store", place.home)
    assert code == 2 and "pipe.onnx: is a pipe or a device" in err and (tmp_path / "pipe.onnx").is_fifo()
    real = os.access
    monkeypatch.setattr(os, "access", lambda path, *mode, **more: str(path) != "." and real(path, *mode, **more))
    code, _, err = command("export", place.keys["gated"], "--output", "net.onnx", "--store", place.home)
    assert code == 2 and "this folder must not be written to" in err


def test_the_file_of_another_run_is_replaced_only_where_it_is_named(place, command, tmp_path):
    file, key = tmp_path / "mobileone-shapes.onnx", place.keys["mobileone"]
    file.write_bytes(b'\xff{"key": "' + b"a" * 64 + b'"}')
    before = file.read_bytes()
    code, out, err = command("export", key, "--store", place.home)
    assert (code, out) == (2, "") and file.read_bytes() == before
    told = "is there already, and not of this run: --output with this name replaces it, with another keeps both"
    assert err == f"error: mobileone-shapes.onnx: {told}\n"
    _check_of_run(file, "a" * 64)
    _check_of_run(tmp_path / "none.onnx", "a" * 64)


@pytest.mark.slow
def test_a_run_by_itself_is_compared_on_noise_and_says_so(place, command, tmp_path):
    import shutil

    shutil.copytree(place.store.directory(place.keys["mobileone"]), tmp_path / "sent")
    code, out, err = command("export", "sent/", "--output", "net.onnx")
    assert code == 0 and "of 64 made-up images (the run's dataset is not here)" in out, err
    assert "accuracy" not in out


@pytest.mark.slow
def test_a_file_that_computes_something_else_is_not_written(place, monkeypatch, tmp_path):
    from archlab.deploy import exporting, onnx_exporter

    network = archlab.load(place.keys["gated"], store=place.home)
    other = archlab.load(place.keys["mobileone"], store=place.home)
    monkeypatch.setattr(onnx_exporter, "core_graph", lambda network: core_graph(other))
    torch.manual_seed(0)
    torch.nn.init.normal_(other.head.classifier.weight)
    with pytest.raises(UserError, match=r"gives another class on .* and nothing is written"):
        exporting.export(network, tmp_path / "net.onnx")
    assert not (tmp_path / "net.onnx").exists()


def test_a_file_that_the_runtime_refuses_is_not_written_and_one_line_says_why(place, monkeypatch, tmp_path):
    from archlab.deploy import exporting
    from archlab.deploy.onnx_exporter import OnnxExporter

    monkeypatch.setattr(OnnxExporter, "in_float", b"no model")
    network = archlab.load(place.keys["gated"], store=place.home)
    with pytest.raises(UserError, match="the network cannot be exported to ONNX: ") as raised:
        exporting.export(network, tmp_path / "net.onnx")
    assert "\n" not in str(raised.value) and not (tmp_path / "net.onnx").exists()


def test_as_many_images_at_once_as_the_pixels_that_the_network_sees_allow(monkeypatch):
    from archlab.deploy import onnx_runtime
    from archlab.deploy.onnx_exporter import OnnxExporter

    given = []

    def run(names, inputs):
        given.append(len(inputs["images"]))
        return [np.zeros((given[-1], 2), np.float32)]

    session = SimpleNamespace(get_inputs=lambda: [SimpleNamespace(name="images")], run=run)
    monkeypatch.setattr(onnx_runtime, "session_of", lambda content, threads: session)
    exporter = OnnxExporter(SimpleNamespace(preprocessing=SimpleNamespace(pixels=224)))
    assert exporter.probabilities(b"", np.zeros((12, 32, 32, 3), np.uint8)).shape == (12, 2)
    assert given == [5, 5, 2]
