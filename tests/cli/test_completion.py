"""What the shell completes."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from click.shell_completion import ShellComplete

from archlab.cli.main import cli
from archlab.runs import Store

sys.path.insert(0, str(Path(__file__).parents[1] / "runs"))
from standin import make_run, make_trained


@pytest.fixture
def completed(tmp_path, monkeypatch):
    """What is offered for the last of some words; the store has one run."""
    monkeypatch.setenv("ARCHLAB_HOME", str(tmp_path / "store"))
    store = Store(tmp_path / "store")
    store.put(make_run(0), make_trained(make_run(0)))

    def call(*words):
        shell = ShellComplete(cli, {}, "archlab", "_ARCHLAB_COMPLETE")
        *before, last = words
        return [item.value for item in shell.get_completions(list(before), last)]

    return call


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["ru"], ["runs"]),
        (["models", "show", "mobilenetv"], ["mobilenetv2", "mobilenetv3"]),
        (["models", "show", "claims/iso"], ["claims/isotropic_transfers"]),
        (["train", "star"], ["starnet"]),
        (["train", "starnet", "--dataset", "dig"], ["digits"]),
        (["train", "starnet", "--recipe", "qui"], ["quick"]),
        (["ablate", "--spec", "qui"], ["quick"]),
        (["datasets", "show", "digi"], ["digits"]),
        (["report", "zhang"], ["zhang2025"]),
        (["runs", "show", make_run(0).key[:3]], [make_run(0).key[:12]]),
        (["export", make_run(0).key[:3]], [make_run(0).key[:12]]),
        (["blocks", "inverted"], ["inverted_residual"]),
        (["runs", "list", "--dataset", "elp"], ["elpv"]),
    ],
)
def test_names_are_completed(completed, words, expected):
    found = completed(*words)
    assert set(found) >= {expected[0]} and all(name.startswith(words[-1]) for name in found)


def test_what_is_no_name_may_be_a_file(completed):
    assert completed("train", "./net") == ["./net"] and completed("datasets", "show", "./net") == []


def test_a_shell_is_answered_and_nothing_else_is_said(command, monkeypatch):
    for name, value in {"_ARCHLAB_COMPLETE": "bash_complete", "COMP_WORDS": "archlab ru", "COMP_CWORD": "1"}.items():
        monkeypatch.setenv(name, value)
    assert command() == (0, "plain,runs\n", "")


@pytest.mark.parametrize("words", [("rnus", "li"), ("runs", "lst", "--mo")])
def test_after_a_word_that_is_no_command_nothing_is_offered(completed, words):
    assert completed(*words) == []


def test_a_store_that_is_not_there_is_not_made(completed, tmp_path, monkeypatch):
    monkeypatch.setenv("ARCHLAB_HOME", str(tmp_path / "nowhere"))
    assert completed("runs", "show", "0") == ["0"] and not (tmp_path / "nowhere").exists()
