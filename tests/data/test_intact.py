"""What has happened to prepared data since they were prepared is seen before anything is trained on them."""

import json
import logging
import os
import shutil

import numpy as np
import pytest

from archlab.data import open_prepared, prepare
from archlab.data.preparation import command_to_prepare
from archlab.foundation import UserError

COUNTS = {f"{part}/{name}": n for part, n in (("train", 30), ("test", 8)) for name in ("cat", "dog")}


@pytest.fixture
def pets(fill, describe, home):
    describe("pets", source={"folder": {"path": str(fill(COUNTS))}})
    return prepare("pets", home)


def flip(path, place=-1, count=1):
    """Other bytes at a place of a file."""
    content = bytearray(path.read_bytes())
    for at in range(place, place - count, -1):
        content[at] ^= 0xFF
    path.write_bytes(content)


def zero_labels(folder):
    path = folder / "train.labels.npy"
    np.save(path, np.zeros_like(np.load(path)))


def alter_manifest(folder):
    path = folder / "manifest.json"
    path.write_text(path.read_text().replace('"cat"', '"cow"'))


def grow(folder):
    path = folder / "test.images.npy"
    images = np.load(path)
    np.save(path, np.concatenate([images, images]))


def turn(folder):
    path = folder / "test.images.npy"
    np.save(path, np.asfortranarray(np.load(path)))


def bracket(path):
    """Another character in the place of a bracket in a heading, which then never ends."""
    path.write_bytes(path.read_bytes().replace(b")", b"9", 1))


def pipe(folder):
    (folder / "test.labels.npy").unlink()
    os.mkfifo(folder / "test.labels.npy")


DAMAGES = {
    "labels zeroed": (zero_labels, "its labels are"),
    "an image altered": (lambda folder: flip(folder / "validation.images.npy"), "image 5 differs"),
    "digests altered": (lambda folder: flip(folder / "test.digests.npy"), "the digests of its images are"),
    "a file cut short": (lambda folder: os.truncate(folder / "train.images.npy", 5000), "train.images.npy cannot be"),
    "a file emptied": (lambda folder: os.truncate(folder / "train.labels.npy", 0), "train.labels.npy cannot be"),
    "a heading altered": (lambda folder: flip(folder / "train.labels.npy", 12, 8), "train.labels.npy cannot be"),
    "a bracket of labels altered": (lambda folder: bracket(folder / "train.labels.npy"), "train.labels.npy cannot be"),
    "a bracket of images altered": (lambda folder: bracket(folder / "test.images.npy"), "test.images.npy cannot be"),
    "rows added": (grow, "test.images.npy is not"),
    "rows stored otherwise": (turn, "test.images.npy is not"),
    "a file gone": (lambda folder: (folder / "test.labels.npy").unlink(), "test.labels.npy cannot be"),
    "names torn": (lambda folder: (folder / "train.names.json").write_text("{"), "train.names.json cannot be read"),
    "names lost": (lambda folder: (folder / "train.names.json").write_text('["cat"]'), "train.names.json is not what"),
    "groups of nothing": (
        lambda folder: np.save(folder / "test.groups.npy", np.zeros(3)),
        "test.groups.npy is not what",
    ),
    "twins of nothing": (
        lambda folder: np.save(folder / "test.twins.npy", np.zeros(3)),
        "test.twins.npy is not what",
    ),
    "a pipe for a file": (pipe, "test.labels.npy is no file"),
    "the manifest altered": (alter_manifest, "manifest.json is not what was written"),
    "the manifest emptied": (lambda folder: os.truncate(folder / "manifest.json", 0), "manifest.json cannot be read"),
    "a list for the manifest": (lambda folder: (folder / "manifest.json").write_text("[]"), "is no manifest"),
    "little in the manifest": (lambda folder: (folder / "manifest.json").write_text('{"format": 1}'), "not what was"),
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_damage_is_named_with_the_command_that_mends_it(pets, home, damage):
    digest = open_prepared("pets", home).digest
    harm, words = DAMAGES[damage]
    harm(pets.path)
    with pytest.raises(UserError) as told:
        open_prepared("pets", home)
    assert words in str(told.value) and str(told.value).endswith("archlab datasets prepare pets")
    assert "\n" not in str(told.value) and str(told.value).startswith("pets is damaged (")
    assert prepare("pets", home).digest == digest
    assert open_prepared("pets", home).digest == digest


def test_images_are_read_once_and_again_where_a_file_has_changed(pets, home, monkeypatch):
    from archlab.data import intact

    read = []
    before = intact._image_digests
    monkeypatch.setattr(intact, "_image_digests", lambda *given: read.append(given[1]) or before(*given))
    for _ in range(3):
        open_prepared("pets", home)
    assert len(read) == 3  # one a split
    path, kept = pets.path / "train.images.npy", (pets.path / "train.images.npy").stat()
    flip(path)
    os.utime(path, ns=(kept.st_atime_ns, kept.st_mtime_ns))  # sets the time back, which leaves another time
    with pytest.raises(UserError, match=r"image 53 differs\): archlab datasets prepare pets"):
        open_prepared("pets", home)


def test_flips_on_the_disk_that_no_time_tells_of_are_found_by_check(pets, home, monkeypatch, command):
    open_prepared("pets", home)
    (kept,) = (home / "cache/intact").iterdir()
    stamp = json.loads(kept.read_text())
    flip(pets.path / "train.images.npy")
    stat = (pets.path / "train.images.npy").stat()
    row = next(row for row in stamp if row[0] == "train.images.npy")
    row[1:] = [stat.st_size, stat.st_mtime_ns, stat.st_ctime_ns, stat.st_ino]
    kept.write_text(json.dumps(stamp))
    open_prepared("pets", home)
    code, out, err = command("datasets", "check", "pets", "--store", home)
    assert (code, out) == (2, "") and "pets is damaged (train.images.npy is not" in err and err.count("\n") == 1
    assert command("datasets", "prepare", "pets", "--store", home)[0] == 0
    assert command("datasets", "check", "pets", "--store", home)[0] == 0


@pytest.mark.parametrize("content", [b"", b"\xff\xfe", b"[[", None])
def test_a_damaged_note_of_what_is_intact_counts_for_nothing(pets, home, content):
    open_prepared("pets", home)
    (kept,) = (home / "cache/intact").iterdir()
    kept.unlink()
    os.mkfifo(kept) if content is None else kept.write_bytes(content)
    flip(pets.path / "train.images.npy")
    with pytest.raises(UserError, match="image 53 differs"):
        open_prepared("pets", home)


def test_damaged_samples_prepare_themselves_anew(home, caplog):
    digest = open_prepared("digits", home).digest
    (path,) = (home / "datasets/digits").glob("[0-9]*")
    zero_labels(path)
    with caplog.at_level(logging.WARNING):
        again = open_prepared("digits", home)
    assert again.digest == digest and again.labels("train").any()
    assert "digits is damaged (its labels are not what was prepared), and prepared anew" in caplog.text


def test_plans_name_damaged_data_as_not_prepared(pets, home):
    assert command_to_prepare("pets", home, 16) is None
    (pets.path / "manifest.json").write_text("{")
    assert command_to_prepare("pets", home, 16) == "archlab datasets prepare pets"


def test_data_of_before_manifests_had_a_checksum_stay(pets, home):
    path = pets.path / "manifest.json"
    manifest = json.loads(path.read_text())
    del manifest["checksum"]
    path.write_text(json.dumps(manifest))
    assert open_prepared("pets", home).digest == pets.digest


def test_a_copy_in_another_place_is_intact(pets, home, tmp_path):
    shutil.copytree(home, tmp_path / "other")
    assert open_prepared("pets", tmp_path / "other").digest == pets.digest
