"""Where a search keeps its trials, and what crashes, full disks and restarts do to it."""

from __future__ import annotations

import json
import resource
import subprocess
import sys
import threading
import time
from pathlib import Path

import numpy as np
import optuna
import pytest
from databases import PostgreSQL

from archlab.foundation import UserError
from archlab.study.search import backends as module
from archlab.study.search.backends import open_storage

WRITER = """
import sys
import optuna
from archlab.study.search.backends import open_storage
optuna.logging.set_verbosity(optuna.logging.ERROR)
storage = open_storage(sys.argv[1], None)
study = optuna.create_study(storage=storage, study_name="one", load_if_exists=True)
print("ready", flush=True)
for number in range(int(sys.argv[2])):
    study.add_trial(optuna.create_trial(value=float(number)))
    print(number, flush=True)
"""
HOLDER = """
import fcntl, time
file = open("journal.log.flock", "ab")
fcntl.flock(file, fcntl.LOCK_EX)
print("held", flush=True)
time.sleep(600)
"""


@pytest.fixture(autouse=True)
def quiet():
    before = optuna.logging.get_verbosity()
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    yield
    optuna.logging.set_verbosity(before)


def study_in(path):
    return optuna.create_study(storage=open_storage(str(path), None), study_name="one", load_if_exists=True)


def add(study, number):
    study.add_trial(optuna.create_trial(value=float(number)))


def values(path):
    return [trial.value for trial in study_in(path).get_trials()]


def is_whole(path):
    return all(json.loads(line) for line in path.read_bytes().splitlines()) and path.read_bytes().endswith(b"\n")


@pytest.mark.parametrize("appended", [False, True])
@pytest.mark.parametrize("left", [1, 20, -1])
def test_a_torn_line_is_taken_out_and_a_copy_kept(tmp_path, caplog, appended, left):
    path = tmp_path / "journal.log"
    study = study_in(path)
    for number in range(3):
        add(study, number)
    lines = path.read_bytes().splitlines(keepends=True)
    torn = b"".join(lines[:-1]) + lines[-1][:left]
    torn += lines[-1] if appended else b""  # as Optuna itself appends
    path.write_bytes(torn)
    assert values(path) == ([0.0, 1.0, 2.0] if appended else [0.0, 1.0])
    assert is_whole(path) and "was not written to its end" in caplog.text
    (copy,) = tmp_path.glob("journal.log.damaged-*")
    assert copy.read_bytes() == torn
    add(study_in(path), 7)
    assert values(path)[-1] == 7.0 and len(list(tmp_path.glob("*.damaged-*"))) == 1


def test_a_line_torn_while_others_are_at_work_stops_none_of_them(tmp_path):
    path = tmp_path / "journal.log"
    one, other = study_in(path), study_in(path)
    add(one, 0)
    with path.open("ab") as file:
        file.write(b'{"op_code":4,"worker')
    add(one, 1)
    add(other, 2)
    assert [trial.value for trial in one.get_trials()] == [trial.value for trial in other.get_trials()] == [0, 1, 2]


def test_full_disks_leave_whole_lines(tmp_path):
    """Ten of them, at any byte of an entry; afterwards all goes on, with every trial that was told to be there."""
    path, chance, full, added = tmp_path / "journal.log", np.random.default_rng(0), 0, []
    study, limits = study_in(path), resource.getrlimit(resource.RLIMIT_FSIZE)
    while full < 10:
        room = path.stat().st_size + int(chance.integers(1, 400))
        resource.setrlimit(resource.RLIMIT_FSIZE, (room, limits[1]))
        try:
            add(study, len(added))
            added.append(float(len(added)))
        except OSError:
            full += 1
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, limits)
        assert is_whole(path)
        assert values(path) == added == [trial.value for trial in study.get_trials()]
    assert not list(tmp_path.glob("*.damaged-*"))


def start(place, number, **more):
    arguments = [sys.executable, "-c", WRITER, str(place), str(number)]
    return subprocess.Popen(arguments, stdout=subprocess.PIPE, text=True, **more)


@pytest.mark.slow
def test_kills_of_writers_cost_nobody_a_second(tmp_path):
    """Six writers, three of them killed; what any of them said was written is there."""
    path, told = tmp_path / "journal.log", []
    writers = [start(path, 60) for _ in range(6)]
    for writer in writers:
        assert writer.stdout.readline() == "ready\n"
    for writer in writers[:3]:
        for _ in range(10):
            told.append(float(writer.stdout.readline()))
        writer.kill()
    for writer in writers:
        told += [float(line) for line in writer.stdout if line.endswith("\n")]
        writer.wait()
        writer.stdout.close()
    found = values(path)
    assert all(found.count(value) >= told.count(value) for value in set(told))
    assert is_whole(path)
    began = time.monotonic()
    add(study_in(path), 99)
    assert time.monotonic() - began < 1


def test_a_lock_that_a_killed_holder_left_is_nobodys(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("journal.log.lock").symlink_to("journal.log")  # as Optuna's own lock is left behind, with a relative path
    study = study_in("journal.log")
    holder = subprocess.Popen([sys.executable, "-c", HOLDER], stdout=subprocess.PIPE)
    holder.stdout.readline()
    killer = threading.Timer(0.5, holder.kill)
    killer.start()
    began = time.monotonic()
    add(study, 0)
    assert 0.3 < time.monotonic() - began < 3, "it waits for a holder that lives, and for no other"
    holder.wait()
    holder.stdout.close()
    monkeypatch.chdir("/")
    add(study, 1)
    assert values(tmp_path / "journal.log") == [0.0, 1.0]


def test_a_relative_path_costs_no_time(tmp_path):
    with start("journal.log", 3, cwd=tmp_path) as writer:
        assert writer.stdout.read().split() == ["ready", "0", "1", "2"] and writer.wait(20) == 0


def test_what_cannot_be_opened_is_said_in_a_line(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(UserError, match="cannot open the storage: "):
        open_storage(str(tmp_path / "file" / "journal.log"), tmp_path)
    with pytest.raises(UserError, match="is not the URL of a database"):
        open_storage("nonsense://host:port:more", tmp_path)
    with pytest.raises(UserError, match="cannot open the storage: Can't load plugin"):
        open_storage("nonsense://host", tmp_path)
    with pytest.raises(UserError) as refused:
        open_storage(f"sqlite:///{tmp_path}/file/none.db", tmp_path)
    assert "\n" not in str(refused.value)


def test_a_url_that_is_none_is_refused_without_its_password(tmp_path):
    with pytest.raises(UserError, match=r"--storage postgresql://\.\.\. is not the URL of a database") as refused:
        open_storage("postgresql://me:secret@host:54x2/name", tmp_path)
    assert "secret" not in str(refused.value)


@pytest.mark.parametrize("content", [b"base: mobilenetv2\n", b"SQLite format 3\x00\x10\x00", b'{"event": "started"}\n'])
def test_a_file_of_something_else_is_refused_and_left_alone(tmp_path, content):
    path = tmp_path / "search.db"
    path.write_bytes(content)
    with pytest.raises(UserError, match=r"search\.db: holds something else than the trials of a search"):
        open_storage(str(path), tmp_path)
    assert path.read_bytes() == content and list(tmp_path.iterdir()) == [path]
    path.write_bytes(b"\0" * 20)  # as a crash may leave a journal that has just begun
    assert values(path) == []


def test_a_journal_in_a_folder_is_the_default(tmp_path):
    open_storage(None, tmp_path / "studies" / "tiny")
    assert (tmp_path / "studies" / "tiny" / "journal.log").exists()
    open_storage(tmp_path / "shared.log", tmp_path)  # from Python
    assert (tmp_path / "shared.log").exists()


@pytest.fixture
def database():
    with PostgreSQL() as database:
        yield database


@pytest.mark.slow
def test_a_database_that_restarts_is_waited_for(database, tmp_path, caplog):
    """The documented URL, with the driver of the documented extra."""
    assert database.url.startswith("postgresql://")
    with start(database.url, 300) as writer:
        assert writer.stdout.readline() == "ready\n"
        for _ in range(5):
            writer.stdout.readline()
        database.stop()
        time.sleep(3)
        assert writer.poll() is None
        database.start()
        writer.stdout.read()
        assert writer.wait() == 0
    found = values(database.url)
    assert sorted(set(found)) == [float(number) for number in range(300)]


@pytest.mark.slow
def test_a_database_that_stays_away_ends_in_words(database, tmp_path, monkeypatch):
    monkeypatch.setattr(module, "PATIENCE", 2.0)
    study = study_in(database.url)
    database.stop()
    with pytest.raises(UserError, match="the database of the search does not answer"):
        add(study, 0)
    with pytest.raises(UserError, match="cannot open the storage"):
        study_in(database.url)


def test_the_package_that_lacks_is_named_with_its_extra(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "psycopg", None)
    with pytest.raises(UserError, match=r"needs the package psycopg: pip install 'archlab\[postgresql\]'"):
        open_storage("postgresql://host/name", tmp_path)
