import itertools
import json
from pathlib import Path

import numpy as np
import pytest
import torch

import archlab
from archlab.architecture.own_blocks import own_blocks_alone
from archlab.data.preprocessing import Preprocessing
from archlab.deploy.deployed import Deployed
from archlab.deploy.litert_export import converted, finished, float_content
from archlab.deploy.litert_graph import graph_of, kind_of
from archlab.deploy.litert_quantising import MIN_MAX, PERCENTILE, quantised, ranges, ways
from archlab.deploy.litert_runtime import run_litert
from archlab.deploy.litert_shapes import fewer_axes
from archlab.deploy.loading import load
from archlab.foundation import UserError
from tests.deploy.made import BRANCHING, CLASSES, train

schema = pytest.importorskip("ai_edge_litert.schema_py_generated")
for library in ("litert_torch", "ai_edge_quantizer"):
    pytest.importorskip(library)


@pytest.fixture(scope="module")
def network(place):
    return load(place.keys["gated"], store=place.home)


@pytest.fixture(scope="module")
def in_float(network):
    return float_content(network)


@pytest.fixture(scope="module")
def training(network):
    return network.test_data().images("train")


@pytest.fixture(scope="module")
def test_images(network):
    return network.test_data().images("test")


@pytest.fixture(scope="module")
def in_int8(in_float, training):
    return quantised(in_float, ranges(in_float, training, MIN_MAX))


def expected(network, pixels):
    return network.probabilities(torch.from_numpy(pixels)).numpy()


def operators(content):
    """The kinds of the operators of a file, `CONV_2D`, in the order in which they run."""
    names = {number: name for name, number in vars(schema.BuiltinOperator).items() if isinstance(number, int)}
    graph = graph_of(content)
    return [names[kind_of(graph, operator)] for operator in graph.subgraphs[0].operators]


@pytest.mark.parametrize("count", [1, 3, 7])
def test_the_file_computes_what_the_network_does(network, in_float, test_images, count):
    pixels = test_images[:count]
    np.testing.assert_allclose(run_litert(in_float, pixels), expected(network, pixels), atol=1e-5)


def test_plain_lite_rt_takes_batches_of_pixels(network, in_float, test_images):
    from ai_edge_litert.interpreter import Interpreter

    interpreter = Interpreter(model_content=in_float)
    run = interpreter.get_signature_runner()
    assert list(run.get_input_details()) == ["images"] and run.get_input_details()["images"]["dtype"] == np.uint8
    found = run(images=test_images[:5])["probabilities"]
    np.testing.assert_allclose(found, expected(network, test_images[:5]), atol=1e-5)


def test_both_files_say_what_they_are(in_float, in_int8):
    for content in (in_float, in_int8):
        file = schema.Model.GetRootAs(content)
        entries = [file.Metadata(number) for number in range(file.MetadataLength())]
        texts = {entry.Name(): bytes(file.Buffers(entry.Buffer()).DataAsNumpy()) for entry in entries}
        assert set(json.loads(texts[b"classes"])) == set(CLASSES)
        assert json.loads(texts[b"preprocessing"])["inside"] == ["normalise"]
        assert json.loads(texts[b"origin"])["model"] == "gated"


def test_all_weights_lie_inside_the_flatbuffer_where_processors_can_read_them(in_float, in_int8):
    for content in (in_float, in_int8):
        file = schema.Model.GetRootAs(content)
        buffers = [file.Buffers(number) for number in range(file.BuffersLength())]
        assert all(buffer.Offset() == 0 for buffer in buffers)
        places = [content.index(bytes(each.DataAsNumpy())) for each in buffers if each.DataLength() > 64]
        assert places and all(place % 16 == 0 for place in places)


def test_int8_begins_with_pixels_and_has_no_floats_but_its_probabilities(network, in_int8, test_images):
    kinds = operators(in_int8)
    assert kinds[0] == "QUANTIZE" and kinds[-2:] == ["SOFTMAX", "DEQUANTIZE"] and "CAST" not in kinds
    assert kinds.count("QUANTIZE") == kinds.count("DEQUANTIZE") == 1
    file = schema.ModelT.InitFromPackedBuf(in_int8, 0)
    (graph,) = file.subgraphs
    floats = {
        number
        for operator in graph.operators
        for number in (*operator.inputs, *operator.outputs)
        if number >= 0 and graph.tensors[number].type == schema.TensorType.FLOAT32
    }
    assert floats == {*graph.outputs}
    assert graph.tensors[graph.inputs[0]].type == schema.TensorType.UINT8


@pytest.mark.parametrize("count", [1, 3, 72])
def test_int8_gives_the_same_classes(network, in_int8, test_images, count):
    found, wanted = run_litert(in_int8, test_images[:count]), expected(network, test_images[:count])
    assert found.dtype == np.float32 and found.shape == wanted.shape
    assert np.mean(found.argmax(1) == wanted.argmax(1)) > 0.95
    assert np.abs(found - wanted).max() < 0.15


def test_ways_come_one_by_one(in_float, training):
    asked = ways(in_float, training[:16])
    way, make = next(asked)
    assert way == MIN_MAX and make()[4:8] == b"TFL3"
    assert [way for way, _ in asked] == [PERCENTILE]


def test_ranges_are_those_of_the_feature_maps(network, in_float, training):
    pixels = training[:32]
    widest, cut = (ranges(in_float, pixels, way) for way in (MIN_MAX, PERCENTILE))
    assert widest.keys() == cut.keys()
    for name, each in widest.items():
        assert each["min"] <= cut[name]["min"] <= cut[name]["max"] <= each["max"]
    first = network.fuse().layers[0]
    maps = first(network.preprocessing.normalized(torch.from_numpy(pixels)))
    (name,) = [name for name in widest if name.startswith("layers.0.") and widest[name]["min"] == 0]
    assert widest[name]["max"].item() == pytest.approx(maps.max().item(), rel=1e-4)


def test_a_channel_whose_weights_are_nought_keeps_its_bias_in_int8(network, training, test_images):
    dead = load(network.origin["folder"])
    gated = dead.layers[1]
    with torch.no_grad():
        for conv in (gated.value, gated.gate):
            conv.weight[3:9] *= 1e-12
            conv.bias[3:9] = 1.5
    found = float_content(dead)
    content = quantised(found, ranges(found, training, MIN_MAX))
    wanted = expected(dead, test_images)
    np.testing.assert_allclose(run_litert(found, test_images), wanted, atol=1e-5)
    assert np.abs(run_litert(content, test_images) - wanted).max() < 0.15


def test_attention_over_one_token_and_patches_has_operators_that_microcontrollers_know():
    design = archlab.architecture(
        {
            "name": "attending",
            "layers": [{"conv": {"out": 8, "stride": 2}}, {"mobilevit": {"dim": 8, "depth": 1, "heads": 2}}],
        }
    )
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        attending = archlab.build_model(design, num_classes=3, resolution=4)
    module = Deployed(attending, Preprocessing(4, "stretch", 255, (0.5,) * 3, (0.5,) * 3)).eval()
    content = finished(converted(module, 4), 4, {})
    kinds = operators(content)
    assert kinds.count("SOFTMAX") == 2 and not {"EXP", "REDUCE_MAX"} & {*kinds}
    file = schema.ModelT.InitFromPackedBuf(content, 0)
    (graph,) = file.subgraphs
    assert all(len(tensor.shape) <= 5 for tensor in graph.tensors if len(tensor.shape))
    pixels = np.random.default_rng(0).integers(0, 256, (3, 4, 4, 3), dtype=np.uint8)
    with torch.no_grad():
        wanted = module(torch.from_numpy(pixels)).numpy()
    np.testing.assert_allclose(run_litert(content, pixels), wanted, atol=1e-5)


def test_fewer_axes_move_the_same_numbers():
    chance = np.random.default_rng(0)
    for _ in range(200):
        shape = [int(each) for each in chance.integers(1, 4, 6)]
        order = [int(each) for each in chance.permutation(6)]
        values = chance.random(shape)
        flat, turned = fewer_axes(shape, order)
        found = values.reshape(flat).transpose(turned)
        np.testing.assert_array_equal(found.ravel(), values.transpose(order).ravel())
        assert 1 not in flat or flat == [1]
        assert all(b != a + 1 for a, b in itertools.pairwise(turned))


def test_control_flow_that_depends_on_data_is_refused_in_one_line(own_place, tmp_path: Path):
    (tmp_path / "branching.py").write_text(BRANCHING.format(body="return x if x.mean() > 0 else -x"))
    design = {"name": "branching", "blocks": "branching.py", "layers": [{"conv": {"out": 8}}, "branching"]}
    with own_blocks_alone({}):
        key = train(own_place.home, design, folder=tmp_path, steps=1)
        with pytest.raises(UserError, match=r"cannot be exported to LiteRT: .*data-dependent") as raised:
            float_content(load(key, store=own_place.home))
    assert raised.value.message.count("\n") == 0
