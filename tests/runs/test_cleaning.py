import os
import shutil
import socket
import subprocess

import pytest
from processes import held_elsewhere
from standin import make_run, make_trained

from archlab.runs import Store, code_digest
from archlab.runs.cleaning import leftovers, remove

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
    host = socket.gethostname()
    abandoned = store.partial / f"{'a' * 64}.{host}.{dead_process()}.12345678"
    at_work = store.partial / f"{'b' * 64}.{host}.{os.getpid()}.12345678"
    elsewhere = store.partial / f"{'c' * 64}.other.example.org.1.12345678"
    long_ago = store.partial / f"{'d' * 64}.other.example.org.1.12345678"
    finished = store.unfinished / make_run(0, code="o" * 32).key
    unfinished = store.unfinished / ("e" * 64)
    for path in (abandoned, at_work, elsewhere, long_ago, finished, unfinished, store.damaged / "f"):
        path.mkdir(parents=True)
        (path / "file").write_bytes(bytes(1000))
    os.utime(long_ago, (0, 0))

    expected = {abandoned, long_ago, finished, store.damaged / "f"}
    assert set(found(store)) == expected
    assert set(found(store, unfinished=True)) == expected | {unfinished}
    with held_elsewhere(unfinished) as held:
        assert held
        kept = [leftover.path for leftover in leftovers(store, unfinished=True) if not remove(store, leftover)]
    assert kept == [unfinished]
    assert found(store) == {} and at_work.exists() and elsewhere.exists()
    assert len(list(store.keys())) == 3


def test_runs_of_old_code_go_where_asked(store):
    shutil.rmtree(store.partial)
    (leftover,) = leftovers(store, old_code=True)
    assert leftover.path == store.directory(make_run(0, code="o" * 32).key)
    assert remove(store, leftover) and not leftover.path.exists()
    assert len(list(store.keys())) == 2 and found(store, old_code=True) == {}


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
