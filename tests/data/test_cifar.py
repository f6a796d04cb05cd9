"""CIFAR-10 and CIFAR-100 out of small copies of the archives that their owners publish."""

import io
import os
import pickle
import struct
from typing import ClassVar

import numpy as np
import pytest

from archlab.data import entry, prepare
from archlab.data.published import CONTENTS
from archlab.data.readers import cifar
from archlab.foundation import UserError
from tests.data.published import md5, sizes, tar


class Python2Pickler(pickle._Pickler):
    """Writes text and bytes as Python 2 did, and arrays under the module's old name."""

    dispatch: ClassVar = dict(pickle._Pickler.dispatch)

    def save_old_text(self, text):
        content = text if isinstance(text, bytes) else text.encode("latin1")
        self.write(b"T" + struct.pack("<i", len(content)) + content)
        self.memoize(text)

    dispatch[str] = dispatch[bytes] = save_old_text


def python2_pickle(value):
    buffer = io.BytesIO()
    Python2Pickler(buffer, protocol=2).dump(value)
    return buffer.getvalue().replace(b"numpy._core.multiarray", b"numpy.core.multiarray")


def cifar_batch(seed, count, classes, **extra):
    random = np.random.RandomState(seed)
    labels = (np.arange(count) % classes).tolist()
    return {
        "data": random.randint(0, 256, (count, 3072), dtype=np.uint8),
        "filenames": [f"image_{i}.png" for i in range(count)],
        **dict.fromkeys(extra, labels),
    }


def test_cifar10(tmp_path, home, describe):
    names = ["airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck"]
    batches = {f"data_batch_{i}": cifar_batch(i, 20, 10, labels=1) for i in range(1, 6)}
    batches["test_batch"] = cifar_batch(6, 30, 10, labels=1)
    meta = {"label_names": names, "num_cases_per_batch": 20, "num_vis": 3072}
    files = {
        f"cifar-10-batches-py/{name}": python2_pickle(value)
        for name, value in {**batches, "batches.meta": meta}.items()
    }
    assert b"cnumpy.core.multiarray" in files["cifar-10-batches-py/test_batch"]
    path = tmp_path / "cifar-10-python.tar.gz"
    tar(path, files, "w:gz")
    with pytest.raises(UserError, match="checksum"):  # it is not the one that is published
        prepare("cifar10", home, source=path)
    describe("little", like="cifar10", archives=[{"file": path.name, "checksum": md5(path)}])
    prepared = prepare("little", home, source=tmp_path)
    assert prepared.class_names == names and sizes(prepared) == [90, 10, 30]
    row = prepared.names("test").index("test_batch[7]")
    assert np.array_equal(
        prepared.images("test")[row], batches["test_batch"]["data"][7].reshape(3, 32, 32).transpose(1, 2, 0)
    )
    assert prepared.labels("test")[row] == 7
    assert not (home / "datasets/little/unpacked").exists()
    assert prepared.notes == [
        "100 images in train, the catalogue says 50,000",
        "30 images in test, the catalogue says 10,000",
    ]


def test_cifar100(tmp_path, home, describe):
    names = [f"class {i}" for i in range(100)]
    files = {
        "train": cifar_batch(0, 400, 100, fine_labels=1, coarse_labels=1),
        "test": cifar_batch(1, 100, 100, fine_labels=1, coarse_labels=1),
        "meta": {"fine_label_names": names, "coarse_label_names": names[:20]},
    }
    path = tmp_path / "cifar-100-python.tar.gz"
    tar(path, {f"cifar-100-python/{name}": python2_pickle(value) for name, value in files.items()}, "w:gz")
    describe("little", like="cifar100", archives=[{"file": path.name, "checksum": md5(path)}])
    prepared = prepare("little", home, source=path)
    assert prepared.class_names == names and sizes(prepared) == [300, 100, 100]  # a class of four gives one


@pytest.fixture
def anyone(describe):
    """The name of a dataset of one's own, of which any folder is taken."""
    describe("anyone", like="cifar10")
    return "anyone"


def test_a_pickle_that_would_call_something_is_refused(tmp_path, home, anyone):
    folder = tmp_path / "cifar-10-batches-py"
    folder.mkdir()
    for name in [f"data_batch_{i}" for i in range(1, 6)] + ["test_batch", "batches.meta"]:
        (folder / name).write_bytes(b"cos\nsystem\n(S'touch " + str(tmp_path / "owned").encode() + b"'\ntR.")
    with pytest.raises(UserError, match=r"it would call os\.system: refused"):
        prepare(anyone, home, source=tmp_path)
    assert not (tmp_path / "owned").exists()


@pytest.mark.parametrize("name", ["cifar10", "cifar100"])
def test_an_unpacked_folder_holds_the_published_files_or_is_ones_own(tmp_path, home, describe, name):
    """The checksums are those that torchvision has."""
    from torchvision import datasets

    published = getattr(datasets, name.upper())
    listed = [*published.train_list, *published.test_list, [published.meta["filename"], published.meta["md5"]]]
    assert CONTENTS[name] == {file: f"md5:{digest}" for file, digest in listed}
    classes = entry(name, home).classes
    keys = {"labels": 1} if classes == 10 else {"fine_labels": 1}
    names = {"label_names" if classes == 10 else "fine_label_names": [f"class {number}" for number in range(classes)]}
    for number, (file, _) in enumerate(listed[:-1]):
        (tmp_path / file).write_bytes(python2_pickle(cifar_batch(number, 4 * classes, classes, **keys)))
    (tmp_path / listed[-1][0]).write_bytes(python2_pickle(names))
    with pytest.raises(UserError, match=f"the md5 checksum is .* an entry `like: {name}`"):
        prepare(name, home, source=tmp_path)
    describe("mine", like=name)
    assert prepare("mine", home, source=tmp_path).num_classes == classes
    (tmp_path / listed[0][0]).unlink()
    os.mkfifo(tmp_path / listed[0][0])
    for each in (name, "mine"):
        with pytest.raises(UserError, match="is a pipe or a device"):
            prepare(each, home, source=tmp_path)


def test_a_folder_zipped_again_is_held_against_the_published_files_too(tmp_path, home):
    files = {f"data_batch_{number}": b"" for number in range(1, 6)} | {"test_batch": b"", "batches.meta": b""}
    tar(tmp_path / "mine.tar.gz", files, "w:gz")
    with pytest.raises(UserError, match="md5 checksum"):
        prepare("cifar10", home, source=tmp_path / "mine.tar.gz")


DTYPE = b"cnumpy\ndtype\nU\x02%bK\x00K\x01\x87R"
FORGED = b"(K\x03U\x01|NU\x01f\x85}U\x01f(cnumpy\ndtype\nU\x02O8K\x00K\x01\x87RK\x00tsK\x08K\x01K\x3ftb"  # pointers for bytes
ARRAY = b"cnumpy.core.multiarray\n_reconstruct\ncnumpy\nndarray\nK\x00\x85U\x01b\x87R"


@pytest.mark.parametrize(
    "content",
    [
        ARRAY + b"(K\x01K\x01\x85" + DTYPE % b"u1" + FORGED + b"\x89U\x08AAAAAAAAtb",
        ARRAY + b"(K\x01K\x01\x85" + DTYPE % b"O8" + b"\x89U\x08AAAAAAAAtb",
        ARRAY + b"(K\x01K\x01\x85" + DTYPE % b"V8" + FORGED + b"\x89U\x08AAAAAAAAtb",
        b"cnumpy\nndarray\n}U\x0c__setstate__Nsb",
        b"c_codecs\nencode\n}U\x07__new__Nsb",
        b"K\x01r\xff\xff\xff\x7f",  # a memory of two thousand million entries
    ],
)
def test_a_forged_array_is_refused(tmp_path, content):
    path = tmp_path / "batch"
    path.write_bytes(b"\x80\x02}U\x04data" + content + b"s.")
    with pytest.raises(UserError, match="is not a batch of CIFAR"):
        cifar.load_pickle(path)


def test_lists_that_hold_themselves_are_no_labels(tmp_path):
    labels = [0, 1]
    for _ in range(40):
        labels = [labels, labels]
    path = tmp_path / "batch"
    path.write_bytes(pickle.dumps({"data": np.zeros((2, 3072), np.uint8), "labels": labels}, protocol=2))
    with pytest.raises(UserError, match="labels: expected 2 class numbers below 10"):
        cifar._batch(path, "labels", 10)


@pytest.mark.parametrize(
    "batch",
    [
        [1, 2],
        {"labels": [0]},
        {"data": np.zeros((2, 10), np.uint8), "labels": [0, 1]},
        {"data": np.zeros((2, 3072), np.float32), "labels": [0, 1]},
        {"data": np.zeros((2, 3072), np.uint8), "labels": [0]},
        {"data": np.zeros((2, 3072), np.uint8), "labels": [0, 10]},
        {"data": np.zeros((2, 3072), np.uint8), "labels": ["a", "b"]},
    ],
)
def test_batches_of_another_shape_are_refused(tmp_path, home, anyone, batch):
    for name in [f"data_batch_{i}" for i in range(1, 6)] + ["test_batch"]:
        (tmp_path / name).write_bytes(pickle.dumps(batch))
    (tmp_path / "batches.meta").write_bytes(pickle.dumps({"label_names": [str(i) for i in range(10)]}))
    with pytest.raises(UserError, match="data_batch_1"):
        prepare(anyone, home, source=tmp_path)
