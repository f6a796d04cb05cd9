"""Preparing: whole or not there, continued after an interruption, the same whoever decodes."""

import errno
import io
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from types import SimpleNamespace

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from archlab.data import chunks, open_prepared, prepare
from archlab.data.decode import decode
from archlab.data.formats import open_image
from archlab.data.listing import SPLITS, ImageFiles
from archlab.foundation import UserError

COUNTS = {f"{part}/{name}": n for part, n in (("train", 30), ("test", 8)) for name in ("cat", "dog")}


@pytest.fixture
def photos(fill, describe):
    root = fill(COUNTS)
    describe("pets", source={"folder": {"path": str(root)}})
    return root


@pytest.fixture
def small_chunks(monkeypatch):
    monkeypatch.setattr(chunks, "CHUNK_IMAGES", 5)


def everything(prepared):
    """Every byte of a store, by file."""
    return {path.name: path.read_bytes() for path in sorted(prepared.path.iterdir())}


def test_every_image_stands_where_its_name_says(home, photos):
    prepared = prepare("pets", home)
    assert [len(prepared.labels(split)) for split in SPLITS] == [54, 6, 16]
    assert prepared.class_names == ["cat", "dog"]
    for split in SPLITS:
        images, labels, names = prepared.images(split), prepared.labels(split), prepared.names(split)
        assert images.shape == (len(labels), 16, 16, 3) and isinstance(images, np.memmap)
        for image, label, name in zip(images, labels, names, strict=True):
            assert np.array_equal(image, decode(open_image(str(photos / name)), 16))
            assert prepared.class_names[label] == name.split("/")[1]
    assert len({name for split in SPLITS for name in prepared.names(split)}) == 76


def test_mean_and_std_are_of_the_training_images(home, photos):
    prepared = prepare("pets", home)
    pixels = prepared.images("train") / 255
    assert prepared.mean == pytest.approx(pixels.mean(axis=(0, 1, 2)), abs=1e-9)
    assert prepared.std == pytest.approx(pixels.std(axis=(0, 1, 2)), abs=1e-9)


@pytest.mark.slow
def test_workers_change_nothing(home, photos, small_chunks):
    alone = everything(prepare("pets", home, workers=1))
    shutil.rmtree(home / "datasets" / "pets")
    assert everything(prepare("pets", home, workers=3)) == alone


def test_prepared_once(home, photos):
    seen = []
    digest = prepare("pets", home, progress=lambda *step: seen.append(step)).digest
    assert seen[-1] == ("decoding", 76, 76)
    seen.clear()
    assert prepare("pets", home, progress=lambda *step: seen.append(step)).digest == digest
    assert not seen


def test_a_changed_image_is_another_dataset(home, photos, make_picture):
    first = prepare("pets", home).digest
    make_picture(999).save(photos / "test/cat/0000.jpg")
    assert prepare("pets", home).digest != first


def test_what_decides_training_decides_the_digest(home, photos, describe):
    source = {"folder": {"path": str(photos)}}
    digests = [prepare("pets", home).digest, prepare("pets", home, resolution=24).digest]
    for change in (
        {"flip": False},
        {"seed": 1},
        {"fit": "stretch"},
        {"normalisation": {"mean": [0, 0, 0], "std": [1, 1, 1]}},
    ):
        describe("pets", source=source, **change)
        digests.append(prepare("pets", home).digest)
    assert len(set(digests)) == len(digests)
    describe("pets", source=source, title="other words")
    assert prepare("pets", home).digest == digests[0]


def test_open_needs_what_the_catalogue_says_now(home, photos, describe):
    with pytest.raises(UserError, match=r"not prepared at 16 pixels: archlab datasets prepare pets$"):
        open_prepared("pets", home)
    prepare("pets", home)
    assert open_prepared("pets", home).resolution == 16
    with pytest.raises(UserError, match=r"archlab datasets prepare pets --resolution 8$"):
        open_prepared("pets", home, 8)
    describe("pets", source={"folder": {"path": str(photos)}}, fit="stretch")
    with pytest.raises(UserError, match=r"has changed in the catalogue: archlab datasets prepare pets$"):
        open_prepared("pets", home)


def test_the_command_that_prepares_is_on_the_same_store(home, photos, describe, monkeypatch):
    monkeypatch.delenv("ARCHLAB_HOME")
    with pytest.raises(UserError, match=rf"archlab datasets prepare pets --resolution 8 --store {home}$"):
        open_prepared("pets", home, 8)


def test_a_store_of_a_newer_format_is_refused(home, photos):
    manifest = prepare("pets", home).path / "manifest.json"
    manifest.write_text(json.dumps({**json.loads(manifest.read_text()), "format": 99}))
    with pytest.raises(UserError, match="newer archlab"):
        open_prepared("pets", home)
    assert prepare("pets", home).manifest["format"] == 1
    manifest.write_text("{")
    with pytest.raises(UserError, match="cannot be read"):
        open_prepared("pets", home)
    assert len(prepare("pets", home).labels("test")) == 16


def test_unreadable_stops(home, photos):
    (photos / "train/dog/0007.jpg").write_bytes(b"not an image")
    with pytest.raises(UserError, match=r"train/dog/0007\.jpg cannot be read"):
        prepare("pets", home)
    assert not (home / "datasets/pets/16").exists()


@pytest.mark.parametrize("workers", [1, 2])
def test_unreadable_is_skipped_by_name(home, photos, small_chunks, workers):
    (photos / "train/dog/0007.jpg").write_bytes(b"not an image")
    cut_short = photos / "test/cat/0003.jpg"
    cut_short.write_bytes(cut_short.read_bytes()[:-100])
    prepared = prepare("pets", home, on_unreadable="skip", workers=workers)
    assert sorted(prepared.manifest["skipped"]) == ["test/cat/0003.jpg", "train/dog/0007.jpg"]
    assert "2 unreadable images left out" in prepared.notes[-1]
    assert sum(len(prepared.labels(split)) for split in SPLITS) == 74
    for split in SPLITS:
        for image, name in zip(prepared.images(split), prepared.names(split), strict=True):
            assert np.array_equal(image, decode(open_image(str(photos / name)), 16))
    (photos / "train/dog/0007.jpg").unlink()
    cut_short.unlink()
    assert prepare("pets", home).mean != pytest.approx((0, 0, 0))


class Interrupted(Exception):
    pass


def interrupt_at(images):
    """Told how far preparation is, it ends it once a step has done so many images."""

    def interrupt(step, done, total):
        if done >= images:
            raise Interrupted

    return interrupt


def test_continues_after_an_interruption(home, photos, small_chunks):
    whole = everything(prepare("pets", home))
    shutil.rmtree(home / "datasets/pets")
    with pytest.raises(Interrupted):
        prepare("pets", home, progress=interrupt_at(40))
    assert not (home / "datasets/pets/16").exists()
    seen = []
    prepared = prepare("pets", home, progress=lambda step, done, total: seen.append(done))
    assert seen[0] > 40 and everything(prepared) == whole


def test_continues_after_an_interruption_of_the_second_decoding(home, fill, describe, small_chunks, monkeypatch):
    root = fill({"train/cat": 30, "train/dog": 30, "val/cat": 5, "val/dog": 5})
    for number in range(15):
        shutil.copy(root / f"train/cat/{number:04}.jpg", root / f"train/cat/copy{number}.jpg")
    describe("pets", source={"folder": {"path": str(root)}}, together="identical")
    whole = everything(prepare("pets", home))
    shutil.rmtree(home / "datasets/pets")
    steps = []

    def interrupt(step, done, total):
        if total in steps and done > 40:
            raise Interrupted
        steps.append(done)

    with pytest.raises(Interrupted):
        prepare("pets", home, progress=interrupt)
    monkeypatch.setattr(ImageFiles, "open", None)  # all is decoded
    assert everything(prepare("pets", home)) == whole


def test_what_was_skipped_before_an_interruption_stops_one_that_does_not_skip(home, photos, small_chunks):
    (photos / "train/dog/0007.jpg").write_bytes(b"not an image")
    with pytest.raises(Interrupted):  # all but the test part is done
        prepare("pets", home, on_unreadable="skip", progress=interrupt_at(60))
    with pytest.raises(UserError, match=r"train/dog/0007\.jpg cannot be read"):
        prepare("pets", home)
    assert prepare("pets", home, on_unreadable="skip").manifest["skipped"] == ["train/dog/0007.jpg"]


def test_images_of_another_column_are_not_mixed_with_those_before_an_interruption(
    home, fill, describe, small_chunks, tmp_path
):
    content = [file.read_bytes() for file in sorted(fill({"files": 40}).rglob("*.jpg"))]
    table = {"image": content, "mask": content[::-1], "label": [number % 2 for number in range(40)]}
    pq.write_table(pa.table(table), tmp_path / "all.parquet")
    describe("pets", source={"parquet": {"path": str(tmp_path / "all.parquet")}})
    with pytest.raises(Interrupted):
        prepare("pets", home, progress=interrupt_at(20))
    describe("pets", source={"parquet": {"path": str(tmp_path / "all.parquet"), "image": "mask"}})
    prepared = prepare("pets", home)
    for name, image in zip(prepared.names("train"), prepared.images("train"), strict=True):
        row = int(name.removeprefix("all.parquet[").removesuffix("]"))
        assert np.array_equal(image, decode(open_image(io.BytesIO(content[39 - row])), 16))


def test_what_was_lost_with_the_power_is_done_again(home, photos, small_chunks):
    whole = everything(prepare("pets", home))
    shutil.rmtree(home / "datasets/pets")
    with pytest.raises(Interrupted):
        prepare("pets", home, progress=interrupt_at(40))
    part = home / "datasets/pets/.16.part"
    pixels = bytearray((part / "train.images.npy").read_bytes())
    pixels[1000:1100] = bytes(100)
    (part / "train.images.npy").write_bytes(pixels)
    with (part / "journal.jsonl").open("a") as journal:
        journal.write('{"split": "train", "sta')
    assert everything(prepare("pets", home)) == whole


def test_what_was_lost_done_again_and_interrupted_counts_once(home, photos, small_chunks):
    whole = everything(prepare("pets", home))
    shutil.rmtree(home / "datasets/pets")
    with pytest.raises(Interrupted):
        prepare("pets", home, progress=interrupt_at(40))
    journal = home / "datasets/pets/.16.part/journal.jsonl"
    journal.write_text(2 * journal.read_text())
    assert everything(prepare("pets", home)) == whole


def test_an_interruption_at_the_very_end_leaves_no_store(home, photos, monkeypatch):
    from archlab.data import completion

    def fail(*_):
        raise Interrupted

    with monkeypatch.context() as patch:
        patch.setattr(completion, "_seal", fail)
        with pytest.raises(Interrupted):
            prepare("pets", home)
    assert not (home / "datasets/pets/16").exists()
    assert len(prepare("pets", home).labels("test")) == 16


@pytest.mark.slow
@pytest.mark.parametrize("sent", [signal.SIGINT, signal.SIGKILL])
def test_killed_and_started_again(home, fill, describe, sent):
    root = fill({"train/cat": 200, "train/dog": 200, "test/cat": 20, "test/dog": 20}, size=(640, 480))
    describe("pets", source={"folder": {"path": str(root)}}, resolution=224)
    program = [sys.executable, "-m", "archlab"]
    command = [*program, "datasets", "prepare", "pets", "--workers", "2", "--store", str(home)]
    process = subprocess.Popen(command, stderr=subprocess.PIPE, start_new_session=True)
    journal = home / "datasets/pets/.224.part/journal.jsonl"
    until = time.monotonic() + 60
    while time.monotonic() < until and not (journal.exists() and journal.stat().st_size):
        time.sleep(0.02)
    os.killpg(process.pid, sent)
    message = process.communicate()[1].decode()
    assert process.returncode == (130 if sent == signal.SIGINT else -signal.SIGKILL)
    assert "Traceback" not in message
    assert not (home / "datasets/pets/224").exists()
    seen = []
    prepared = prepare("pets", home, progress=lambda step, done, total: seen.append(done))
    assert seen[0] > 100  # a chunk of 55 was there already
    for image, name in zip(prepared.images("test"), prepared.names("test"), strict=True):
        assert np.array_equal(image, decode(open_image(str(root / name)), 224))


SCRIPT = """
import sys
from pathlib import Path

from archlab.data import chunks, prepare

chunks.CHUNK_IMAGES = 5
print(sum(prepare("pets", Path(sys.argv[1]), workers=2).counts("train")))
print(Path(__file__).name, __spec__)
"""


@pytest.mark.slow
def test_workers_do_not_run_the_script_that_prepares(home, photos, tmp_path):
    """Nor anything of the working directory."""
    (tmp_path / "script.py").write_text(SCRIPT)
    others = tmp_path / "others"
    others.mkdir()
    for name in ("runpy.py", "threading.py"):  # which Python imports in such processes
        (others / name).write_text("open('owned', 'w')\n")
    command = [sys.executable, str(tmp_path / "script.py"), str(home)]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    done = subprocess.run(command, check=True, capture_output=True, text=True, timeout=100, env=environment, cwd=others)
    assert done.stdout == "54\nscript.py None\n" and not (others / "owned").exists()


@pytest.mark.parametrize(
    "error", [MemoryError(), OSError(errno.EMFILE, "Too many open files"), OSError(errno.EIO, "Input/output error")]
)
def test_what_is_no_fault_of_an_image_does_not_leave_it_out(home, photos, monkeypatch, error):
    def fail(*_):
        raise error

    monkeypatch.setattr("archlab.data.chunks.decode", fail)
    with pytest.raises(type(error)):
        prepare("pets", home, on_unreadable="skip")


def pulled_out(place, home, what):
    """Prepares while `place` goes away, then again when it is back."""

    def pull(step, done, total):
        if place.exists():
            place.rename(place.with_name("pulled"))

    with pytest.raises(OSError, match=f"the {what} of the images is there no longer") as told:
        prepare("pets", home, on_unreadable="skip", progress=pull)
    assert told.value.filename == str(place)
    place.with_name("pulled").rename(place)
    assert prepare("pets", home, on_unreadable="skip").manifest["skipped"] == []


def test_a_stick_that_is_pulled_out_leaves_no_image_out(home, photos, small_chunks):
    pulled_out(photos, home, "folder")


def test_a_stick_with_parquet_that_is_pulled_out_leaves_no_image_out(home, fill, describe, small_chunks, tmp_path):
    content = [file.read_bytes() for file in sorted(fill({"files": 40}).rglob("*.jpg"))]
    path = tmp_path / "all.parquet"
    table = {"image": content, "label": [number % 2 for number in range(40)]}
    pq.write_table(pa.table(table), path, row_group_size=10)
    describe("pets", source={"parquet": {"path": str(path)}})
    pulled_out(path, home, "file")


def test_what_does_not_fit_on_the_disk_is_not_begun(home, photos, monkeypatch):
    with monkeypatch.context() as patch, pytest.raises(OSError, match=r"76 images at 16 pixels take 0\.0 GB") as told:
        patch.setattr("archlab.data.chunks.disk_usage", lambda path: SimpleNamespace(free=76 * 16 * 16 * 3 - 1))
        patch.setattr("archlab.data.chunks.decode", None)
        prepare("pets", home)
    assert told.value.errno == errno.ENOSPC and told.value.filename == str(home / "datasets/pets")
    assert len(prepare("pets", home).labels("test")) == 16


def test_all_that_is_decoded_already_needs_no_workers(home, photos, small_chunks, monkeypatch):
    with monkeypatch.context() as patch, pytest.raises(Interrupted):
        patch.setattr("archlab.data.preparation.complete", lambda *_: (_ for _ in ()).throw(Interrupted))
        prepare("pets", home)
    assert len(prepare("pets", home, workers=2).labels("test")) == 16


def test_two_at_once(home, photos):
    from concurrent.futures import ThreadPoolExecutor

    with ThreadPoolExecutor(2) as pool:
        first, second = pool.map(lambda _: prepare("pets", home).digest, range(2))
    assert first == second


def test_counts_other_than_the_catalogue_s_are_noted(home, photos, describe):
    describe("pets", source={"folder": {"path": str(photos)}}, images={"train": 60, "test": 1600})
    assert prepare("pets", home).notes == ["16 images in test, the catalogue says 1,600"]


def test_another_number_of_classes_is_refused(home, photos, describe):
    path = describe("pets", source={"folder": {"path": str(photos)}}, classes=3)
    with pytest.raises(UserError, match="3 classes, the source has 2") as caught:
        prepare("pets", home)
    assert str(path) in str(caught.value)


def test_memory_stays_bounded(home, fill, describe, small_chunks):
    """The arrays of a preparation are far larger than what it allocates."""
    import tracemalloc

    root = fill({"train/cat": 60, "train/dog": 60, "test/cat": 10, "test/dog": 10})
    describe("pets", source={"folder": {"path": str(root)}}, resolution=256)
    tracemalloc.start()
    prepared = prepare("pets", home)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert prepared.images("train").nbytes > 20 * 2**20 > 4 * peak
