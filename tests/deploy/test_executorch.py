"""ExecuTorch programs compute what the network computes, say what they are, and are made without a word."""

from __future__ import annotations

import copy
import dataclasses
import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

import archlab
from archlab.architecture.own_blocks import own_blocks_alone
from archlab.deploy.agreement import images_of
from archlab.deploy.deployed import Deployed, metadata
from archlab.foundation import UserError
from tests.deploy.made import BRANCHING, CLASSES, train

pytest.importorskip("executorch")

from archlab.deploy import executorch_export
from archlab.deploy.executorch_export import _FloatFirst, _graph_to_calibrate, float_content, int8_ways, probabilities
from archlab.deploy.executorch_int8 import HISTOGRAM, MIN_MAX, quantised_graph

MAKING = """
import sys
from pathlib import Path
import archlab
from archlab.deploy.executorch_export import float_content, int8_ways, probabilities

key, home, place = sys.argv[1:]
network = archlab.load(key, store=home)
images = network.test_data().images("train")
for name, make in (("float", lambda: float_content(network)), *int8_ways(network, images)):
    content = make()
    probabilities(content, images[:2])
    (Path(place) / name).write_bytes(content)
"""


ALONE = """
import json, sys
import numpy, torch
from executorch.runtime import Runtime

program = Runtime.get().load_program(sys.argv[1])
told = {name: program.load_method(name).execute([])[0] for name in program.method_names if name != "forward"}
images = torch.from_numpy(numpy.load(sys.argv[2]))
probabilities = [program.load_method("forward").execute([image[None]])[0][0].tolist() for image in images]
assert not {"archlab", "blocks"} & sys.modules.keys()
print(json.dumps({"told": told, "probabilities": probabilities}))
"""


@pytest.fixture(scope="module")
def network(place):
    return archlab.load(place.keys["gated"], store=place.home)


@pytest.fixture(scope="module")
def made(place, tmp_path_factory):
    """A folder with the programs of a network, made in a process of its own: `float` and the ways of quantising."""
    folder, empty = tmp_path_factory.mktemp("programs"), tmp_path_factory.mktemp("empty")
    environment = {**os.environ, "TMPDIR": str(empty), "PYTHONPATH": str(Path(archlab.__file__).parents[1])}
    done = subprocess.run(
        [sys.executable, "-c", MAKING, place.keys["gated"], place.home, folder],
        cwd=empty,
        env=environment,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    assert (done.stdout, done.stderr) == ("", ""), "nothing is printed"
    assert not [path for path in empty.rglob("*") if path.is_file()], "no files are left behind"
    return folder


@pytest.mark.parametrize("count", [1, 3, 7])
def test_any_number_of_images_gets_what_torch_gives(network, made, count):
    pixels = images_of(network).pixels[:count]
    expected = network.probabilities(torch.from_numpy(pixels.copy())).numpy()
    found = probabilities((made / "float").read_bytes(), pixels)
    assert found.shape == (count, 3) and found.dtype == np.float32
    assert np.abs(found - expected).max() < 1e-5


def test_the_runtime_alone_reads_the_classes_and_computes(place, network, made, tmp_path):
    pixels = images_of(network).pixels[:5]
    np.save(tmp_path / "images.npy", pixels)
    given = [sys.executable, "-c", ALONE, made / "float", tmp_path / "images.npy"]
    done = subprocess.run(given, capture_output=True, text=True, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert found["told"] == metadata(network, ["normalise"])
    assert json.loads(found["told"]["classes"]) == network.class_names == sorted(CLASSES)
    assert json.loads(found["told"]["preprocessing"])["inside"] == ["normalise"]
    expected = network.probabilities(torch.from_numpy(pixels.copy())).numpy()
    assert np.abs(np.array(found["probabilities"]) - expected).max() < 1e-5


def test_no_program_tells_of_this_machine(place, made):
    for program in made.iterdir():
        content = program.read_bytes()
        for path in (place.home, Path(archlab.__file__).parent, sys.prefix, "own-code"):
            assert str(path).encode() not in content


@pytest.mark.parametrize("way", [MIN_MAX, HISTOGRAM])
def test_int8_keeps_nearly_all_classes_and_is_not_the_float_program(network, made, way):
    images = images_of(network)
    expected = network.probabilities(torch.from_numpy(images.pixels.copy())).numpy()
    found = probabilities((made / way).read_bytes(), images.pixels)
    assert (found.argmax(1) == expected.argmax(1)).mean() >= 0.95
    assert 1e-5 < np.abs(found - expected).max() < 0.2


def test_the_network_alone_is_quantised_and_wholly(network):
    from torchao.quantization.pt2e import MinMaxObserver  # noqa: F401  # its operators

    module = _FloatFirst(Deployed(network, network.preprocessing)).eval()
    graph, batch = _graph_to_calibrate(module, 16)
    assert batch > 1
    images = torch.from_numpy(images_of(network, "train").pixels.copy()).split(batch)
    nodes = list(quantised_graph(graph, images, MIN_MAX).graph.nodes)

    def targets(kind):
        return [node for node in nodes if node.op == "call_function" and kind in str(node.target)]

    convolutions = targets("conv2d") + targets("linear")
    assert len(convolutions) == 4, "one, those of value and gate, and the classifier"
    for node in convolutions:
        assert ["dequantize" in str(each.target) for each in node.args[:2]] == [True, True]
        assert "per_channel" in str(node.args[1].target)
    (first,) = (node for node in targets("quantize_per_tensor") if node.args[0].name == "mul")
    assert all("dequantize" not in str(each.target) for each in first.args[0].args), "normalisation in float"
    assert not [node for node in targets("quantize_per_tensor") if "softmax" in node.args[0].name]


def test_ways_are_made_when_they_are_asked_for_and_the_network_is_left_alone(network, monkeypatch):
    asked = []
    monkeypatch.setattr(executorch_export, "_program", lambda graph, network: b"")
    monkeypatch.setattr(executorch_export, "quantised_graph", lambda graph, images, way: asked.append(way))
    before = {name: (tensor.clone(), tensor.stride()) for name, tensor in network.state_dict().items()}
    ways = int8_ways(network, images_of(network, "train").pixels[:4])
    for wanted in (MIN_MAX, HISTOGRAM):
        way, make = next(ways)
        assert way == wanted and wanted not in asked
        assert make() == b"" and asked[-1] == wanted
    after = network.state_dict()
    assert all(
        torch.equal(was, after[name]) and stride == after[name].stride() for name, (was, stride) in before.items()
    )


@pytest.mark.slow
def test_dead_channels_and_one_image_to_calibrate_on_do_no_harm(network):
    dead = copy.deepcopy(network)
    with torch.no_grad():
        for parameter in dead.layers[0].parameters():
            parameter[:4] = 0
        for parameter in dead.layers[1].norm.parameters():
            parameter.zero_()
    pixels = images_of(network).pixels
    expected = dead.probabilities(torch.from_numpy(pixels.copy())).numpy()
    _, make = next(int8_ways(dead, pixels[:1]))
    assert np.abs(probabilities(make(), pixels) - expected).max() < 0.02


def test_a_network_for_one_image_at_a_time_is_calibrated_too():
    class OneOnly(torch.nn.Module):
        def forward(self, images):
            return images.float().view(1, 48)

    graph, batch = _graph_to_calibrate(OneOnly(), 4)
    assert batch == 1 and graph(torch.ones(1, 4, 4, 3, dtype=torch.uint8)).shape == (1, 48)


@pytest.mark.parametrize(("pixels", "test_resize"), [(32, None), (12, 14)])
def test_floats_first_are_seen_as_bytes_are(network, pixels, test_resize):
    preprocessing = dataclasses.replace(network.preprocessing, pixels=pixels, test_resize=test_resize)
    module = Deployed(network, preprocessing).eval()
    images = torch.from_numpy(images_of(network).pixels.copy())
    with torch.no_grad():
        assert torch.allclose(_FloatFirst(module)(images), module(images), atol=1e-6)


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ("return x if x.mean() > 0 else -x", "data-dependent"),
        ("return torch.special.bessel_j0(x)", "bessel_j0"),
    ],
)
def test_own_blocks_that_cannot_be_exported_are_named_in_one_line(own_place, tmp_path, body, message):
    (tmp_path / "branching.py").write_text(BRANCHING.format(body=body))
    design = {"name": "branching", "blocks": "branching.py", "layers": [{"conv": {"out": 8}}, "branching"]}
    with own_blocks_alone({}):
        key = train(own_place.home, design, folder=tmp_path, steps=1)
    network = archlab.load(key, store=own_place.home)
    for make in (float_content, lambda network: next(int8_ways(network, images_of(network).pixels[:2]))[1]()):
        with pytest.raises(UserError, match="cannot be exported to ExecuTorch: ") as refused:
            make(network)
        assert message in str(refused.value) and "\n" not in str(refused.value)
