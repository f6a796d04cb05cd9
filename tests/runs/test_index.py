import json
import random
import time

import pytest
from standin import make_run, make_trained

from archlab.runs import index
from archlab.runs.index import COLUMNS, INDEX, list_runs, tidy_table
from tests.comparisons.synthetic import write_synthetic_runs
from tests.repeated import WHOLE, repeated


def fill(store, seeds):
    runs = [make_run(seed, model=f"model {seed % 2}") for seed in seeds]
    for run in runs:
        store.put(run, make_trained(run))
    return runs


def rows(store):
    return {row["key"]: row for row in list_runs(store).table.to_pylist()}


def test_every_run_is_a_row_with_its_own_numbers(store):
    runs = fill(store, range(5))
    listed = rows(store)
    assert set(listed) == {run.key for run in runs}
    for run in runs:
        row, result = listed[run.key], make_trained(run)
        assert list(row) == list(COLUMNS)
        assert (row["model"], row["seed"], row["width"]) == (run.model, run.seed, run.width)
        assert row["test_accuracy"] == result.metrics["test"]["accuracy"]
        assert row["validation_balanced_accuracy"] == result.metrics["validation"]["balanced_accuracy"]
        assert row["epochs"] == 2


def test_the_index_follows_the_directories(store, monkeypatch):
    monkeypatch.setattr(index, "ENOUGH_TO_WRITE", 1)
    fill(store, range(4))
    fresh = rows(store)
    path = store.home / "cache" / INDEX
    assert path.exists()
    assert rows(store) == fresh
    for content in (b"", b"PAR1 not really", path.read_bytes()[:-9]):
        path.write_bytes(content)
        assert rows(store) == fresh

    (gone,) = fill(store, [1])
    for file in store.directory(gone.key).iterdir():
        file.unlink()
    store.directory(gone.key).rmdir()
    del fresh[gone.key]
    assert rows(store) == fresh
    (new,) = fill(store, [9])
    assert set(rows(store)) == {*fresh, new.key}


def test_runs_that_cannot_be_read_are_named_and_the_others_listed(store):
    good, cut, newer = fill(store, range(3))
    (store.directory(cut.key) / "result.json").write_text("{")
    path = store.directory(newer.key) / "result.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), "format": 99}))
    listing = list_runs(store)
    assert listing.table["key"].to_pylist() == [good.key]
    assert listing.unreadable[cut.key] == "not a JSON document"
    assert "newer archlab" in listing.unreadable[newer.key]


def test_runs_are_listed_in_one_order_whoever_asks(store):
    runs = fill(store, range(12))
    damaged = sorted(run.key for run in runs[:4])
    for key in damaged:
        (store.directory(key) / "result.json").write_text("{")
    listing = list_runs(store)
    listed = [(row["finished"], row["key"]) for row in listing.table.to_pylist()]
    assert len(listed) == 8 and listed == sorted(listed) and list(listing.unreadable) == damaged


def test_a_flipped_bit_in_the_index_changes_nothing(store, monkeypatch):
    monkeypatch.setattr(index, "ENOUGH_TO_WRITE", 1)
    fill(store, range(3))
    fresh, path = rows(store), store.home / "cache" / INDEX
    whole, chance = path.read_bytes(), random.Random(0)
    assert index._read_index(store).num_rows == 3
    for _ in range(300):
        damaged = bytearray(whole)
        damaged[chance.randrange(len(whole))] ^= 1 << chance.randrange(8)
        path.write_bytes(damaged)
        assert index._read_index(store).num_rows == 0
    assert rows(store) == fresh


def test_what_does_not_fit_or_is_called_otherwise_does_not_end_the_listing(store):
    good, large, folder, file = fill(store, [0, 2**70, 2, 3])
    (store.directory(folder.key) / "run.json").unlink()
    (store.directory(folder.key) / "run.json").mkdir()
    for path in store.directory(file.key).iterdir():
        path.unlink()
    store.directory(file.key).rmdir()
    store.directory(file.key).touch()
    group = store.directory(good.key).parent
    for name in (".nfs0001", ".DS_Store", "z" * 64):
        (group / name).touch()
    (store.runs / "zz").touch()
    listing = list_runs(store)
    assert listing.table["key"].to_pylist() == [good.key]
    assert listing.unreadable.keys() == {large.key, folder.key, file.key}
    assert listing.unreadable[folder.key] == "run.json is a folder"
    assert listing.unreadable[large.key].startswith("a value does not fit into the table: ")
    assert store.get(folder.key) is None and store.get(file.key) is None


def test_tidy_has_a_row_per_metric(store):
    (run,) = fill(store, [3])
    metrics = make_trained(run).metrics
    tidy = tidy_table(list_runs(store).table).to_pylist()
    assert {(row["split"], row["metric"]): row["value"] for row in tidy} == {
        (split, metric): metrics[split][metric]
        for split in ("validation", "test")
        for metric in ("accuracy", "balanced_accuracy", "log_loss")
    }


@pytest.mark.slow
def test_a_hundred_thousand_runs_list_in_two_seconds(store):
    """In a part of the tests a quarter of them in one, since some of the time is the same for any number."""
    models = repeated(2_500)
    write_synthetic_runs(store, models, datasets=8, seeds=5)
    began = time.perf_counter()
    table = list_runs(store).table
    first = time.perf_counter() - began
    began = time.perf_counter()
    again = list_runs(store).table
    second = time.perf_counter() - began
    print(f"{table.num_rows:,} runs: index built in {first:.1f} s, listed in {second:.2f} s")
    assert table.num_rows == again.num_rows == models * 8 * 5
    assert second < (2 if WHOLE else 1)
