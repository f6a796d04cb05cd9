"""What commands take alike."""

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace

import click
import pytest
from standin import make_run

from archlab.cli.main import cli
from archlab.cli.options import PATH, TIME
from archlab.cli.progress import ShownProgress
from archlab.cli.running import try_out
from archlab.executors import Settings
from archlab.foundation import UserError
from archlab.pick import asked
from archlab.runs import Failure, Store


@pytest.fixture
def picked(command, monkeypatch):
    """picked("--int8") calls `archlab pick photos --int8`; what that asks for, and nothing is picked."""
    heard = {}

    def pick(folder, **given):
        heard.update(given, folder=folder)
        return SimpleNamespace(document={"ended": "finished", "failed": []}, output=Path("picked"))

    def call(*options):
        code, _, err = command("pick", "photos", "--json", *options)
        assert code == 0, err
        return heard

    monkeypatch.setattr(asked, "pick", pick)
    return call


def test_how_runs_are_computed_is_what_the_options_say(picked, tmp_path):
    plain = picked()
    assert plain["settings"] == Settings() and not plain["shown"].quiet and plain["shown"].log is None
    options = ("--workers", 2, "--retries", 4, "--time-limit", "1h", "--fail-fast", "--deterministic")
    given = picked(*options, "--quiet", "--events", tmp_path / "events.jsonl")
    assert given["settings"] == Settings(workers=2, retries=4, time_limit=3600.0, fail_fast=True, deterministic=True)
    assert given["shown"].quiet and given["shown"].log is not None


def test_a_cluster_is_asked_before_anything_is_measured(picked, monkeypatch):
    asked_for = []
    monkeypatch.setattr("archlab.executors.settings.import_ray", lambda: None)
    monkeypatch.setattr("archlab.executors.cluster.check_cluster", asked_for.append)
    given = picked("--executor", "ray", "--address", "head:6379", "--gpus", 0.5)
    assert given["settings"] == Settings(executor="ray", address="head:6379", gpus=0.5) and asked_for == ["head:6379"]


def test_what_a_pick_must_keep_and_reads_is_what_the_options_say(picked):
    plain = picked()
    assert plain["budget"] == {"params": "2.5M"} and plain["folder"] == Path("photos")
    assert (plain["flip"], plain["int8"], plain["seed"], plain["metric"]) == (True, False, 0, "accuracy")
    assert not plain["series"]
    limits = {"params": "1M", "macs": "50M", "peak-memory": "256K", "flash": "512K", "latency": "5ms"}
    columns = {"image-column": "file", "label-column": "dx", "group-column": "patient", "split-column": "part"}
    options = [word for name, value in (limits | columns).items() for word in (f"--{name}", value)]
    given = picked(*options, "--series", "--no-flip", "--int8", "--seed", 3, "--metric", "macro_f1")
    assert given["budget"] == {name.replace("-", "_"): limit for name, limit in limits.items()}
    assert {name.replace("-", "_"): given[name.replace("-", "_")] for name in columns} == {
        name.replace("-", "_"): column for name, column in columns.items()
    }
    assert (given["flip"], given["int8"], given["seed"], given["metric"]) == (False, True, 3, "macro_f1")
    assert given["series"]


def test_a_home_folder_that_the_shell_has_left_is_meant(monkeypatch, tmp_path):
    monkeypatch.setenv("HOME", str(tmp_path))
    assert PATH.convert("~/net.onnx", None, None) == tmp_path / "net.onnx"
    with pytest.raises(UserError, match=r"~nobody-at-all/net\.onnx: nobody's home folder is called so"):
        PATH.convert("~nobody-at-all/net.onnx", None, None)


@pytest.mark.parametrize("name", ["ablate", "search", "pick", "export", "report"])
def test_nothing_is_written_into_a_folder_called_as_the_home_folder_is(name):
    command = cli.get_command(None, name)
    written = [option for option in command.params if option.name in ("output", "events")]
    assert written and all(option.type is PATH for option in written)


@pytest.mark.parametrize(
    ("written", "seconds"), [("90", 90), ("1.5", 1.5), ("90s", 90), ("30m", 1800), ("1h30m", 5400)]
)
def test_a_time_limit_has_a_unit_or_is_seconds(written, seconds):
    assert TIME.convert(written, None, None) == seconds


@pytest.mark.parametrize("written", ["0", "-1", "inf", "nan", "", "soon", "5 parsecs"])
def test_a_time_that_is_none_is_refused(written):
    with pytest.raises(click.BadParameter, match="a time is `90s`, `30m`, `2h` or `1h30m`, not "):
        TIME.convert(written, None, None)


def test_what_would_fail_is_told_as_what_has_failed_is(monkeypatch, capsys, tmp_path):
    failure = Failure(make_run(3), "ValueError: too small", 1)
    monkeypatch.setattr("archlab.forecast.smoke", lambda *_, **__: [failure])
    progress = ShownProgress(quiet=True, events=None, on_found=None)
    assert try_out("tiny", [failure.run], Store(tmp_path), Settings(workers=1), progress, as_json=True) == 1
    told = {"model": "toy", "dataset": "digits", "seed": 3, "cause": "ValueError: too small", "attempts": 1}
    assert json.loads(capsys.readouterr().out) == {"study": "tiny", "failed": [told]}
