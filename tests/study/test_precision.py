"""A study that asks for int8 scores its stored networks so too, and none other does."""

from __future__ import annotations

import json

import pytest
from small_study import filled
from study_texts import study

from archlab.deploy import extras
from archlab.executors import Settings
from archlab.foundation import UserError
from archlab.study import ablating
from archlab.study import on_this_machine as module


@pytest.mark.parametrize(
    ("given", "expected"), [("[float, int8]", ("float", "int8")), ("int8", ("float", "int8")), ("float", ("float",))]
)
def test_float_is_always_among_them(given, expected):
    assert study(f"compare: references\nsuite: samples\nprecision: {given}").precision == expected
    assert study("compare: references\nsuite: samples").precision == ("float",)


@pytest.mark.parametrize("given", ["int4", "[float, int16]", "8", "[[int8]]", "null"])
def test_others_are_refused(given):
    with pytest.raises(UserError, match=r"study.yaml:3: precisions are float and int8, not"):
        study(f"compare: references\nsuite: samples\nprecision: {given}")


def test_without_the_extra_it_is_refused_before_anything_runs(store, monkeypatch):
    monkeypatch.setattr(extras, "find_spec", lambda name: None)
    with pytest.raises(UserError, match=r"`precision: int8` needs .*pip install 'archlab\[onnx\]'"):
        ablating.ablate(
            {"compare": ["starnet", "mobilenetv2"], "suite": ["digits", "textures"], "precision": "int8"}, store
        )
    assert not list(store.keys())


def test_its_file_has_a_row_for_every_run_and_goes_when_it_is_no_longer_asked_for(store, monkeypatch):
    ablation = filled(store)
    asked = []

    def scores(runs, *_):
        asked.extend(runs)
        return {run.key: {"int8": 0.5} for run in runs}

    monkeypatch.setattr(module, "int8_scores", scores)
    file = ablation.folder / module.INT8
    module.save_int8(ablation, Settings())
    assert not asked and not file.exists()
    ablation.study.precision.append("int8")
    module.save_int8(ablation, Settings())
    rows = json.loads(file.read_text())
    assert [(row["model"], row["dataset"], row["seed"]) for row in rows] == [
        (run.model, run.dataset, run.seed) for run in ablation.runs
    ]
    assert {row["int8"] for row in rows} == {0.5}
    ablation.study.precision.remove("int8")
    module.save_int8(ablation, Settings())
    assert not file.exists()
