"""`archlab search`."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import pytest

from archlab import load
from archlab.cli.search import _sentence

STUDY = """
name: tiny
base: {name: net, layers: [{conv: {out: 8, stride: 2}}, {inverted_residual: {out: 16, expand: 2, stride: 2}}]}
choices:
  kernel: [{set: {kernel: {range: [3, 7], step: 2}}, where: {block: inverted_residual}}]
  depth: [{set: {repeat: {range: [1, 4]}}, where: {block: inverted_residual}}]
budget: {params: 20k, fit: width}
compare:
  - {name: one, layers: [{conv: {out: 16, stride: 4}}]}
  - {name: two, layers: [{conv: {out: 8, kernel: 5, stride: 2}}, {conv: {out: 24, stride: 2}}]}
suite: [digits, textures]
recipe: {like: quick, steps: 40}
seeds: 2
search: {trials: 3, finalists: 1}
"""


@pytest.fixture
def command(command, tmp_path, monkeypatch):
    """The command line, beside tiny.yaml."""
    (tmp_path / "tiny.yaml").write_text(STUDY)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("ARCHLAB_HOME", str(tmp_path / "store"))
    return command


@pytest.mark.slow
def test_searches_trains_the_winner_again_and_writes_it_for_other_commands(command, tmp_path, monkeypatch):
    code, forecast, _ = command("search", "--spec", "tiny.yaml", "--dry-run", "--json")
    assert code == 0 and json.loads(forecast)["wall_seconds"] > 0 and not list(tmp_path.glob("store/runs/??/*"))

    code, printed, progress = command("search", "--spec", "tiny.yaml", "--smoke", "--json")
    assert (code, json.loads(printed)) == (0, {"study": "tiny", "failed": []}), progress
    assert not list(tmp_path.glob("store/runs/??/*"))

    code, printed, progress = command("search", "--spec", "tiny.yaml", "--workers", "2")
    assert code == 0, progress
    for words in ("12 designs in the space", "the best reference is", "trial 2:", "results are in"):
        assert words in progress
    assert any(line.startswith("  net") and "validation accuracy" in line for line in progress.splitlines())
    code, reported, _ = command("report", "tiny", "--csv")
    assert (code, reported) == (0, command("report", "tiny-search", "--csv")[1])
    for words in ("gain over ", "the best reference on validation data", "xScore", "net+kernel=", "winner.yaml"):
        assert words in printed

    code, printed, progress = command("search", "--spec", "tiny.yaml", "--json", "--resume")
    assert code == 0 and "0 runs were trained" in progress
    found = json.loads(printed)
    assert {"study", "frame", "scores", "cells", "effects", "failed", "trials", "best", "cost"} <= set(found)
    assert found["cost"]["trials"] == 3 and found["computed"] == 0
    monkeypatch.setattr("archlab.executors.with_room", lambda settings: dataclasses.replace(settings, workers=7))
    more = json.loads(command("search", "--spec", "tiny.yaml", "--dry-run", "--json", "--trials", "6")[1])
    assert more["work_seconds"]["trials"] > 0  # all references are stored
    assert (more["trials"], more["tried"], more["workers"]) == (6, 3, 7)
    code, printed, progress = command("search", "--spec", "tiny.yaml", "--dry-run")
    assert code == 0 and "3 of 3 trials are there, and what is left takes about" in printed, progress
    assert ["trials", "0", "0", "s"] in [line.split() for line in printed.splitlines()]

    winner = found["best"]["file"]
    code, printed, progress = command("train", winner, "--dataset", "digits", "--json")
    assert code == 0 and json.loads(printed)["run"]["width"] == 1.0, progress
    network = load(found["best"], dataset="digits")
    assert sum(each.numel() for each in network.parameters()) == found["best"]["params"]
    assert network.origin["dataset"] == "digits" and (Path(winner).parent / "winner" / network.origin["key"]).is_dir()
    code, printed, _ = command("models", "show", winner, "--classes", "10", "--resolution", "32", "--json")
    assert json.loads(printed)["params"] == found["best"]["params"]
    (tmp_path / "study.yaml").write_text(f"base: {winner}\nsuite: [digits]\nbudget: none\n")
    code, printed, progress = command("build", "--spec", "study.yaml")
    assert code == 0 and f"{found['best']['params']:,}" in printed, progress
    code, printed, progress = command("report", "tiny-search", "--markdown")
    assert code == 0 and found["best"]["model"] in printed, progress


def test_what_it_cost_is_all_training_and_the_time_of_this_command():
    """A search may have gone on from others, whose time to coordinate nobody has kept."""
    cost = {"trials": 3, "training_seconds": {"all": 100.0}, "coordinating_seconds": 2.0}
    said = _sentence({"best": None, "cost": cost, "search": {"latency": None}})
    assert said.endswith("3 trials and the final table took 100 s of training, and this command 2 s to coordinate.")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--spec", "tinny"], "there is no study 'tinny'"),
        (["--spec", "tiny.yaml", "--resume"], "error: tiny.yaml:2: there is no search of tiny to go on with"),
        (["--spec", "tiny.yaml", "--storage", "nosql://here"], "error: cannot open the storage"),
        (["--spec", "references"], "a search needs a base and choices"),
        (["--trails", "3"], "no such option --trails - did you mean '--trials'?"),
    ],
)
def test_says_what_is_wrong_in_one_line(command, arguments, message):
    code, printed, progress = command("search", *arguments)
    assert code == 2 and printed == ""
    assert message in progress and progress.count("\n") == 1
