"""int8: calibrated on training images, mended by validation images, reported on test images."""

from __future__ import annotations

import json
import os
import re
import shutil
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

import archlab
from archlab.cli.export import _file
from archlab.data import Prepared, preparation
from archlab.deploy import mending, onnx_ways, quantising
from archlab.deploy.agreement import images_of
from archlab.deploy.drop import paired_drop
from archlab.deploy.exporting import Exported
from archlab.deploy.onnx_export import core_graph
from archlab.deploy.onnx_runtime import run_onnx, session_of
from archlab.deploy.onnx_ways import quantised_graph, worst_layers
from archlab.deploy.quantising import MIN_MAX, PERCENTILE, Quantiser
from archlab.foundation import UserError
from tests.deploy.made import CLASSES, train
from tests.repeated import WHOLE

onnx = pytest.importorskip("onnx")


@pytest.fixture(scope="module")
def core(place):
    """The graph of a network of convolutions with ReLU, and its images."""
    network = archlab.load(place.keys["mobileone"], store=place.home)
    return core_graph(network), network.test_data().images("train"), images_of(network, "validation")


@pytest.mark.slow
def test_the_file_is_smaller_and_the_report_is_of_its_own_test_images(place, command, tmp_path):
    key = place.keys["gated"]
    code, out, err = command("export", key, "--int8", "--output", "net.onnx", "--store", place.home, "--json")
    assert code == 0, err
    told = json.loads(out)
    network = archlab.load(key, store=place.home)
    images = images_of(network)
    content = (tmp_path / "net.onnx").read_bytes()
    right = run_onnx(content, images.pixels).argmax(1) == images.labels
    assert told["precision"] == "int8" and told["accuracy"] == right.mean()
    assert told["drop"]["float_accuracy"] - told["accuracy"] == pytest.approx(told["drop"]["value"])
    assert told["drop"]["low"] <= told["drop"]["value"] <= told["drop"]["high"]
    assert told["way"] in [each["way"] for each in told["tried"]]
    model = onnx.load(tmp_path / "net.onnx")
    kinds = {each.data_type for each in model.graph.initializer if len(each.dims) == 4 and each.dims[0] > 1}
    assert kinds == {onnx.TensorProto.INT8}, "all weights of convolutions"
    assert json.loads({each.key: each.value for each in model.metadata_props}["classes"]) == network.class_names


@pytest.mark.slow
def test_test_images_choose_nothing(place, command, tmp_path, monkeypatch):
    """With all ways tried, other test images and other labels of theirs change what is reported and no byte of the file."""
    monkeypatch.setattr(mending, "ENOUGH", -2.0)
    monkeypatch.setattr(preparation, "check_intact", lambda *given, **more: None)  # it would see the change

    def changed(kind, change):
        real = getattr(Prepared, kind)
        return lambda prepared, split: change(real(prepared, split)) if split == "test" else real(prepared, split)

    def exported(name):
        code, out, err = command(
            "export", place.keys["gated"], "--int8", "--output", name, "--store", place.home, "--json"
        )
        assert code == 0, err
        return json.loads(out)

    first = exported("first.onnx")
    assert len(first["tried"]) > 3
    changes = {"images": lambda images: 255 - np.asarray(images), "labels": lambda labels: (labels + 1) % len(CLASSES)}
    for kind, change in changes.items():
        with monkeypatch.context() as patch:
            patch.setattr(Prepared, kind, changed(kind, change))
            other = exported(f"{kind}.onnx")
        assert other["accuracy"] != first["accuracy"]
        assert [other[key] for key in ("way", "tried", "layers")] == [first[key] for key in ("way", "tried", "layers")]
        assert (tmp_path / f"{kind}.onnx").read_bytes() == (tmp_path / "first.onnx").read_bytes()


@pytest.mark.slow
def test_where_validation_images_were_trained_on_training_images_judge(own_place, command):
    key = train(own_place.home, "mobileone", width=0.1, steps=2, recipe={"with_validation": True, "weights": "last"})
    code, out, err = command("export", key, "--int8", "--output", "net.onnx", "--store", own_place.home)
    assert code == 0, err
    assert ": probabilities of training images move by " in out


@pytest.mark.slow
def test_a_way_that_costs_too_much_is_followed_by_the_next(core, monkeypatch):
    """Whatever the first ways give is spoilt here: the third is taken, and layers are told apart."""
    graph, calibration, validation = core
    monkeypatch.setattr(mending, "ENOUGH", 0.05)
    given = onnx_ways.run_onnx
    spoilt = []

    def run(content, pixels, seen):
        found = given(content, pixels, seen)
        if len(pixels) == len(validation.pixels) and content != graph.SerializeToString() and len(spoilt) < 2:
            spoilt.append(content)
            return np.roll(found, 1, axis=1)
        return found

    monkeypatch.setattr(onnx_ways, "run_onnx", run)
    monkeypatch.setattr(onnx_ways, "SHOWN", len(validation.pixels) - 1)
    content, found = quantised_graph(Quantiser(graph, calibration), validation)
    ways = [each.way for each in found.tried]
    assert ways[:2] == ["minimum and maximum", "percentile 99.99"] and ways[2].endswith("in float") and len(ways) == 3
    assert found.way == ways[2] and not found.gave_up and content not in spoilt
    layers = [layer for layer, _ in found.layers]
    assert "head" in layers and "layers.0" in layers and f"{layers[0]} in float" in ways[2]
    moved = [each for _, each in found.layers]
    assert moved == sorted(moved, reverse=True)


@pytest.mark.slow
def test_the_worst_layer_is_named_with_its_block(place, command, monkeypatch):
    monkeypatch.setattr(mending, "ENOUGH", -1.0)
    code, out, err = command("export", place.keys["gated"], "--int8", "--store", place.home)
    assert code == 0 and "no way that was tried leaves the probabilities of validation images within" in err
    (line,) = [line for line in out.splitlines() if line.startswith("the layer that changes most is ")]
    assert any(name in line for name in ("layers.0 (conv): alone", "layers.1 (gated_conv): alone", "head: alone"))
    assert (
        "taken: " in out
        and out.count("probabilities of validation images move by") >= 3
        and "95 % over 72 images" in out
    )


@pytest.mark.slow
def test_it_gives_up_when_nothing_helps_and_takes_what_costs_least(core, monkeypatch):
    graph, calibration, validation = core
    monkeypatch.setattr(mending, "ENOUGH", -2.0)
    _, found = quantised_graph(Quantiser(graph, calibration), validation)
    assert found.gave_up and "equalised" in found.tried[-1].way
    assert found.best.way == found.way and found.best.moved == min(each.moved for each in found.tried)


@pytest.mark.slow
def test_percentiles_are_found_in_batches_of_any_size(core, monkeypatch):
    """256 images of 224 pixels come in 51 batches of five and one of one, however small they are stored."""
    graph, calibration, validation = core
    together = run_onnx(Quantiser(graph, calibration[:20]).quantised(PERCENTILE), validation.pixels)
    given, reader = [], quantising._Reader
    monkeypatch.setattr(quantising, "_Reader", lambda images, seen: given.append(len(images)) or reader(images, seen))
    seen = 181  # eight images of so many pixels at once
    apart = run_onnx(Quantiser(graph, calibration[:20], seen).quantised(PERCENTILE), validation.pixels, seen)
    assert given == [8, 8, 4] and mending.distance(together, apart) < 0.1


@pytest.mark.slow
def test_a_way_that_the_runtime_refuses_leaves_those_before_it(core, monkeypatch):
    graph, calibration, validation = core
    real, refused = Quantiser._calibrated, {PERCENTILE}

    def calibrated(quantiser, way):
        if way in refused:
            raise ValueError("supplied range of [-inf, inf] is not finite")
        return real(quantiser, way)

    monkeypatch.setattr(Quantiser, "_calibrated", calibrated)
    monkeypatch.setattr(mending, "ENOUGH", -2.0)
    _, found = quantised_graph(Quantiser(graph, calibration), validation)
    assert [each.way for each in found.tried] == [found.way] == [MIN_MAX]
    refused.add(MIN_MAX)
    with pytest.raises(UserError, match="cannot be exported to ONNX in int8: supplied range of"):
        quantised_graph(Quantiser(graph, calibration), validation)


def test_equalised_convolutions_compute_the_same_with_ranges_alike(core):
    from archlab.deploy.equalising import equalised

    graph, _, validation = core
    changed, pairs = equalised(graph)
    assert pairs > 10
    before, after = (run_onnx(each.SerializeToString(), validation.pixels) for each in (graph, changed))
    assert np.abs(before - after).max() < 1e-4 and changed.SerializeToString() != graph.SerializeToString()


def test_convolutions_along_a_line_are_equalised_too():
    from onnx import parser

    from archlab.deploy.equalising import equalised

    graph = parser.parse_model("""
        <ir_version: 10, opset_import: ["" : 20]>
        line (float[4,2,9] given) => (float[4,1,9] made)
        <float[3,2,1] one = {1.0, 2.0, -3.0, 4.0, 5.0, -6.0}, float[3] bias = {0.5, -0.5, 0.25},
         float[1,3,1] two = {7.0, 0.5, 0.125}>
        {
            maps = Conv(given, one, bias)
            positive = Relu(maps)
            made = Conv(positive, two)
        }
    """)
    changed, pairs = equalised(graph)
    given = np.random.default_rng(0).normal(size=(4, 2, 9)).astype(np.float32)
    before, after = (
        session_of(each.SerializeToString(), threads=1).run(None, {"given": given})[0] for each in (graph, changed)
    )
    assert pairs == 1 and changed.SerializeToString() != graph.SerializeToString()
    np.testing.assert_allclose(after, before, rtol=1e-4, atol=1e-4)


def test_the_interval_of_a_drop_covers_what_it_should():
    """Over 2,000 samples of 300 images of which 6 % lose and 3 % gain."""
    chance = np.random.default_rng(0)
    covered = 0
    for _ in range(2000):
        kind = chance.choice(4, 300, p=[0.06, 0.03, 0.8, 0.11])
        drop = paired_drop((kind == 0) | (kind == 2), (kind == 1) | (kind == 2))
        covered += drop.low <= 0.03 <= drop.high
    assert 0.93 < covered / 2000 < 0.975
    same = paired_drop(np.ones(100, bool), np.ones(100, bool))
    assert same.value == 0 and same.low < 0 < same.high < 0.05


def test_without_training_images_one_line_says_so(place, command, tmp_path, monkeypatch):
    shutil.copytree(place.store.directory(place.keys["gated"]), tmp_path / "sent")
    code, out, err = command("export", "sent/", "--int8")
    assert (code, out) == (2, "")
    told, refused = err.splitlines()
    assert told == "warning: sent brings code of its own, which is run: my_blocks.py"
    assert "int8 is calibrated on training images, and shapes, as the run had it, is not here" in refused
    images = Prepared.images
    monkeypatch.setattr(preparation, "check_intact", lambda *given, **more: None)  # it would see the change
    monkeypatch.setattr(Prepared, "images", lambda self, split: images(self, split)[: 0 if split == "train" else None])
    code, out, err = command("export", place.keys["gated"], "--int8", "--store", place.home)
    assert (code, out) == (2, "") and "int8 is calibrated on training images, and shapes has none" in err


def test_how_it_came_to_be_is_said_without_test_images_too():
    tried = [mending.Tried("minimum and maximum", 0.02, 0.01), mending.Tried("percentile 99.99", 0.0, 0.0)]
    found = mending.Mending("validation", tried, [("head", 0.1)], "percentile 99.99")
    agreement = SimpleNamespace(document=dict)
    told = Exported(Path("net.onnx"), "onnx", "int8", 9, agreement, None, None, found).document()
    assert (
        told["way"] == "percentile 99.99"
        and told["tried"][0] == {"way": "minimum and maximum", "moved": 0.02, "drop": 0.01}
        and "drop" not in told
    )
    assert told["layers"] == [{"layer": "head", "moved_alone": 0.1}]


def test_a_name_of_any_model_is_one_of_a_file():
    assert re.fullmatch(r"a_b-shapes-[0-9a-f]{8}-int8\.onnx", str(_file("a/b", "shapes", True, "onnx")))
    assert str(_file("", "shapes", False, "onnx")) == "network-shapes.onnx"
    long = _file("\u6f22" * 400, "shapes", True, "onnx").name
    assert long.endswith("-int8.onnx") and len(os.fsencode(long)) < 128
    assert _file("a" * 120 + "b", "shapes", False, "onnx") != _file("a" * 120 + "c", "shapes", False, "onnx")


@pytest.mark.slow
@pytest.mark.parametrize("name", ["convmixer", "mobilevit", *(("starnet", "shufflenetv2") if WHOLE else ())])
def test_trained_networks_keep_their_classes(own_place, command, name):
    key = train(own_place.home, name, width=0.15, steps=120)
    code, out, err = command("export", key, "--int8", "--output", "net.onnx", "--store", own_place.home, "--json")
    assert code == 0, err
    told = json.loads(out)
    assert (
        told["drop"]["value"] <= 2 / told["agreement"]["images"]
        and told["agreement"]["same_class"] >= 0.9 * told["agreement"]["images"]
    )


def test_layers_are_judged_as_long_as_there_is_time(monkeypatch):
    run = lambda content, pixels, seen: np.full((1, 2), len(content))  # noqa: E731
    monkeypatch.setattr("archlab.deploy.onnx_ways.run_onnx", run)
    quantiser = SimpleNamespace(layers=["a", "b"], seen=None, quantised=lambda way, in_float: b"x" * len(in_float))
    assert [layer for layer, _ in worst_layers(quantiser, None, b"xxx")] == ["a", "b"]
    assert worst_layers(quantiser, None, b"xxx", until=0.0) == []


def test_layers_are_judged_by_images_of_all_classes():
    """Images lie class by class."""
    numbers = onnx_ways._spread(np.arange(1000))
    assert len(set(numbers)) == onnx_ways.SHOWN and (numbers[0], numbers[-1]) == (0, 999)
    assert np.diff(numbers).max() == 4
    assert onnx_ways._spread(np.arange(5)).tolist() == [0, 1, 2, 3, 4]
