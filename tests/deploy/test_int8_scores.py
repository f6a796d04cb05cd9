"""What stored runs are worth in int8: as `archlab export --int8` reports it, once, without training."""

from __future__ import annotations

import json
import shutil
from types import SimpleNamespace

import numpy as np
import pytest
from standin import make_run

from archlab.deploy import int8_scores as module
from archlab.deploy import score_int8
from archlab.deploy.agreement import Images
from archlab.deploy.int8_scores import int8_scores
from archlab.executors import Settings
from archlab.foundation.machine import core_count
from archlab.foundation.metric import METRICS
from archlab.foundation.own_code import own_call
from archlab.runs import Event, Run, Store
from archlab.training.metrics import own_metric, recipe_metric
from tests.deploy.made import train

pytest.importorskip("onnxruntime")
ACCURACY = METRICS["accuracy"]


def runs_of(place):
    return {name: Run.from_document(place.store.read(key)["run"]) for name, key in place.keys.items()}


@pytest.mark.slow
def test_they_are_what_export_reports_and_are_kept(place, command, tmp_path, monkeypatch):
    runs, said = runs_of(place), []
    found = int8_scores(runs.values(), place.store, ACCURACY, Settings(workers=2), said.append)
    assert said[0] == "scoring 2 trained networks in int8, once"
    assert [words[:5] for words in said[1:]] == ["[1/2]", "[2/2]"] and all("points lost" in words for words in said[1:])
    for name, key in place.keys.items():
        code, out, err = command("export", key, "--int8", "--output", f"{name}.onnx", "--store", place.home, "--json")
        assert code == 0, err
        told = json.loads(out)
        assert found[key]["int8"] == pytest.approx(told["accuracy"])
        assert found[key]["float"] == pytest.approx(told["drop"]["float_accuracy"])
        assert {end: found[key][end] for end in ("low", "high")} == pytest.approx(
            {end: told["drop"][end] for end in ("low", "high")}
        )
        assert found[key]["drop"] == pytest.approx(told["drop"]["value"]) and found[key]["way"] == told["way"]
        assert found[key]["images"] == 72
    monkeypatch.setattr(module, "tries", lambda *_: pytest.fail("computed again"))
    assert int8_scores(runs.values(), place.store, ACCURACY, Settings(), said.append) == found and len(said) == 3


def test_scoring_takes_every_core_also_where_runs_take_a_gpu(tmp_path, monkeypatch):
    asked = []
    monkeypatch.setattr(Settings, "gpus_here", property(lambda self: 1 if self.device != "cpu" else 0))
    monkeypatch.setattr(module, "tries", lambda runs, store, settings, task: asked.append(settings.at_once) or [])
    int8_scores([make_run()], Store(tmp_path), ACCURACY, Settings())
    assert asked == [core_count()]


@pytest.mark.slow
def test_any_metric_and_each_is_kept_by_itself(place):
    run = runs_of(place)["mobileone"]
    found = [int8_scores([run], place.store, METRICS[name], Settings())[run.key] for name in ("log_loss", "macro_f1")]
    assert found[0]["float"] != found[1]["float"] and found[0]["drop"] == found[1]["drop"]
    stored = place.store.read(run.key)["metrics"]["test"]
    assert found[0]["float"] == pytest.approx(stored["log_loss"], rel=0.02)
    assert found[1]["float"] == pytest.approx(stored["macro_f1"])


@pytest.mark.slow
def test_a_run_that_cannot_be_scored_takes_no_other_along(own_place):
    """Its weights are cut short."""
    good = train(own_place.home, "mobileone", width=0.1, steps=2)
    bad = train(own_place.home, "mobileone", width=0.1, steps=3)
    runs = [Run.from_document(own_place.store.read(key)["run"]) for key in (bad, good)]
    weights = next((own_place.home / "runs").glob(f"??/{bad}")) / "weights.safetensors"
    weights.write_bytes(weights.read_bytes()[:-100])
    said = []
    found = int8_scores(runs, own_place.store, ACCURACY, Settings(), said.append)
    assert np.isfinite(found[good]["int8"]) and "no whole run" in found[bad]["cause"]
    assert any("not scored in int8" in words for words in said)
    shutil.rmtree(own_place.home / "datasets")
    again = int8_scores(runs, own_place.store, ACCURACY, Settings())
    assert again[good] == found[good], "it was kept"


def test_one_network_is_told_as_one(store, monkeypatch):
    said = []
    monkeypatch.setattr(module, "tries", lambda *_: iter(()))
    int8_scores([make_run()], store, ACCURACY, Settings(workers=1), said.append)
    assert said == ["scoring 1 trained network in int8, once"]


def test_by_a_metric_of_a_file_again_where_the_file_says_something_else(tmp_path, monkeypatch, own_code_forgotten):
    told, asked = dict.fromkeys(("float", "int8", "drop", "low", "high", "images", "way"), 0), []

    def tries(runs, *_):
        asked.append([run.own_files for run in runs])
        return [Event("finished", run, told) for run in runs]

    monkeypatch.setattr(module, "tries", tries)
    file, run, store = tmp_path / "mine.py", make_run(), Store(tmp_path)
    for text in ("return 0.5", "return 0.5", "return 0.25"):
        file.write_text(f"def hits(scores, labels):\n    {text}\n")
        assert int8_scores([run], store, own_metric(f"{file}:hits"), Settings())[run.key] == told
    assert asked == [[(str(file),)]] * 2, "once for each text"


def test_by_a_metric_that_the_recipe_names(tmp_path, monkeypatch, own_code_forgotten):
    """Of a run that keeps it, a metric has no function of its own."""
    file = tmp_path / "mine.py"
    file.write_text("def hits(scores, labels, worth):\n    return worth * (scores.argmax(1) == labels).sum()\n")
    call = own_call({f"{file}:hits": {"worth": 2}}, ("scores", "labels"))
    run, metric, asked = make_run(recipe={"metrics": [call]}), recipe_metric(call), []
    monkeypatch.setattr(module, "tries", lambda runs, *_: asked.extend(runs) or [])
    int8_scores([run], Store(tmp_path), metric, Settings())
    assert [each.own_files for each in asked] == [(str(file),)], "which a worker loads"

    answers = {b"float": np.eye(3)[[0, 1, 2]], b"int8": np.eye(3)[[0, 1, 0]]}
    quantiser = SimpleNamespace(core=SimpleNamespace(SerializeToString=lambda: b"float"))
    for name, made in {
        "load": SimpleNamespace(preprocessing=SimpleNamespace(pixels=None)),
        "images_of": Images(np.zeros((3, 1, 1, 3), np.uint8), ["a", "b", "c"], np.arange(3)),
        "core_graph": None,
        "training_images": None,
        "judging_images": ("validation", None),
        "Quantiser": quantiser,
        "quantised_graph": (b"int8", SimpleNamespace(way="minimum and maximum")),
    }.items():
        monkeypatch.setattr(score_int8, name, lambda *_, made=made, **__: made)
    monkeypatch.setattr(score_int8, "run_onnx", lambda content, *_: answers[content])
    found = score_int8.score_in_int8(run, home=tmp_path, metric=metric.document())
    assert (found["float"], found["int8"]) == (6, 4)
