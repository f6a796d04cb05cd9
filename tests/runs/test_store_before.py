"""A store that archlab wrote while the key covered all of its sources: its runs keep their keys, and stay readable."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from archlab.runs import Run, Store, code_digest
from archlab.runs.cleaning import leftovers

BEFORE = Path(__file__).with_name("store_before")
KEYS = sorted(path.name for path in BEFORE.glob("runs/*/*"))


@pytest.fixture
def command(command, monkeypatch, tmp_path):
    """The command line, on a copy of the store."""
    shutil.copytree(BEFORE, tmp_path, dirs_exist_ok=True)
    monkeypatch.setenv("ARCHLAB_HOME", str(tmp_path))
    return command


def test_its_runs_keep_their_keys_and_are_of_other_code():
    store = Store(BEFORE)
    assert len(KEYS) == 4 and sorted(store.keys()) == KEYS
    for key in KEYS:
        run = Run.from_document(store.read(key)["run"])
        assert run.key == key and run.code != code_digest(run.architecture)


def test_it_lists_and_is_whole(command):
    code, out, _ = command("runs", "list")
    assert code == 0 and all(key[:12] in out for key in KEYS)
    assert command("runs", "check")[0] == 0


def test_it_reports_and_scores(command, tmp_path):
    code, out, _ = command("report", "before", "--markdown")
    assert code == 0 and "small+act=silu" in out
    code, out, _ = command("score", tmp_path / "studies/before/results.csv", "--json")
    assert code == 0 and "small+act=silu" in out


def test_cleaning_removes_its_runs_where_asked_alone(command, tmp_path):
    store = Store(tmp_path)
    assert leftovers(store) == []
    assert {leftover.path.name for leftover in leftovers(store, old_code=True)} == set(KEYS)
