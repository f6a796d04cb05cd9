"""Where things are kept, and that a file is either whole or not there."""

from __future__ import annotations

import stat

import pytest

from archlab.foundation import UserError, files_read, home, note_read, read_yaml, write_atomically, write_file


def test_home_is_the_option_else_the_variable_else_here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("ARCHLAB_HOME", raising=False)
    assert home() == tmp_path / ".archlab"
    monkeypatch.setenv("ARCHLAB_HOME", str(tmp_path / "variable"))
    assert home() == tmp_path / "variable"
    assert home("option/deep") == tmp_path / "option" / "deep"
    assert home().is_dir()


def test_home_that_cannot_be_made(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(UserError, match="cannot keep runs here"):
        home(tmp_path / "file" / "store")


def test_a_written_file_replaces_the_old_one_and_leaves_nothing_beside(tmp_path):
    path = tmp_path / "deep" / "result.json"
    for content, held in (("erster ü", "erster ü".encode()), (b"second", b"second")):
        write_file(path, content)
        assert path.read_bytes() == held
    assert list(path.parent.iterdir()) == [path]


def test_a_failed_write_leaves_the_old_file(tmp_path):
    path = tmp_path / "result.json"
    path.write_text("old")
    with pytest.raises(KeyboardInterrupt), write_atomically(path) as temporary:
        temporary.write_text("half")
        raise KeyboardInterrupt
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_permissions_are_those_of_any_new_file(tmp_path):
    (tmp_path / "plain").touch()
    with write_atomically(tmp_path / "written") as temporary:
        temporary.write_text("x")
    modes = {stat.S_IMODE((tmp_path / name).stat().st_mode) for name in ("plain", "written")}
    assert len(modes) == 1


def test_files_that_were_read_are_known(tmp_path):
    (tmp_path / "a.yaml").write_text("a: 1")
    with files_read() as outer:
        with files_read() as inner:
            read_yaml(tmp_path / "a.yaml")
        note_read(tmp_path / "own.py")
    assert (inner, outer) == ({tmp_path / "a.yaml"}, {tmp_path / "own.py"})
    read_yaml(tmp_path / "a.yaml")  # nobody asks
