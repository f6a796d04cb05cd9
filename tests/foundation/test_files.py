"""Where things are kept, and that a file is either whole or not there."""

from __future__ import annotations

import os
import stat

import pytest

from archlab.foundation import (
    UserError,
    files_read,
    home,
    home_path,
    home_to_read,
    note_read,
    read_yaml,
    replace_folder,
    with_store,
    write_atomically,
    write_file,
)
from archlab.foundation.files import clear_abandoned
from archlab.foundation.machine import host_of_processes


def test_home_is_the_option_else_the_variable_else_here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("ARCHLAB_HOME", raising=False)
    assert home() == tmp_path / ".archlab"
    monkeypatch.setenv("ARCHLAB_HOME", str(tmp_path / "variable"))
    assert home() == tmp_path / "variable"
    assert home("option/deep") == tmp_path / "option" / "deep"
    assert home().is_dir()


def test_a_home_below_that_of_a_user(tmp_path, monkeypatch):
    """As `--store=~/runs` and most files of settings hand it over."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path / "me"))
    assert home("~/runs") == tmp_path / "me" / "runs"
    monkeypatch.setenv("ARCHLAB_HOME", "~/others")
    assert home() == home_path() == tmp_path / "me" / "others"
    assert [path.name for path in tmp_path.iterdir()] == ["me"]
    with pytest.raises(UserError, match="~nobody-of-that-name/runs: nobody's home folder is called so"):
        home("~nobody-of-that-name/runs")


def test_home_that_cannot_be_made(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(UserError, match="cannot keep runs here"):
        home(tmp_path / "file" / "store")
    with pytest.raises(UserError, match="file: is a file: runs are kept in a folder"):
        home(tmp_path / "file")


def test_a_home_that_is_only_read_is_not_made(tmp_path):
    assert home_to_read(tmp_path / "store") == tmp_path / "store" and not list(tmp_path.iterdir())


def test_a_command_to_call_next_is_on_the_same_store(tmp_path, monkeypatch):
    monkeypatch.setenv("ARCHLAB_HOME", str(tmp_path / "usual"))
    assert with_store("archlab runs list", None) == with_store("archlab runs list", tmp_path / "usual")
    assert with_store("archlab runs list", None) == "archlab runs list"
    other = tmp_path / "my runs"
    assert with_store("archlab runs list", other) == f"archlab runs list --store '{other}'"


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


@pytest.mark.parametrize("left", ["target", ".target.old"])
def test_a_folder_that_cannot_be_replaced_is_there_again(tmp_path, left):
    """Where nothing else is left, a process was killed between the two renamings."""
    (tmp_path / left).mkdir()
    (tmp_path / left / "file").touch()
    with pytest.raises(FileNotFoundError):
        replace_folder(tmp_path / "part", tmp_path / "target")
    assert [path.name for path in tmp_path.iterdir()] == ["target"] and (tmp_path / "target/file").exists()
    (tmp_path / "part").mkdir()
    replace_folder(tmp_path / "part", tmp_path / "target")
    assert [path.name for path in tmp_path.iterdir()] == ["target"] and not list((tmp_path / "target").iterdir())


def test_what_dead_processes_have_left_beside_a_path_is_removed_and_nothing_else(tmp_path):
    here, dead = host_of_processes(), 999_999_999
    names = [
        f".{here}.{dead}.abcdef01.out.part",
        f".{here}.{os.getpid()}.abcdef01.out.part",
        f".not-{here}.{dead}.abcdef01.out.part",
        f".{here}1.{dead}.abcdef01.out.part",
        f".{here}.{dead}.abcdef01.another.out.part",
        ".out.part",
        "out",
    ]
    for name in names:
        (tmp_path / name / "inside").mkdir(parents=True)
    clear_abandoned(tmp_path / "out")
    assert {path.name for path in tmp_path.iterdir()} == set(names[1:])


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
