"""`archlab train`."""

from __future__ import annotations

import json
import shutil
from functools import partial
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import load_file

from archlab.cli.train import _print
from archlab.executors import Outcome
from archlab.runs import Failure, Store
from tests.study.standin_training import trained

TINY = """
name: tiny
layers:
  - conv: {out: 8, stride: 2}
  - inverted_residual: {out: 16, expand: 2, stride: 2}
"""
SHORT = "like: quick\nsteps: 4\n"


@pytest.fixture
def train(command, monkeypatch, tmp_path):
    """Calls `archlab train` in a folder with tiny.yaml and short.yaml."""
    (tmp_path / "tiny.yaml").write_text(TINY)
    (tmp_path / "short.yaml").write_text(SHORT)
    (tmp_path / "tuned.yaml").write_text(SHORT + "tune: {lr: [0.1], steps: 4}\n")
    monkeypatch.chdir(tmp_path)
    return partial(command, "train", "--store", "store")


@pytest.mark.slow
def test_trains_once_and_finds_the_run_again(train):
    arguments = ["tiny.yaml", "--dataset", "digits", "--recipe", "short.yaml", "--width", "1", "--json"]
    (code, first, progress), (again, second, note) = train(*arguments), train(*arguments)
    assert code == again == 0, progress
    document = json.loads(first)
    assert document == json.loads(second)
    assert document["run"]["model"] == "tiny" and document["run"]["recipe"]["steps"] == 4
    assert 0 <= document["metrics"]["test"]["accuracy"] <= 1
    assert "epoch 1: loss" in progress and "nothing was trained" in note
    code, shown, _ = train(*arguments[:-1])
    (line,) = [line for line in shown.splitlines() if line.startswith("weights: ")]
    assert code == 0 and load_file(line.removeprefix("weights: "))


@pytest.mark.parametrize(
    ("keys", "message"),
    [
        ("distill: {teacher: ab12}", "short.yaml:3: distill: the teacher: no stored run starts with 'ab12'"),
        ("init: {run: ab12}", "short.yaml:3: init: the run: no stored run starts with 'ab12'"),
        ("init: {weights: w.pt}", "short.yaml:3: init: weights is a safetensors file, not w.pt"),
        ("resolution: 16\nprogressive: 0.5", "progressive: 16 pixels cannot become fewer"),
    ],
)
def test_what_a_recipe_stands_on_is_asked_for_before_anything_runs(train, keys, message):
    Path("short.yaml").write_text(SHORT + keys + "\n")
    code, output, error = train("tiny.yaml", "--dataset", "mnist5k", "--recipe", "short.yaml", "--width", "1")
    assert code == 2 and output == "" and error.startswith("error: ")
    assert error.count("\n") == 1 and message in error
    assert not list(Path("store").rglob("checkpoint*"))


def test_what_a_run_stands_on_is_named_and_trained_where_it_is_needed_alone(train, monkeypatch):
    def execute(runs, store, settings, *, on_event):
        (run,), outcome = runs, Outcome()
        if run.key not in store:
            store.put(run, trained(run))
            outcome.computed = 1
        outcome.results[run.key] = store.get(run.key)
        return outcome

    monkeypatch.setattr("archlab.executors.execute", execute)
    monkeypatch.setattr("archlab.forecast.check_counts", lambda *_: None)
    Path("short.yaml").write_text(SHORT + "init: {pretrain: {dataset: textures, recipe: {like: quick, steps: 2}}}\n")
    call = partial(train, "tiny.yaml", "--dataset", "digits", "--recipe", "short.yaml", "--width", "1", "--seed")
    named, stored = "first tiny on textures, seed 0, which it stands on", "this run is stored already"
    said = [call(seed)[2] for seed in (0, 1, 1)]
    assert [(named in each, stored in each) for each in said] == [(True, False), (False, False), (False, True)]
    store = Store("store")
    first = {store.get(key)["run"]["dataset"]: key for key in list(store.keys())}["textures"]
    shutil.rmtree(store.directory(first))
    assert stored in call(1)[2] and first not in store


def test_a_run_that_fails_is_told_with_its_log_and_as_a_document(train, monkeypatch):
    def execute(runs, *_, **__):
        return Outcome(failed=[Failure(runs[0], "ValueError: a loss", 1, "store/log.txt")])

    monkeypatch.setattr("archlab.executors.execute", execute)
    monkeypatch.setattr("archlab.forecast.check_counts", lambda *_: None)
    arguments = ["tiny.yaml", "--dataset", "digits", "--recipe", "short.yaml", "--width", "1"]
    told = "failed: tiny on digits, seed 0: ValueError: a loss; its log is store/log.txt\n"
    code, printed, said = train(*arguments)
    assert (code, printed) == (1, "") and said.endswith(told)
    code, printed, said = train(*arguments, "--json")
    failed = {"model": "tiny", "dataset": "digits", "seed": 0, "cause": "ValueError: a loss", "attempts": 1}
    assert (code, json.loads(printed)) == (1, {"failed": [failed]}) and said.endswith(told)


def test_a_name_with_brackets_is_printed_as_it_is_and_no_lines_around(capsys):
    run = {"model": "net[/x]", "width": 1.0, "dataset": "digits", "seed": 0}
    _print({"run": run, "metrics": {"test": {"accuracy": 0.5}}, "key": "ab12", "seconds": 1.0}, 0, np.array([0, 1]))
    shown = capsys.readouterr().out
    assert "net[/x] (width 1) on digits, seed 0" in shown and shown.isascii()


def test_a_majority_class_without_test_images_is_right_on_no_class(capsys):
    run = {"model": "net", "width": 1.0, "dataset": "digits", "seed": 0}
    document = {"run": run, "metrics": {"test": {"accuracy": 0.5}}, "key": "ab12", "seconds": 1.0}
    for majority, of_balanced in ((1, "0.5000"), (2, "0.0000")):
        _print(document, majority, np.array([0, 1]))
        (row,) = [line for line in capsys.readouterr().out.splitlines() if line.startswith("balanced accuracy")]
        assert row.split()[-1] == of_balanced


def test_a_gpu_that_is_not_there_is_told_before_anything_runs(train, monkeypatch):
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)
    code, output, error = train("tiny.yaml", "--dataset", "digits", "--device", "cuda")
    assert (code, output, error) == (2, "", "error: there is no GPU that torch can use: --device cpu\n")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["mobilnetv2", "--dataset", "digits"], "no architecture 'mobilnetv2'"),
        (["tiny.yaml", "--dataset", "digit"], "no dataset is called 'digit' - did you mean 'digits'?"),
        (["tiny.yaml", "--dataset", "digits", "--recipe", "quik"], "did you mean 'quick'?"),
        (
            ["tiny.yaml", "--dataset", "digits", "--recipe", "tuned.yaml"],
            "`archlab train` does not tune, as the recipe tuned says",
        ),
        (["tiny.yaml", "--dataset", "digits", "--width", "0"], "0.0 is not in the range 0<x<=1000"),
        (["tiny.yaml", "--dataset", "digits", "--width", "1", "--params", "1M"], "exclude each other"),
        (["tiny.yaml", "--dataset", "digits", "--seed", str(2**63)], "9223372036854775808 is not in the range"),
    ],
)
def test_says_what_is_wrong_in_one_line(train, arguments, message):
    code, output, error = train(*arguments)
    assert code == 2 and output == ""
    assert error.startswith("error: ") and error.count("\n") == 1 and message in error
