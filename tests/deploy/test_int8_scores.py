"""What stored runs are worth in int8: as `archlab export --int8` reports it, once, without training."""

from __future__ import annotations

import json
import shutil

import numpy as np
import pytest
from standin import make_run

from archlab.deploy import int8_scores as module
from archlab.deploy.int8_scores import int8_scores
from archlab.executors import Settings
from archlab.foundation.machine import core_count
from archlab.foundation.metric import METRICS
from archlab.runs import Run, Store
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
