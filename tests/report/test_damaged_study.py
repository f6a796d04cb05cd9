"""Files of a finished study that are damaged: one line, with the command that makes them anew."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

import pytest

from archlab.foundation.checksums import CHECKSUMS, changed_files, noting_checksums

sys.path.insert(0, str(Path(__file__).parents[1] / "study"))


@pytest.fixture
def study(tmp_path, monkeypatch):
    """The folder of a finished study, and a call of `archlab report` on it."""
    import small_study

    from archlab.runs import Store

    monkeypatch.setattr("archlab.study.computing.check_counts", lambda *_, **__: None)
    monkeypatch.setenv("ARCHLAB_HOME", str(tmp_path / "store"))
    (tmp_path / "store").mkdir()
    found = small_study.filled(Store(tmp_path / "store"))
    found.save()
    return found.folder


FILES = ("study.json", "ablation.json", "results.csv", "seconds.json", "scores.csv")


@pytest.mark.slow
def test_damage_is_one_line_that_says_what_to_do(study, command):
    assert changed_files(study) == [] and command("report", "idea", "--csv")[0] == 0
    whole = {path: path.read_bytes() for path in study.iterdir()}
    for name in FILES:
        content = whole[study / name]
        for damaged in (b"", b"{", content[: len(content) // 2], content.replace(b"1", b"2"), b"[]", b"[" * 50_000):
            if damaged == content:
                continue
            (study / name).write_bytes(damaged)
            code, out, err = command("report", "idea", "--csv")
            assert (code, out) == (2, "") and err.count("\n") == 1, name
            assert f"{study / name}: is not what archlab wrote: `archlab ablate --spec idea` makes it anew" in err
        (study / name).unlink()
        assert command("report", "idea")[0] == 2
        (study / name).write_bytes(content)
    (study / CHECKSUMS).write_text("{")
    assert f"{study / CHECKSUMS}: is not what archlab wrote" in command("report", "idea")[2]

    (study / CHECKSUMS).unlink()  # as older ones are
    assert command("report", "idea", "--csv")[0] == 0
    for name in FILES[:2]:
        document = json.loads(whole[study / name])
        parts = [{key: value for key, value in document.items() if key != lost} for lost in document]
        for damaged in (None, 5, [], {}, "x", *parts):
            (study / name).write_text(json.dumps(damaged))
            code, _, err = command("report", "idea", "--csv")
            assert code == 0 or (code == 2 and "archlab ablate --spec idea" in err and err.count("\n") == 1), err
        (study / name).write_bytes(whole[study / name])


def write(folder, **texts):
    with noting_checksums(folder, texts):
        for name, text in texts.items():
            (folder / name).write_text(text)


def test_checksums_follow_what_is_written(tmp_path):
    write(tmp_path, a="1")
    (tmp_path / "b").write_text("2")
    assert changed_files(tmp_path) == []
    write(tmp_path, b="2")
    (tmp_path / "a").write_text("3")
    assert changed_files(tmp_path) == ["a"]
    (tmp_path / "b").unlink()
    assert changed_files(tmp_path) == ["a", "b"]
    write(tmp_path, a="1", b="2")
    assert changed_files(tmp_path) == []


def test_files_whose_writing_was_broken_off_are_not_called_damaged(tmp_path):
    write(tmp_path, a="1", b="2", c="3")
    with pytest.raises(KeyboardInterrupt), noting_checksums(tmp_path, ["a", "b"]):
        (tmp_path / "a").write_text("new")
        raise KeyboardInterrupt
    assert changed_files(tmp_path) == []
    (tmp_path / "c").write_text("4")
    assert changed_files(tmp_path) == ["c"]


def test_a_pipe_for_a_file_and_a_name_that_is_none_are_changed(tmp_path):
    write(tmp_path, a="1")
    (tmp_path / "a").unlink()
    os.mkfifo(tmp_path / "a")
    assert changed_files(tmp_path) == ["a"]
    (tmp_path / CHECKSUMS).write_text('{"\\ud800": "x"}')
    assert changed_files(tmp_path) == ["\ud800"]
