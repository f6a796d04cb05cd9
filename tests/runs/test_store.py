import json
import multiprocessing
import shutil

import numpy as np
import pytest
from safetensors.numpy import load_file
from standin import make_run, make_trained

from archlab.foundation import UserError
from archlab.runs import DamagedRunError, Store


def fill(store, n):
    runs = [make_run(seed) for seed in range(n)]
    for run in runs:
        store.put(run, make_trained(run))
    return runs


def test_what_is_put_comes_back(store):
    run = make_run()
    assert store.get(run.key) is None and run.key not in store and list(store.keys()) == []
    result = make_trained(run)
    store.put(run, result)
    document = store.get(run.key)
    assert document["run"] == run.document()
    assert document["metrics"] == result.metrics and document["history"] == result.history
    assert document["key"] == run.key and document["format"] == 1
    weights = load_file(store.weights(run.key))
    np.testing.assert_array_equal(weights["classifier.weight"], result.weights["classifier.weight"])
    store.verify(run.key)
    assert list(store.keys()) == [run.key]
    assert list(store.partial.iterdir()) == []


def test_a_finished_run_never_changes(store):
    run = make_run()
    store.put(run, make_trained(run))
    before = {path: path.read_bytes() for path in store.directory(run.key).iterdir()}
    other = make_trained(run)
    other.seconds = 99.0
    store.put(run, other)
    assert {path: path.read_bytes() for path in store.directory(run.key).iterdir()} == before
    assert list(store.partial.iterdir()) == []


def test_a_newer_format_is_refused_in_words(store):
    run = make_run()
    store.put(run, make_trained(run))
    path = store.directory(run.key) / "result.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), "format": 2}))
    with pytest.raises(UserError, match=r"newer archlab \(format 2; this one reads up to 1\)"):
        store.get(run.key)


@pytest.mark.parametrize("name", ["run.json", "result.json", "history.jsonl", "weights.safetensors"])
@pytest.mark.parametrize("damage", ["cut", "flip", "remove"])
def test_any_damage_is_found(store, name, damage):
    run = make_run()
    store.put(run, make_trained(run))
    path = store.directory(run.key) / name
    content = bytearray(path.read_bytes())
    if damage == "cut":
        path.write_bytes(content[: len(content) // 2])
    elif damage == "flip":
        content[len(content) // 2] ^= 1
        path.write_bytes(content)
    else:
        path.unlink()
    with pytest.raises(DamagedRunError):
        store.verify(run.key)
    if name != "weights.safetensors":  # read only when somebody asks for them
        assert store.get(run.key) is None


@pytest.mark.parametrize("number", ["NaN", "-Infinity", "1e999"])
def test_a_number_that_is_not_finite_is_damage(store, number):
    """Python reads it, and no checksum is of it."""
    run = make_run()
    store.put(run, make_trained(run))
    path = store.directory(run.key) / "result.json"
    path.write_text(path.read_text().replace('"seconds": 0.0', f'"seconds": {number}'))
    assert number in path.read_text() and store.get(run.key) is None
    with pytest.raises(DamagedRunError, match=r"result\.json does not have its checksum"):
        store.verify(run.key)


def test_a_damaged_run_is_replaced(store):
    run = make_run()
    store.put(run, make_trained(run))
    (store.directory(run.key) / "history.jsonl").write_text("{}")
    store.put(run, make_trained(run))
    assert store.get(run.key)["history"] == make_trained(run).history
    assert len(list(store.damaged.iterdir())) == 1


def test_a_run_under_another_name_is_damage(store):
    first, second = make_run(0), make_run(1)
    store.put(first, make_trained(first))
    store.directory(second.key).parent.mkdir(exist_ok=True)
    shutil.copytree(store.directory(first.key), store.directory(second.key))
    assert store.get(second.key) is None
    assert store.get(first.key) is not None


def test_what_cannot_be_stored_leaves_nothing(store):
    run = make_run()
    result = make_trained(run)
    result.metrics["test"]["accuracy"] = float("nan")
    with pytest.raises(ValueError):
        store.put(run, result)
    assert run.key not in store and list(store.partial.iterdir()) == []


def test_what_comes_from_another_store_is_checked_and_stays_in_its_folder(store, tmp_path):
    (run,), other = fill(store, 1), Store(tmp_path / "other")
    files = store.files(run.key)
    for key, damaged in ((run.key, files | {"history.jsonl": b"{}"}), (make_run(1).key, files)):
        with pytest.raises(DamagedRunError):
            other.adopt(key, damaged)
    assert list(other.keys()) == list(other.partial.iterdir()) == []
    other.adopt(run.key, files | {"../../../../owned": b"by others"})
    assert other.get(run.key) == store.get(run.key)
    assert list(tmp_path.rglob("owned")) == [other.directory(run.key) / "owned"]


def put_all(home, seeds):
    store = Store(home)
    for seed in seeds:
        run = make_run(seed)
        store.put(run, make_trained(run))


def test_writers_of_the_same_keys_at_once_are_harmless(store):
    context = multiprocessing.get_context("fork")
    writers = [context.Process(target=put_all, args=(store.home, range(30))) for _ in range(4)]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()
        assert writer.exitcode == 0
    keys = set(store.keys())
    assert keys == {make_run(seed).key for seed in range(30)}
    for key in keys:
        store.verify(key)
    assert list(store.partial.iterdir()) == []


def test_key_prefixes(store):
    runs = fill(store, 20)
    for run in runs:
        assert store.find(run.key) == run.key
        assert store.find(run.key[:12].upper()) == run.key
    with pytest.raises(UserError, match="20 runs start with ''"):
        store.find("")
    key = runs[0].key
    wrong = key[:7] + ("0" if key[7] != "0" else "1")
    with pytest.raises(UserError, match=f"no stored run starts with '{wrong}' - did you mean '{key[:8]}'"):
        store.find(wrong)
