"""Two picks at once do not take each other's place."""

from __future__ import annotations

import subprocess
import sys
from contextlib import contextmanager
from types import SimpleNamespace

import pytest

import archlab
from archlab.foundation import UserError
from archlab.pick import picking
from archlab.pick.alone import alone
from archlab.runs import Store

HOLD = """
import fcntl, sys
file = open(sys.argv[1], "w")
fcntl.lockf(file, fcntl.LOCK_EX)
print("held", flush=True)
sys.stdin.read()
"""


@contextmanager
def held(folder):
    """Within, another process is at what this folder stands for."""
    folder.mkdir(parents=True)
    command = [sys.executable, "-c", HOLD, folder / "lock"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as other:
        assert other.stdout.readline() == b"held\n"
        yield


def test_what_another_process_is_at_is_refused_until_it_ends(tmp_path):
    store, refusal, place = Store(tmp_path), UserError("wait for it"), tmp_path / "cache/picks"
    with alone(store, "photos", refusal):
        (folder,) = place.iterdir()
    assert not list(place.iterdir())
    with held(folder):
        with pytest.raises(UserError, match="wait for it"), alone(store, "photos", refusal):
            pytest.fail("two are at it")
        with alone(store, "others", refusal):
            pass
    with alone(store, "photos", refusal):  # what the other has left is no hindrance
        pass
    assert not list(place.iterdir())


def test_a_second_pick_into_one_folder_or_of_one_request_is_refused(tmp_path, monkeypatch):
    pytest.importorskip("onnxruntime")
    home, there = tmp_path / "home", []
    monkeypatch.setattr(picking, "describe", lambda *_: SimpleNamespace(prepared=SimpleNamespace(digest="0" * 64)))
    monkeypatch.setattr(picking, "_to_the_end", lambda *_: there.extend((home / "cache/picks").glob("*.lock")))

    def pick():
        archlab.pick(tmp_path / "photos", within="1m", store=home, output=tmp_path / "out")

    pick()
    said = []
    for folder in there:
        with held(folder), pytest.raises(UserError) as refused:
            pick()
        said.append(str(refused.value))
    assert {words.removeprefix(f"{tmp_path}/").partition(":")[0] for words in said} == {"out", "home"}
    assert any("another pick is about to write this folder" in words for words in said)
    assert any("another command is at this very pick" in words for words in said)
    assert len(there) == 2, "neither went on"
