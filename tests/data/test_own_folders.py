"""Anybody's own folders of images, with all that people have in them."""

import os
import unicodedata

import numpy as np
import pytest
from PIL import Image

from archlab.data import Expected, add_dataset, entry, images_to_test, prepare
from archlab.data.listing import SPLITS
from archlab.data.own import summary
from archlab.foundation import UserError
from tests.data.published import sizes


def add(home, reader, path, **options):
    return add_dataset("mine", home, reader, {"path": str(path), **options}, {})


def test_a_folder_with_parts(home, fill):
    root = fill({"train/a": 20, "train/b": 20, "val/a": 3, "val/b": 3, "test/a": 5, "test/b": 5})
    described, listing, splits = add(home, "folder", root)
    assert described.resolution == 30 and described.classes == 2
    assert sizes(prepare("mine", home)) == [40, 6, 10]
    assert summary(listing, splits) == ["2 classes, 40 train, 6 validation, 10 test"]


def test_one_folder_a_class(home, fill):
    add(home, "folder", fill({"a": 50, "b": 100}))
    prepared = prepare("mine", home)
    assert sizes(prepared) == [108, 12, 30]
    assert [prepared.counts(split) for split in SPLITS] == [[36, 72], [4, 8], [10, 20]]


@pytest.mark.parametrize(
    ("counts", "sizes_expected"),
    [
        ({"train/a": 20, "train/b": 20, "test/a": 25, "test/b": 25}, [36, 4, 50]),
        ({"train/a": 40, "train/b": 40, "val/a": 5, "val/b": 5}, [64, 10, 16]),
        ({"a": 50, "b": 50}, [72, 8, 20]),
    ],
)
def test_a_plan_before_the_data_counts_with_the_parts_that_a_folder_has(home, fill, counts, sizes_expected):
    described, _, _ = add(home, "folder", fill(counts))
    assert [sum(Expected(described, 8).counts(split)) for split in SPLITS] == sizes_expected
    assert images_to_test("mine", home) == sizes_expected[2]
    prepared = prepare("mine", home, resolution=8)
    assert sizes(prepared) == sizes_expected and not prepared.notes


def test_a_class_called_train(home, fill):
    add(home, "folder", fill({"train": 20, "tram": 20}))
    assert prepare("mine", home).class_names == ["train", "tram"]


def test_folders_below_a_class_and_other_files(home, fill):
    root = fill({"a/deep/down": 10, "a": 5, "b": 10, ".hidden": 3, "a/.cache": 2})
    (root / "b" / "notes.txt").write_text("no image")
    (root / "b" / ".DS_Store").write_text("nor this")
    (root / "README.md").write_text("nor this")
    _, listing, splits = add(home, "folder", root)
    assert len(listing.labels) == 25
    assert "left out, since they are no images of a known format: 1 .txt" in summary(listing, splits)


@pytest.mark.parametrize(
    ("counts", "message"),
    [
        ({}, "expected a folder of images for each class"),
        ({"a": 9, "b": 0}, "b: holds no images: an empty class cannot be learnt"),
        ({"train/a": 9, "train/b": 9, "test/a": 3, "test/c": 3}, "the class 'c' has images only in the test part"),
        ({"test/a": 9, "val/a": 9}, "has test and val but no train folder"),
        ({"train/a": 9, "val/a": 2, "valid/a": 2}, "both hold the validation part"),
        ({"a": 1, "b": 1}, "too few images"),
    ],
)
def test_folders_that_are_refused(home, fill, tmp_path, counts, message):
    (tmp_path / "photos").mkdir()
    with pytest.raises(UserError, match=message):
        add(home, "folder", fill(counts))
    with pytest.raises(UserError):
        entry("mine", home)


def test_images_at_the_top_alone_are_refused(home, fill):
    with pytest.raises(UserError, match="expected a folder of images for each class"):
        add(home, "folder", fill({".": 5}))


def test_a_folder_that_is_not_there(home, tmp_path):
    with pytest.raises(UserError, match=r"nowhere: there is no such folder"):
        add(home, "folder", tmp_path / "nowhere")


def test_none_can_be_read(home, tmp_path):
    for name in ("a", "b"):
        (tmp_path / "photos" / name).mkdir(parents=True)
        for number in range(5):
            (tmp_path / "photos" / name / f"{number}.png").write_bytes(b"nothing")
    with pytest.raises(UserError, match="none of the images can be read"):
        add(home, "folder", tmp_path / "photos")


def test_of_sixteen_bits_of_which_twelve_are_used_the_brightest_of_these_is_white(home, fill):
    root = fill({"a": 20, "b": 20}, suffix=".png")
    for path in root.rglob("*.png"):
        Image.fromarray(np.asarray(Image.open(path).convert("L")).astype(np.uint16) * 16).save(path)
    described, _, _ = add(home, "folder", root)
    assert described.white == entry("mine", home).white == 4095
    assert prepare("mine", home).images("train").max() > 100
    given, _, _ = add_dataset("wide", home, "folder", {"path": str(root)}, {"white": 65535})
    assert given.white == 65535


def test_one_image_classes_train_and_are_pointed_out(home, fill):
    _, listing, splits = add(home, "folder", fill({"many": 200, "few": 2, "one": 1}))
    lines = summary(listing, splits)
    assert "uneven: 200 of 'many', 1 of 'one'; see the balanced accuracy" in lines
    assert "too few images for test: one" in lines and "too few images for validation: few, one" in lines
    prepared = prepare("mine", home)
    assert prepared.class_names == ["few", "many", "one"] and prepared.counts("train")[2] == 1
    assert "no images in validation of 2 classes: few, one" in prepared.notes
    assert "no images in test of 1 class: one" in prepared.notes


def test_one_class_is_none(home, fill):
    with pytest.raises(UserError, match=r"^mine has one class, 'photos': there is nothing to tell apart"):
        add(home, "folder", fill({"photos": 20}))
    assert not list(home.rglob("mine.yaml"))


@pytest.mark.slow
def test_names_beyond_ascii(home, tmp_path, make_picture):
    for part, form in (("train", "NFC"), ("test", "NFD")):  # as macOS and others write the same name
        for name in ("Ährenfeld", "日本"):
            folder = tmp_path / part / unicodedata.normalize(form, name)
            folder.mkdir(parents=True)
            for number in range(12):
                make_picture(number).save(folder / f"{number} ü 🌾.png")
    add(home, "folder", tmp_path)
    prepared = prepare("mine", home, workers=2)
    assert prepared.class_names == ["Ährenfeld", "日本"] and sizes(prepared) == [22, 2, 24]


def test_file_names_that_are_no_text(home, fill):
    root = fill({"a": 20, "b": 20})
    (root / "a/0000.jpg").rename(os.fsdecode(os.fsencode(root / "a") + b"/\xff\xfe.jpg"))
    add(home, "folder", root)
    assert sum(sizes(prepare("mine", home))) == 40


def test_a_folder_whose_name_is_no_text(home, fill):
    root = fill({"a": 20, "b": 20})
    odd = root.rename(os.fsdecode(os.fsencode(root) + b"\xff"))
    with pytest.raises(UserError, match=r"^a path, or what else is given, is no text in UTF-8"):
        add(home, "folder", odd)


def test_an_entry_that_does_not_say_where_its_images_are(home, describe):
    for source in ("indoor67", "folder", {"ham10000": {"split": "image"}}):
        describe("mine", source=source)
        with pytest.raises(
            UserError, match=r"mine\.yaml:1: mine: its entry does not say where its images are: pass --from"
        ):
            prepare("mine", home)


def test_an_entry_may_say_what_folder_is_the_test_part(home, fill, describe):
    root = fill({"train/a": 10, "train/b": 10, "val/a": 3, "val/b": 3})
    describe("mine", source={"folder": {"path": str(root), "test": "val"}})
    assert sizes(prepare("mine", home)) == [18, 2, 6]


def test_all_kinds_of_images_in_one_folder(home, tmp_path, make_picture):
    picture = make_picture(0)
    exif = Image.Exif()
    exif[0x0112] = 6
    kinds = {
        "grey.png": (picture.convert("L"), {}),
        "alpha.png": (picture.convert("RGBA"), {}),
        "palette.gif": (picture.quantize(16), {}),
        "cmyk.jpg": (picture.convert("CMYK"), {}),
        "turned.jpg": (picture, {"exif": exif}),
        "wide.png": (Image.fromarray(np.arange(1200, dtype=np.uint16).reshape(30, 40) * 50), {}),
        "moving.webp": (picture, {"save_all": True, "append_images": [make_picture(1)]}),
        "BIG.JPEG": (picture.resize((2000, 1500)), {}),
        "plain.bmp": (picture, {}),
        "scan.tiff": (picture, {}),
    }
    for name in ("a", "b"):
        (tmp_path / "photos" / name).mkdir(parents=True)
        for file, (image, options) in kinds.items():
            image.save(tmp_path / "photos" / name / file, **options)
    add(home, "folder", tmp_path / "photos")
    prepared = prepare("mine", home)
    assert sum(sizes(prepared)) == 20 and not prepared.notes


def test_names_that_are_taken(home, fill):
    root = fill({"a": 10, "b": 10})
    options = {"path": str(root)}
    with pytest.raises(UserError, match=r"called 'digits' already$"):
        add_dataset("digits", home, "folder", options, {}, replace=True)
    add_dataset("mine", home, "folder", options, {})
    with pytest.raises(UserError, match="called 'mine' already; --replace"):
        add_dataset("mine", home, "folder", options, {})
    add_dataset("mine", home, "folder", options, {"title": "anew"}, replace=True)
    assert entry("mine", home).title == "anew"


def test_a_name_that_is_no_name(home, fill):
    with pytest.raises(UserError, match="name must be letters"):
        add_dataset("my leaves/2", home, "folder", {"path": str(fill({"a": 10, "b": 10}))}, {})
