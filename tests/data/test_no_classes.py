"""Folders that hold images and are no classes, and what the names of images and of classes tell."""

import shutil

import pytest

from archlab.data import add_dataset, prepare
from archlab.data.listing import SPLITS
from archlab.data.readers.doubts import doubts
from archlab.foundation import UserError
from tests.data.conftest import picture
from tests.data.test_odd_folders import found, sizes

COPIES = "0123456789abcdef" * 2


@pytest.mark.parametrize(
    ("counts", "files", "words"),
    [
        (
            {"train": 4, "test": 2},
            ("train.csv",),
            r"test/ and train/ hold no folders of classes: .*--csv.; train\.csv may be",
        ),
        (
            {"training": 4, "testing": 2},
            ("info.labels",),
            r"testing/ and training/ hold no .*; info\.labels may be one$",
        ),
        ({"train_images": 4, "valid_images": 2, "more": 1}, (), r"need a table of classes \(--csv\)$"),
        ({"my_train": 4, "my_test": 2}, (), "my_test/ and my_train/ hold no folders of classes"),
        ({"train/a": 4, "train/b": 4, "val/images": 4}, (), "val/images: is called as all images are, not as a class"),
        (
            {"images/a": 4, "images/b": 4, "lists": 0},
            (),
            r"/images: is called .*: name it where it holds the folders of",
        ),
        ({"fold0": 4, "fold1": 4}, (), r"holds folds \(fold0, fold1\), which are no classes"),
        ({f"Fold {n}/{name}": 2 for n in range(5) for name in "ab"}, (), "Fold 0, Fold 1, Fold 2 and 2 more"),
    ],
)
def test_folders_that_are_no_classes_are_refused(fill, counts, files, words):
    root = fill(counts)
    for name in files:
        (root / name).write_text("")
    with pytest.raises(UserError, match=words):
        found(root)


@pytest.mark.parametrize(
    "counts",
    [
        {"bus": 2, "car": 2, "test": 2, "train": 2},
        {"cat": 2, "eval": 2, "val": 2},
        {"cat": 2, "dog": 2, "eval/deep": 2},
        {"flat": 2, "fold1": 2},
        {"a": 2, "b": 2, "other/a": 2, "other/b": 2},
        {"mask": 2, "no_mask": 2},
    ],
)
def test_folders_called_so_may_be_classes(fill, counts):
    listing = found(fill(counts))
    assert listing.class_names == tuple(dict.fromkeys(name.partition("/")[0] for name in counts))


@pytest.mark.parametrize("counts", [{"image": 4, "text": 4}, {"train/image": 4, "train/text": 4, "val/image": 2}])
def test_a_class_called_as_all_images_are_is_told(fill, counts):
    root = fill(counts)
    listing, place = found(root), root / next(iter(counts))
    told = "if it is no class, name it where it holds the folders of classes; else its images need a table of classes (--csv)"
    assert listing.class_names == ("image", "text")
    assert listing.notes == (f"{place} is called as all images are: {told}",)


def test_a_second_copy_of_all_is_no_class(fill):
    root = fill({"a": 4, "b": 4})
    for name in "ab":
        shutil.copytree(root / name, root / "photos" / name)
    with pytest.raises(UserError, match=r"photos/photos: holds .* beside it \(a, b\), .* move it away"):
        found(root)


def test_no_folder_of_a_class_is_read_twice_for_its_name(fill, scanned):
    found(fill({"a": 2, "b": 2, "c": 2}))
    assert [scanned.count(name) for name in "abc"] == [2, 1, 1]


def test_eval_beside_a_test_part_stays_as_it_is(fill):
    root = fill({f"{part}/{name}": 2 for part in ("train", "test", "eval") for name in "ab"})
    listing = found(root)
    assert sizes(listing) == {"test": 4, "train": 4}
    assert listing.notes == (f"4 images in no class's folder were left out, {root}/eval/a/0000.jpg for one",)


def test_what_may_tell_the_classes_of_a_flat_folder(fill):
    root = fill({".": 8})
    for number, path in enumerate(sorted(root.glob("*.jpg"))):
        path.rename(root / f"{('cat', 'great_dane')[number % 2]}_{number}.jpg")
    (root / "labels.csv").write_text("")
    words = r"expected .* \(--csv\); labels\.csv may be one; if names begin with the class \(cat, great_dane\), move"
    with pytest.raises(UserError, match=words):
        found(root)


def test_one_class_beside_a_table(home, fill):
    root = fill({"images": 8})
    (root / "labels.csv").write_text("")
    with pytest.raises(UserError, match=r"apart; a table of classes is given by --csv; labels\.csv may be one$"):
        add_dataset("mine", home, "folder", {"path": str(root)}, {})


@pytest.mark.parametrize(
    ("train", "test"),
    [
        ("train/train", "test/test"),
        ("train/images", "test/images"),
        ("seg_train/seg_train", "seg_test/seg_test"),
        ("photos/images/training", "photos/images/evaluation"),
    ],
)
def test_parts_a_level_deeper(fill, train, test):
    listing = found(fill({f"{part}/{name}": count for part, count in ((train, 4), (test, 2)) for name in "ab"}))
    assert listing.class_names == ("a", "b") and sizes(listing) == {"train": 8, "test": 4} and not listing.notes


def test_images_beside_parts_a_level_deeper_are_told(fill):
    root = fill({f"seg_{part}/seg_{part}/{name}": 2 for part in ("train", "test") for name in "ab"} | {"seg_pred/x": 3})
    told = f"3 images in no class's folder were left out, {root}/seg_pred/x/0000.jpg for one"
    assert found(root).notes == (told,)


def test_what_disks_of_a_network_keep_is_no_class(fill):
    assert found(fill({"a": 2, "b": 2, "#recycle": 1, "@Recycle": 1})).class_names == ("a", "b")


def test_archives_and_arrays_are_to_be_unpacked(fill):
    root = fill({"a": 2, "b": 0})
    (root / "b" / "b-samples.zip").write_bytes(b"")
    with pytest.raises(
        UserError, match=r"1 \.zip: an empty class cannot be learnt, what is in archives counts once they are"
    ):
        found(root)
    shutil.rmtree(root)
    fill({".": 0})
    (root / "all.npz").write_bytes(b"")
    with pytest.raises(UserError, match="images in arrays and records count once they are written as PNG"):
        found(root)


# names


def test_blanks_around_the_name_of_a_class_are_none_of_it(fill):
    listing = found(fill({"train/a ": 4, "train/b": 4, "test/a": 2, "test/b": 2}))
    assert listing.class_names == ("a", "b")


def test_masks_of_images_are_left_out(fill):
    root = fill({"a": 3, "b": 3})
    for name in ("a/0000_mask.png", "a/0000_mask_1.png", "b/0002-seg.png", "b/gas_mask.png"):
        picture(9).convert("1").save(root / name)
    listing = found(root)
    told = f"3 images called as masks of others were left out, {root}/a/0000_mask.png for one"
    assert listing.notes == (told,) and len(listing.labels) == 7 and "b/gas_mask.png" in listing.images.names


@pytest.mark.parametrize("drawn", [False, True])
def test_images_called_as_masks_that_are_as_the_others_stay(fill, drawn):
    root = fill({"mask": 3, "no_mask": 3}, suffix=".png")
    picture(9).save(root / "mask/0000_mask.png")
    for path in root.rglob("*.png") if drawn else ():
        picture(9).convert("1").save(path)
    listing = found(root)
    assert len(listing.labels) == 7 and not listing.notes


@pytest.mark.parametrize("called", ["{}_aug_{}", f"{{}}_jpg.rf.{{}}{COPIES[1:]}"])
def test_augmented_copies_stay_on_one_side(home, fill, called):
    root = fill({"a": 10, "b": 10})
    for path in sorted(root.rglob("*.jpg")):
        for number in range(3):
            picture(100 + number).save(path.with_stem(called.format(path.stem, number)))
        if ".rf." in called:
            path.unlink()
    _, listing, _ = add_dataset("mine", home, "folder", {"path": str(root)}, {})
    assert len(set(listing.groups)) == 20
    assert len(listing.notes) == 1 and "called as copies of others (a/0000" in listing.notes[0]
    prepared = prepare("mine", home, resolution=8)
    sides = [{name[:6] for name in prepared.names(split)} for split in SPLITS]
    assert all(sides) and sum(map(len, sides)) == 20


def test_of_exports_one_that_has_copies_is_named(fill):
    """As Roboflow augments training images alone."""
    root = fill({"test/a": 1, "test/b": 1, "train/a": 2, "train/b": 2})
    for number, path in enumerate(sorted(root.rglob("*.jpg"))):
        path.rename(path.with_stem(f"0000_jpg.rf.{COPIES}{number}"))
    assert found(root).notes[0].startswith("2 images called as copies of others (train/a/0000_jpg.rf.")


def test_augmented_copies_of_what_is_not_there_are_told(fill):
    root = fill({"a": 3, "b": 3})
    (root / "a/0000.jpg").rename(root / "a/cat_aug_1.jpg")
    listing = found(root)
    told = "1 image called as copies of what is not there (a/cat_aug_1.jpg for one)"
    assert listing.groups is None and listing.notes[0].startswith(told)


def test_names_of_exports_without_copies_are_names(fill):
    root = fill({"a": 2, "b": 2})
    for path in sorted(root.rglob("*.jpg")):
        path.rename(path.with_stem(f"{path.stem}_jpg.rf.{COPIES}"))
    listing = found(root)
    assert listing.groups is None and not listing.notes


def test_a_class_called_test_is_told(fill):
    told = "the class 'test' is learned as any other: leave its images out if it is none"
    assert found(fill({"cat": 3, "dog": 3, "test": 3})).notes == (told,)


@pytest.mark.parametrize(
    ("names", "words"),
    [
        (("cat", "Unlabeled"), "the class 'Unlabeled' is learned as any other"),
        (("complex", "rust", "scab", "scab rust"), "1 class is several others at once, 'scab rust' for one"),
        (("cat", "cat, dog", "dog"), "'cat, dog' for one"),
        (("cat", "dog", '{"choices":["cat","dog"]}'), "1 class is several others"),
        (("0", "16", "16 0", "0|16"), "2 classes are several others at once, '16 0' for one"),
        (("Cat", "cat"), "the classes 'Cat' and 'cat' differ in capitals alone"),
    ],
)
def test_classes_that_may_be_none(names, words):
    (told,) = doubts(names)
    assert words in told


def test_classes_that_are_some():
    assert not [*doubts(("background", "other", "train", "black bear", "bear", "0", "5", "0,5"))]
