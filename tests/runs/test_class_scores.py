"""What a run says of images is kept beside it, and comes back as it was; runs without it say so by having none."""

from __future__ import annotations

import hashlib
import json
import zipfile

import numpy as np
import pytest
from standin import Trained, make_run

from archlab.runs import Store
from archlab.runs.stored import DamagedRunError
from archlab.training.class_scores import ClassScores

METRICS = {"test": {"accuracy": 0.5}}
HEADER = b"{'descr': '<f2', 'fortran_order': False, 'shape': (10000000000000, 3), }\n"
TERABYTES = b"\x93NUMPY\x01\x00" + len(HEADER).to_bytes(2, "little") + HEADER
HISTORY = [{"epoch": 1, "steps": 1}]


def class_scores(images: int = 300) -> dict[str, ClassScores]:
    chance = np.random.default_rng(0)
    return {
        split: ClassScores.of(chance.normal(size=(images, 7)), chance.integers(0, 7, images))
        for split in ("validation", "test")
    }


@pytest.fixture
def stored(tmp_path):
    """A store, a run in it, and its class scores."""
    store, run, kept = Store(tmp_path), make_run(), class_scores()
    result = Trained(METRICS, HISTORY)
    result.class_scores = kept
    store.put(run, result)
    return store, run.key, kept


def rewritten(store: Store, key: str, change) -> None:
    """The file holds other arrays, and the run says that this is what was written."""
    folder = store.directory(key)
    change(folder / "class_scores.npz")
    document = json.loads((folder / "result.json").read_text())
    del document["checksum"]
    document["files"]["class_scores.npz"] = hashlib.sha256((folder / "class_scores.npz").read_bytes()).hexdigest()
    text = json.dumps(document, sort_keys=True, separators=(",", ":"))
    (folder / "result.json").write_text(
        json.dumps({**document, "checksum": hashlib.sha256(text.encode()).hexdigest()}, sort_keys=True)
    )


def packed(path, **members):
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in members.items():
            archive.writestr(name, content)


def encrypted(path):
    """By its flags."""
    np.savez(path, test=np.zeros((3, 3), np.float16), test_labels=np.zeros(3, np.int32))
    content = bytearray(path.read_bytes())
    for start in (content.find(b"PK\x01\x02"), content.rfind(b"PK\x01\x02")):
        content[start + 8] |= 1
    path.write_bytes(content)


def test_they_come_back_as_they_were(stored):
    store, key, kept = stored
    found = store.class_scores(key)
    assert list(found) == ["validation", "test"]
    for split, each in found.items():
        assert np.array_equal(each.scores, kept[split].scores) and np.array_equal(each.labels, kept[split].labels)
    store.verify(key)
    assert store.get(key)["metrics"] == METRICS


def test_another_store_adopts_them(stored, tmp_path):
    store, key, kept = stored
    other = Store(tmp_path / "other")
    other.adopt(key, store.files(key))
    assert np.array_equal(other.class_scores(key)["test"].scores, kept["test"].scores)


def test_a_run_without_them_has_none(tmp_path):
    store, run = Store(tmp_path), make_run()
    store.put(run, Trained(METRICS, HISTORY))
    assert store.class_scores(run.key) == {}


def test_a_thousand_images_of_ten_classes_take_less_than_their_weights(tmp_path):
    store, run = Store(tmp_path), make_run()
    result = Trained(METRICS, HISTORY)
    chance = np.random.default_rng(0)
    result.class_scores = {"test": ClassScores.of(chance.normal(size=(1000, 10)), chance.integers(0, 10, 1000))}
    store.put(run, result)
    assert (store.directory(run.key) / "class_scores.npz").stat().st_size < 2 * 1000 * 10 + 4 * 1000


def test_what_is_damaged_is_no_class_scores(stored):
    store, key, _ = stored
    path = store.directory(key) / "class_scores.npz"
    path.write_bytes(path.read_bytes()[:-9])
    with pytest.raises(DamagedRunError, match=r"class_scores\.npz does not have its checksum"):
        store.class_scores(key)
    with pytest.raises(DamagedRunError, match=r"class_scores\.npz"):
        store.verify(key)


@pytest.mark.parametrize(
    "change",
    [
        lambda path: path.write_bytes(b"PK no archive"),
        lambda path: path.write_bytes(b""),
        lambda path: np.savez(path, test_labels=np.zeros(3)),
        lambda path: np.savez(path, test=np.array([{}], object), test_labels=np.zeros(3)),
        lambda path: np.savez(path, test=np.zeros((2, 3), np.float16), test_labels=np.zeros(3, np.int32)),
        lambda path: np.savez(path, test=np.zeros((3, 3), np.float64), test_labels=np.zeros(3, np.int32)),
        lambda path: np.savez(path, test=np.zeros((3, 3), np.float16), test_labels=np.full(3, 7, np.int32)),
        lambda path: packed(path, test=b"text", test_labels=b"text"),
        lambda path: packed(path, **{"test.npy": TERABYTES, "test_labels.npy": TERABYTES}),
        lambda path: encrypted(path),
    ],
    ids=[
        "no archive",
        "empty",
        "labels alone",
        "objects",
        "other numbers",
        "other precision",
        "no such class",
        "no arrays",
        "a header of terabytes",
        "encrypted",
    ],
)
def test_what_is_written_wrongly_is_no_class_scores(stored, change):
    store, key, _ = stored
    rewritten(store, key, change)
    with pytest.raises(DamagedRunError, match=r"class_scores\.npz holds no class scores"):
        store.class_scores(key)


def test_a_file_that_unpacks_to_gigabytes_is_refused(stored, monkeypatch):
    from archlab.runs import stored as module

    monkeypatch.setattr(module, "MOST_SCORES", 1000)
    store, key, _ = stored
    with pytest.raises(DamagedRunError, match="larger than class scores can be"):
        store.class_scores(key)
