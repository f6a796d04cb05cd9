"""Whatever a place of the store has become: every command ends, in one line where it cannot go on, and never with a fault."""

import errno
import itertools
import os
import random
import shutil
from pathlib import Path

import pytest
from standin import make_run, make_trained

from archlab.data import open_prepared
from archlab.foundation import write_atomically
from archlab.runs import Store, index
from archlab.runs.cleaning import leftovers, remove
from tests.repeated import repeated

SEEDS = range(4)  # one in the bin, one set aside, two stored
RUNS = [
    "runs list",
    "runs check",
    "runs gc --old-code --without-class-scores --unfinished --dry-run",
    "runs restore",
    "runs gc --empty-bin --days 0 --yes",
    *(f"runs show {make_run(seed).key[:12]}" for seed in SEEDS),
]
DATASETS = ["datasets list", "datasets check digits", "datasets prepare digits"]


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """A store with something in each of its places."""
    store = Store(tmp_path_factory.mktemp("store"))
    for seed in SEEDS:
        store.put(run := make_run(seed), make_trained(run))
    enough, index.ENOUGH_TO_WRITE = index.ENOUGH_TO_WRITE, 1
    index.list_runs(store)
    index.ENOUGH_TO_WRITE = enough
    remove(store, leftovers(store, without_class_scores=True)[0])
    store.set_aside(next(store.keys()))
    checkpoint = store.unfinished / ("e" * 64) / "checkpoint.safetensors"
    checkpoint.parent.mkdir(parents=True)
    checkpoint.write_bytes(b"x")
    for _ in range(2):  # prepared, and found intact
        open_prepared("digits", store.home)
    return store.home


def put(path, make):
    shutil.rmtree(path) if path.is_dir() and not path.is_symlink() else path.unlink()
    make()


def beside(path, folder=False):
    other = path.parent / os.fsdecode(b"\xff\n\x1b[31m")
    other.mkdir() if folder else other.touch()


KINDS = {
    "pipe": lambda path: put(path, lambda: os.mkfifo(path)),
    "device": lambda path: put(path, lambda: path.symlink_to("/dev/zero")),
    "link to itself": lambda path: put(path, lambda: path.symlink_to(path.name)),
    "link to nothing": lambda path: put(path, lambda: path.symlink_to("/nowhere/at/all")),
    "folder": lambda path: put(path, path.mkdir),
    "other file": lambda path: put(path, lambda: path.write_bytes(b"other")),
    "other document": lambda path: put(path, lambda: path.write_text('{"format": 1}')),
    "list": lambda path: put(path, lambda: path.write_text("[1]")),
    "emptied": lambda path: path.is_file() and os.truncate(path, 0),
    "torn": lambda path: path.is_file() and os.truncate(path, path.stat().st_size // 2),
    "gone": lambda path: put(path, lambda: None),
    "odd name beside": beside,
    "odd folder beside": lambda path: beside(path, folder=True),
}


def walk(command, whole, copy, cases, places):
    """Makes each place in a copy of the store what its kind says, and calls the commands; the number of calls."""
    calls = 0
    for place, kind in cases:
        shutil.rmtree(copy, ignore_errors=True)
        shutil.copytree(whole, copy, symlinks=True)
        KINDS[kind](copy / place)
        for words in places(place):
            code, _, err = command(*words.split(), "--store", copy)
            assert code in (0, 1) or (code == 2 and err.count("\n") == 1), (place, kind, words, code, err)
            calls += 1
    return calls


def commands_of(place):
    return DATASETS if place.parts[0] == "datasets" or place.parts[:2] == ("cache", "intact") else RUNS


def places_in(whole):
    return sorted(path.relative_to(whole) for path in whole.rglob("*"))


@pytest.mark.slow
def test_some_places_become_something_else(command, whole, tmp_path):
    stored = next(path for path in places_in(whole) if path.name == "result.json" and "bin" not in path.parts)
    index_file, kept = (
        Path("cache") / index.INDEX,
        next(path for path in places_in(whole) if path.match("cache/intact/*")),
    )
    places = [stored, stored.parent, index_file, kept, Path("datasets/digits/32/manifest.json")]
    cases = itertools.product(places, ("pipe", "device", "link to itself"))
    assert walk(command, whole, tmp_path / "copy", cases, commands_of) > 50


@pytest.mark.slow
def test_every_place_becomes_something_else(command, whole, tmp_path):
    """Some of all places and kinds, 120 where all are tried, each with up to nine commands."""
    every = list(itertools.product(places_in(whole), KINDS))
    cases = random.Random(0).sample(every, repeated(120))
    assert walk(command, whole, tmp_path / "copy", cases, commands_of) > 5 * len(cases)


@pytest.mark.slow
def test_flipped_bits_give_the_same_runs_or_name_what_is_damaged(whole, tmp_path):
    """Whatever a bit in a run's files becomes: a listing has the run as it was, or says what is wrong with it."""
    chance, copy = random.Random(0), tmp_path / "copy"
    shutil.copytree(whole, copy)
    store = Store(copy)
    expected = {row["key"]: row for row in index.list_runs(store).table.to_pylist()}
    files = [path for path in (*copy.glob("runs/??/*/*"), copy / "cache" / index.INDEX) if path.is_file()]
    for _ in range(repeated(1000)):
        path = chance.choice(files)
        content = path.read_bytes()
        flipped = bytearray(content)
        flipped[chance.randrange(len(content))] ^= 1 << chance.randrange(8)
        path.write_bytes(flipped)
        if path.parent.name != "cache":  # the directories decide
            (copy / "cache" / index.INDEX).unlink()
        listing = index.list_runs(store)
        for row in listing.table.to_pylist():
            assert row == expected[row["key"]]
        assert expected.keys() == {*listing.unreadable, *listing.table["key"].to_pylist()}
        path.write_bytes(content)
        if not (copy / "cache" / index.INDEX).exists():
            shutil.copyfile(whole / "cache" / index.INDEX, copy / "cache" / index.INDEX)


def test_a_full_disk_is_told_with_the_path(command, tmp_path, monkeypatch):
    def full(*_):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match=str(tmp_path / "table.csv")), write_atomically(tmp_path / "table.csv"):
        pass
    run = make_run()
    with pytest.raises(OSError, match=run.key):
        Store(tmp_path).put(run, make_trained(run))
    code, out, err = command("datasets", "prepare", "digits", "--store", tmp_path)
    assert (code, out) == (2, "") and err == f"error: {tmp_path / 'datasets/digits/32'}: No space left on device\n"
