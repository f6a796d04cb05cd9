"""Images that are one stay on one side where the entry says so: copies, near-copies, together with groups and fixed parts."""

import shutil
import tracemalloc

import numpy as np
import pytest
from PIL import Image, ImageEnhance

from archlab.data import inspect, prepare
from archlab.data.listing import SPLITS
from archlab.data.near import near_pairs
from archlab.foundation import UserError


def sides(prepared):
    return {name: split for split in SPLITS for name in prepared.names(split)}


def copies(root, pairs):
    for one, other in pairs:
        shutil.copy(root / one, root / other)


def test_copies_are_carved_to_one_side(home, fill, describe):
    root = fill({"cat": 40, "dog": 40}, size=(20, 20), suffix=".png")
    twins = [(f"cat/{n:04}.png", f"cat/copy{n}.png") for n in range(20)]
    copies(root, [*twins, *((one, other.replace("copy", "third")) for one, other in twins[:5])])
    source = {"folder": {"path": str(root)}}
    describe("pets", source=source)
    assert inspect(prepare("pets", home)).duplicates
    describe("pets", source=source, together="identical")
    prepared = prepare("pets", home)
    found, side = inspect(prepared), sides(prepared)
    assert not found.duplicates and len(side) == 105 and not prepared.notes
    assert all(side[one] == side[other] for one, other in twins)
    assert {side[one] for one, _ in twins} == set(SPLITS)
    digest = prepared.digest
    assert prepare("pets", home).digest == digest and not list(prepared.path.parent.glob(".*.part"))


def test_copies_of_a_test_image_are_left_out_of_training(home, fill, describe):
    root = fill(
        {"train/cat": 20, "train/dog": 20, "val/cat": 5, "val/dog": 5, "test/cat": 6, "test/dog": 6}, suffix=".png"
    )
    copies(
        root,
        [
            ("test/cat/0000.png", "train/cat/a.png"),
            ("test/dog/0001.png", "val/dog/b.png"),
            ("val/cat/0002.png", "train/cat/c.png"),
        ],
    )
    copies(root, [("train/dog/0003.png", "train/dog/d.png")])
    describe("pets", source={"folder": {"path": str(root)}}, together="identical")
    prepared = prepare("pets", home)
    side = sides(prepared)
    assert {"train/cat/a.png", "val/dog/b.png", "train/cat/c.png"}.isdisjoint(side)
    assert side["train/dog/d.png"] == "train" and len(side) == 63
    assert prepared.notes == ["3 images left out: copies of such in the test or the validation part"]
    assert not inspect(prepared).duplicates


def test_with_groups_of_the_source(home, fill, describe):
    """A copy joins the groups of both: four patients in a chain stand on one side."""
    root = fill({"files": 60}, suffix=".png")
    copies(
        root,
        [
            ("files/0003.png", "files/0004.png"),
            ("files/0007.png", "files/0008.png"),
            ("files/0011.png", "files/0012.png"),
        ],
    )
    rows = ["image,label,patient", *(f"files/{n:04}.png,{n // 4 % 2},{n // 4}" for n in range(60))]
    (root / "scans.csv").write_text("\n".join(rows))
    options = {"path": str(root / "scans.csv"), "image": "image", "label": "label", "group": "patient"}
    describe("scans", source={"csv": options}, together="identical")
    prepared = prepare("scans", home)
    assert len({sides(prepared)[f"files/{n:04}.png"] for n in range(16)}) == 1
    assert not inspect(prepared).duplicates and inspect(prepared).split_groups == 0


def table(root, rows, group=None):
    """The source that is a table of (image, label, part, patient)."""
    lines = ["image,label,part,patient", *(",".join(map(str, row)) for row in rows)]
    (root / "scans.csv").write_text("\n".join(lines))
    columns = {"image": "image", "label": "label", "split": "part", **({"group": group} if group else {})}
    return {"csv": {"path": str(root / "scans.csv"), **columns}}


def test_an_image_that_a_table_names_in_two_parts_is_left_out_at_every_resolution(home, fill, describe):
    root = fill({"files": 60}, suffix=".png")
    rows = [(f"files/{n:04}.png", n % 2, "test" if n >= 48 else "train", n) for n in range(60)]
    twice = [(*row[:2], "train", row[3]) for row in rows[50:53]]
    describe("scans", source=table(root, [*rows, *twice]), together="identical")
    first, other = prepare("scans", home), prepare("scans", home, resolution=8)
    assert [other.names(split) for split in SPLITS] == [first.names(split) for split in SPLITS]
    assert sorted(other.names("test")) == [row[0] for row in rows[48:]]


def test_groups_whose_training_images_are_left_out_are_no_leak(home, fill, describe):
    """Patient 12 is in both parts: what it has in the training part is left out."""
    root = fill({"files": 60}, suffix=".png")
    rows = [(f"files/{n:04}.png", n // 4 % 2, "test" if n >= 50 else "train", n // 4) for n in range(60)]
    describe("scans", source=table(root, rows, group="patient"), together="identical")
    prepared = prepare("scans", home)
    told = "2 images left out: copies of such in the test or the validation part, or of one group with them"
    assert prepared.notes == [told] and inspect(prepared).split_groups == 0
    assert {"files/0048.png", "files/0049.png"}.isdisjoint(sides(prepared))


def test_near_copies_on_request(home, fill, describe):
    root = fill({"cat": 30, "dog": 30}, size=(64, 64), suffix=".png")
    for number in range(20):
        image = Image.open(root / f"cat/{number:04}.png").convert("RGB")
        ImageEnhance.Brightness(image).enhance(0.85).save(root / f"cat/darker{number}.png")
    source = {"folder": {"path": str(root)}}
    describe("pets", source=source, together="identical", resolution=32)
    assert inspect(prepare("pets", home)).near_duplicates
    describe("pets", source=source, together="near", resolution=32)
    prepared = prepare("pets", home)
    assert not inspect(prepared).near_duplicates
    side = sides(prepared)
    assert all(side[f"cat/{n:04}.png"] == side[f"cat/darker{n}.png"] for n in range(20))


def test_what_preparing_finds_nearly_one_is_what_is_told_at_every_resolution(home, fill, describe, monkeypatch):
    root = fill({"train/cat": 20, "train/dog": 20, "test/cat": 5, "test/dog": 5}, size=(64, 64), suffix=".png")
    for number in range(3):
        image = Image.open(root / f"train/cat/{number:04}.png")
        ImageEnhance.Brightness(image).enhance(0.85).save(root / f"test/cat/darker{number}.png")
    source = {"folder": {"path": str(root)}}
    describe("pets", source=source, together="near", copies="kept", resolution=32)
    prepared = [prepare("pets", home), prepare("pets", home, resolution=8)]

    def unexpected(image):
        raise AssertionError("looked for again")

    monkeypatch.setattr("archlab.data.near.perceived", unexpected)
    expected = {(f"train/cat/{n:04}.png", f"test/cat/darker{n}.png") for n in range(3)}
    for each in prepared:
        assert {pair.names for pair in inspect(each).near_duplicates} == expected


def test_near_pairs_are_those_and_no_others():
    random = np.random.default_rng(0)
    small = random.integers(0, 256, (12, 5, 5, 3), dtype=np.uint8)
    images = [np.asarray(Image.fromarray(each).resize((32, 32), Image.Resampling.BICUBIC)) for each in small]
    images += [(images[at] * 0.8).astype(np.uint8) for at in (3, 7)]
    assert near_pairs(images).tolist() == [[3, 12], [7, 13]]


def test_how_far_looking_for_near_copies_is_is_told():
    images = np.random.default_rng(0).integers(0, 256, (1100, 8, 8, 3), dtype=np.uint8)
    told = []
    near_pairs(images, lambda *step: told.append(step))
    assert [step for step in told if step[0] == "comparing"] == [("comparing", n, 1100) for n in (500, 1000, 1100)]
    assert [done for step, done, _ in told if step == "looking for copies"] == [1, 501, 1001, 1100]


def test_looking_for_near_copies_takes_some_kilobytes_an_image():
    images = np.random.default_rng(0).integers(0, 256, (1000, 8, 8, 3), dtype=np.uint8)
    near_pairs(images[:2])  # imports
    tracemalloc.start()
    near_pairs(images)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 6000 * len(images)


def test_of_more_near_copies_than_are_compared_each_is_a_pair_with_the_first():
    small = np.random.default_rng(0).integers(0, 256, (81, 5, 5, 3), dtype=np.uint8)
    scene, *others = [np.asarray(Image.fromarray(each).resize((32, 32), Image.Resampling.BICUBIC)) for each in small]
    pairs = near_pairs([*[scene] * 80, *others]).tolist()
    assert {other for one, other in pairs if one == 0} == set(range(1, 80))
    assert max(other for _, other in pairs) < 80


def test_images_that_cannot_be_read_are_no_twins(home, fill, describe):
    root = fill({"cat": 30, "dog": 30}, suffix=".png")
    for number in range(10):
        (root / f"cat/{number:04}.png").write_bytes(b"broken")
    copies(root, [("dog/0001.png", f"dog/copy{n}.png") for n in range(8)])
    describe("pets", source={"folder": {"path": str(root)}}, together="identical")
    prepared = prepare("pets", home, on_unreadable="skip")
    assert len(prepared.manifest["skipped"]) == 10 and not inspect(prepared).duplicates
    assert sum(prepared.counts("train")) + sum(prepared.counts("validation")) + sum(prepared.counts("test")) == 58


def test_images_that_cannot_be_read_are_skipped_whatever_their_group(home, fill, describe):
    """One of every patient: none of them is a copy, and none is a leak where its patient is tested."""
    root = fill({"files": 60}, suffix=".png")
    rows = [(f"files/{n:04}.png", n // 4 % 2, "", n // 4) for n in range(60)]
    source = table(root, rows, group="patient")
    del source["csv"]["split"]
    for number in range(0, 60, 4):
        (root / f"files/{number:04}.png").write_bytes(b"broken")
    describe("scans", source=source, together="identical")
    prepared = prepare("scans", home, on_unreadable="skip")
    assert len(prepared.manifest["skipped"]) == 15 and len(sides(prepared)) == 45
    assert not any("copies" in note or "leak" in note for note in prepared.notes)
    assert inspect(prepared).split_groups == 0


def test_a_class_that_is_only_copies(home, fill, describe):
    root = fill({"train/cat": 9, "test/cat": 3, "test/dog": 3}, suffix=".png")
    shutil.copytree(root / "test/dog", root / "train/dog")
    describe("pets", source={"folder": {"path": str(root)}}, together="identical")
    with pytest.raises(UserError, match="all training images of 'dog' are copies of test or validation images"):
        prepare("pets", home)


def test_a_validation_part_that_is_only_copies(home, fill, describe):
    root = fill({"train/cat": 9, "train/dog": 9, "test/cat": 3, "test/dog": 3}, suffix=".png")
    shutil.copytree(root / "test", root / "val")
    describe("pets", source={"folder": {"path": str(root)}}, together="identical")
    with pytest.raises(UserError, match="all validation images are copies of test images: remove that part"):
        prepare("pets", home)
