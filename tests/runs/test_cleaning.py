import errno
import json
import os
import shutil
import subprocess
import sys
from datetime import date, timedelta
from pathlib import Path

import pyarrow
import pytest
from processes import held_elsewhere
from standin import make_run, make_trained

from archlab.foundation import UserError
from archlab.foundation.files import scratch
from archlab.foundation.machine import host_of_processes
from archlab.runs import Store, bin, code_digest, index
from archlab.runs.bin import thrown_away
from archlab.runs.cleaning import in_bin, leftovers, remove, size_of

CURRENT = code_digest(make_run().architecture)


@pytest.fixture
def store(tmp_path):
    store = Store(tmp_path)
    for seed in range(3):
        run = make_run(seed, code=CURRENT if seed else "o" * 32)
        store.put(run, make_trained(run))
    return store


def dead_process() -> int:
    process = subprocess.Popen(["true"])
    process.wait()
    return process.pid


def found(store, **arguments):
    return {leftover.path: leftover.why for leftover in leftovers(store, **arguments)}


def test_only_what_nobody_needs_is_a_leftover(store):
    assert found(store) == {}
    host = host_of_processes()
    abandoned = store.partial / f".{host}.{dead_process()}.12345678.{'a' * 64}.part"
    at_work = store.scratch("b" * 64)
    elsewhere = store.partial / f".other.example.org.1.12345678.{'c' * 64}.part"
    long_ago = store.partial / f".other.example.org.1.12345678.{'d' * 64}.part"
    foreign = store.partial / ".nfs000000000001"
    store.unfinished.mkdir()
    (store.unfinished / ".DS_Store").touch()
    finished = store.unfinished / make_run(0, code="o" * 32).key
    unfinished = store.unfinished / ("e" * 64)
    damaged = store.damaged / f"{'f' * 64}.01234567"
    for path in (abandoned, at_work, elsewhere, long_ago, finished, unfinished, foreign, damaged):
        path.mkdir(parents=True)
        (path / "file").write_bytes(bytes(1000))
    for path in (long_ago / "file", long_ago, foreign):
        os.utime(path, (0, 0))

    expected = {abandoned, long_ago, finished, damaged}
    assert set(found(store)) == expected
    assert set(found(store, unfinished=True)) == expected | {unfinished}
    with held_elsewhere(unfinished) as held:
        assert held
        kept = [leftover.path for leftover in leftovers(store, unfinished=True) if not remove(store, leftover)]
    assert kept == [unfinished]
    assert found(store) == {} and at_work.exists() and elsewhere.exists() and foreign.exists()
    assert len(list(store.keys())) == 3


def test_runs_of_old_code_go_where_asked(store):
    shutil.rmtree(store.partial)
    (leftover,) = leftovers(store, old_code=True)
    assert leftover.path == store.directory(make_run(0, code="o" * 32).key)
    assert remove(store, leftover) and not leftover.path.exists()
    assert len(list(store.keys())) == 2 and found(store, old_code=True) == {}


def test_what_others_stand_on_stays_as_long_as_they_do(store):
    """Three old runs in a row, of which each starts from the one before; a study, and a run of today's code."""
    before, chain = None, []
    for seed in range(10, 13):
        recipe = {"epochs": 2, **({"init": {"run": before, "body": 1.0}} if before else {})}
        run = make_run(seed, code="o" * 32, recipe=recipe)
        store.put(run, make_trained(run))
        chain.append(before := run.key)
    alone = make_run(0, code="o" * 32).key

    def old():
        return {leftover.path.name: leftover.needed_by for leftover in leftovers(store, old_code=True)}

    assert old() == dict.fromkeys([alone, *chain])
    study = store.home / "studies" / "kept" / "study.json"
    study.parent.mkdir(parents=True)
    teachers = [{"distill": {"teacher": chain[1]}}, {"distill": {"teacher": {"model": "untrained"}}}, {"init": None}]
    study.write_text(json.dumps({"recipes": teachers}))
    assert old() == {alone: None, chain[0]: f"run {chain[1][:12]}", chain[1]: "the study kept", chain[2]: None}
    study.write_text("[]")
    assert old() == dict.fromkeys([alone, *chain])
    today = make_run(13, code=CURRENT, recipe={"epochs": 2, "init": {"run": chain[2]}})
    store.put(today, make_trained(today))
    spared = {chain[0]: f"run {chain[1][:12]}", chain[1]: f"run {chain[2][:12]}", chain[2]: f"run {today.key[:12]}"}
    assert old() == {alone: None, **spared}
    removed = [leftover.path.name for leftover in leftovers(store, old_code=True) if remove(store, leftover)]
    assert removed == [alone] and set(chain) < set(store.keys())


def test_runs_with_own_blocks_are_not_old(store):
    run = make_run(5, code=CURRENT + "+0123")
    store.put(run, make_trained(run))
    assert store.directory(run.key) not in found(store, old_code=True)


def test_of_old_code_is_what_its_own_architecture_would_not_get(store):
    """Each run is held against its own blocks: the code of one architecture is not that of another."""
    other = {"layers": [{"block": "star", "arguments": {"out": 8}}], "head": {}, "resolution": 32}
    swapped = make_run(6, architecture=other, code=CURRENT), make_run(7, code=code_digest(other))
    right = make_run(8, architecture=other, code=code_digest(other))
    for run in (*swapped, right):
        store.put(run, make_trained(run))
    old = found(store, old_code=True)
    assert all(store.directory(run.key) in old for run in swapped) and store.directory(right.key) not in old


def test_files_whose_writers_died_are_leftovers_wherever_they_are(store):
    places = [store.home / place for place in ("cache/shared", "cache/speeds/x.json", "studies/a/ablation.json")]
    for place in places:
        place.parent.mkdir(parents=True, exist_ok=True)
    program = "import os, sys; from archlab.foundation.files import scratch; from pathlib import Path\n"
    program += "for place in sys.argv[1:]: scratch(Path(place)).write_bytes(bytes(100))"
    subprocess.run([sys.executable, "-c", program, *map(str, places)], check=True)
    scratch(places[0]).touch()  # of this process
    left = leftovers(store)
    assert {leftover.path.parent for leftover in left} == {place.parent for place in places}
    assert [leftover.size for leftover in left] == [100] * 3
    assert all(remove(store, leftover) for leftover in left) and found(store) == {}
    assert len(list((store.home / "cache").iterdir())) == 2  # speeds, and what this process writes


@pytest.mark.parametrize(
    "name",
    [".32.part", ".32.part.aside", ".32.arriving", "unpacked.part", f".not-{host_of_processes()}.1.abcdef01.x.part"],
)
def test_a_preparation_that_still_writes_is_no_leftover_however_long_ago_it_began(store, name):
    part = store.home / "datasets" / "leaves" / name
    part.mkdir(parents=True)
    (part / "journal.jsonl").write_text("{}\n")
    (part / "link").symlink_to("/nowhere/at/all")
    os.utime(part, (0, 0))
    assert found(store) == {}
    for path in (part / "journal.jsonl", part / "link", part):
        os.utime(path, (0, 0), follow_symlinks=False)
    assert list(found(store)) == [part]


def test_what_was_replaced_is_a_leftover_where_it_was(store):
    old = store.home / "datasets" / "leaves" / ".32.old"
    old.mkdir(parents=True)
    assert found(store) == {}, "it is all that there is"
    old.with_name("32").mkdir()
    old.with_name(".notes.old").touch()
    old.with_name("notes").touch()
    assert list(found(store)) == [old]


def test_data_may_lie_on_another_disk(store, tmp_path_factory, monkeypatch):
    """Where `datasets` is a link, nothing can be renamed from there to the runs."""
    disk, rename = tmp_path_factory.mktemp("disk"), Path.rename
    (store.home / "datasets").symlink_to(disk)
    part = store.home / "datasets" / ".32.part"
    part.mkdir()
    os.utime(part, (0, 0))

    def within_one_disk(path, target):
        if path.parent.resolve() != target.parent.resolve():
            raise OSError(errno.EXDEV, "Invalid cross-device link", str(path))
        return rename(path, target)

    monkeypatch.setattr(Path, "rename", within_one_disk)
    (leftover,) = leftovers(store)
    assert remove(store, leftover) and list(disk.iterdir()) == []


def test_what_vanishes_meanwhile_ends_no_search(store, monkeypatch):
    """A folder that was listed, and is renamed or removed before it is looked into."""
    (store.home / "datasets" / "leaves" / "unpacked").mkdir(parents=True)
    scandir = os.scandir

    def late(path="."):
        if Path(path).name == "unpacked":
            raise FileNotFoundError(errno.ENOENT, "No such file or directory", str(path))
        return scandir(path)

    monkeypatch.setattr(os, "scandir", late)
    assert found(store) == {} and size_of(store.home / "datasets") == 0


def test_old_runs_are_told_by_their_own_documents(store, monkeypatch):
    """Whatever the index says."""
    monkeypatch.setattr(index, "ENOUGH_TO_WRITE", 1)
    index.list_runs(store)
    for key in [make_run(seed, code=CURRENT).key for seed in (1, 2)]:
        assert store.directory(key) not in found(store, old_code=True)
    table = index._read_index(store)
    codes = pyarrow.array(["x" * 32] * table.num_rows)
    index._write_index(store, table.set_column(table.column_names.index("code"), "code", codes))
    assert list(found(store, old_code=True)) == [store.directory(make_run(0, code="o" * 32).key)]


def test_indices_of_older_archlabs_are_leftovers(store):
    cache = store.home / "cache"
    cache.mkdir()
    old = [cache / name for name in ("runs.v1.parquet", "runs.v2.index")]
    for path in (*old, cache / index.INDEX, cache / "runs.v99.index", cache / "runs.notes"):
        path.write_bytes(bytes(10))
    assert sorted(found(store)) == old
    assert all(remove(store, leftover) for leftover in leftovers(store)) and len(list(cache.iterdir())) == 3


KILLED = """
import os, signal, sys
from pathlib import Path
from archlab.runs import Store
from archlab.runs.bin import restore, thrown_away
from archlab.runs.cleaning import leftovers, remove

store, calls, last = Store(sys.argv[1]), 0, int(sys.argv[2])

def counted(function):
    def call(*given, **named):
        global calls
        calls += 1
        if calls == last:
            os.kill(os.getpid(), signal.SIGKILL)
        return function(*given, **named)
    return call

for name in ("rename", "mkdir", "rmdir"):
    setattr(Path, name, counted(getattr(Path, name)))
for binned in thrown_away(store):
    restore(store, binned)
for leftover in leftovers(store, without_class_scores=True):
    remove(store, leftover)
"""


@pytest.mark.slow
def test_killed_at_any_moment_it_loses_no_run(store):
    """Before each step that changes the store, there and back."""
    keys = set(store.keys())
    for last in range(1, 40):
        ended = subprocess.run([sys.executable, "-c", KILLED, str(store.home), str(last)])
        stored, binned = list(store.keys()), [path.name[:64] for path in store.bin.glob("*/*")]
        assert sorted(stored + binned) == sorted(keys)
        if ended.returncode == 0:
            break
    assert ended.returncode == 0 and last > 5 and not stored


def test_a_run_that_the_bin_has_lost_meanwhile_is_not_called_restored(store, monkeypatch):
    remove(store, leftovers(store, without_class_scores=True)[0])
    (lost,) = thrown_away(store)
    verify = bin.verify_run
    monkeypatch.setattr(bin, "verify_run", lambda *given: (verify(*given), shutil.rmtree(lost.path)))
    with pytest.raises(UserError, match="is in the bin no longer"):
        bin.restore(store, lost)


def test_what_lies_in_the_bin_goes_after_its_time(store):
    for leftover in leftovers(store, without_class_scores=True):
        assert leftover.is_run and remove(store, leftover)
    (today,) = store.bin.iterdir()
    first = next(today.iterdir())
    (store.bin / "2020-02-29").mkdir()
    first.rename(store.bin / "2020-02-29" / first.name)
    for foreign in (".DS_Store", "notes", "2020-02-30"):
        (store.bin / foreign).mkdir()
    assert found(store) == {} and len(in_bin(store, 0)) == 3
    (old,) = in_bin(store, 30)
    assert "2020-02-29" in old.why and old.size > 0
    assert remove(store, old) and len(in_bin(store, 0)) == 2
    assert not (store.bin / "2020-02-29").exists() and (store.bin / "notes").exists()


def test_what_a_clock_that_is_ahead_has_put_into_the_bin_is_there_today(store):
    remove(store, leftovers(store, without_class_scores=True)[0])
    (today,) = store.bin.iterdir()
    today.rename(store.bin / str(date.today() + timedelta(days=2)))
    assert len(in_bin(store, 0)) == 1 and in_bin(store, 1) == []
