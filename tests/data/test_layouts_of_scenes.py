"""MIT Indoor-67, MiniPlaces and Imagenette as people have them: in parts, in class folders, with fewer lists."""

import os

import pytest

from archlab.foundation import UserError
from tests.data.layouts import FEW, PACKINGS, SCENES, classes_by_name, in_classes, packed, write, zipped
from tests.data.published import sizes

# MIT Indoor-67


@pytest.mark.parametrize("how", FEW)
@pytest.mark.parametrize("parts", [("train", "test"), ("Training", "val")])
def test_indoor67_in_parts(little, tmp_path, how, parts):
    root = write(
        tmp_path / "indoor", {**in_classes(SCENES, f"{parts[0]}/", 10), **in_classes(SCENES, f"{parts[1]}/", 2, 10)}
    )
    prepared = little("indoor67", packed(root, how, tmp_path), images={})
    assert prepared.class_names == list(SCENES) and sizes(prepared) == [27, 3, 6] and not prepared.notes
    assert all(f"{parts[1]}/" in name for name in prepared.names("test"))


def test_indoor67_in_an_archive_for_each_part(little, tmp_path):
    """train.zip holds train/, test.zip the classes themselves."""
    (tmp_path / "indoor").mkdir()
    zipped(write(tmp_path / "a", in_classes(SCENES, "train/", 10)), tmp_path / "indoor" / "train.zip")
    zipped(write(tmp_path / "b", in_classes(SCENES, "", 2, 10)), tmp_path / "indoor" / "test.zip")
    prepared = little("indoor67", tmp_path / "indoor")
    assert prepared.class_names == list(SCENES) and sizes(prepared) == [27, 3, 6]


@pytest.mark.parametrize("how", PACKINGS)
def test_indoor67_in_class_folders(little, tmp_path, how):
    root = write(tmp_path / "indoor", in_classes(SCENES, "Images/" if how == "tar" else "", 10))
    prepared = little("indoor67", packed(root, how, tmp_path), images={})
    assert prepared.class_names == list(SCENES) and sizes(prepared) == [21, 3, 6]
    assert prepared.notes == [
        "without TrainImages.txt and TestImages.txt (http://web.mit.edu/torralba/www/) the test part is drawn at random"
    ]


@pytest.mark.parametrize("how", FEW)
def test_indoor67_in_class_folders_with_lists(little, tmp_path, how):
    trained = "\n".join(f"{scene}/{n}.png" for scene in SCENES for n in range(4))
    lists = {
        "lists/TrainImages.txt": trained.encode("utf-8-sig"),
        "lists/TestImages.txt": "\n".join(f"{scene}/{n}.png" for scene in SCENES for n in (8, 9)).encode(),
    }
    source = packed(write(tmp_path / "indoor", {**in_classes(SCENES, "", 10), **lists}), how, tmp_path)
    prepared = little("indoor67", source, images={})
    assert sizes(prepared) == [9, 3, 6] and not prepared.notes
    assert {name.rpartition("/")[2] for name in prepared.names("test")} == {"8.png", "9.png"}


def test_indoor67_that_cannot_be_read(little, tmp_path):
    root = write(tmp_path / "indoor", {**in_classes(SCENES), "TrainImages.txt": b"bar/1.png\n"})
    with pytest.raises(UserError, match=rf"^{root}: TestImages.txt is missing beside the other list: it is at http:"):
        little("indoor67", root)
    with pytest.raises(UserError, match=r"no MIT Indoor-67 here: expected a folder of images for each scene"):
        little("indoor67", write(tmp_path / "empty", {"readme.txt": b"nothing"}))
    with pytest.raises(UserError, match=r"the catalogue says 67 classes, the source has 3"):
        little("indoor67", write(tmp_path / "three", in_classes(SCENES)), classes=67)


# MiniPlaces

PLACES = ("a/abbey", "b/bakery/shop", "y/yard")
FLAT = ("abbey", "bakery-shop", "yard")


def places(root, *lists, classes=PLACES):
    """Training images in folders, ten validation images of each category in one, in turn; and `lists` of these."""
    known = {
        "categories.txt": [f"/{name} {number}" for number, name in enumerate(classes)],
        "train.txt": [f"train/{name}/{n}.png {number}" for number, name in enumerate(classes) for n in range(10)],
        "val.txt": [f"val/{n:08}.png {n % 3}" for n in range(1, 31)],
    }
    files = {f"{where}": "\n".join(known[where.rpartition("/")[2]]).encode() for where in lists}
    validation = {f"images/val/{n:08}.png": 5000 + n for n in range(1, 31)}
    unlabelled = {f"images/test/{n:08}.png": 7000 + n for n in range(1, 4)}
    return write(root, {**in_classes(classes, "images/train/", 10), **validation, **unlabelled, **files})


def assert_places(prepared):
    assert sizes(prepared) == [27, 3, 30]
    for name, category in classes_by_name(prepared).items():
        if "val/" in name:
            expected = prepared.class_names[int(name[-12:-4]) % 3]
        else:
            expected = name.split("train/")[1].rpartition("/")[0].split("/", 1)[-1]
        assert category == expected


@pytest.mark.parametrize("how", PACKINGS)
@pytest.mark.parametrize(
    "lists",
    [("categories.txt", "train.txt", "val.txt"), ("train.txt", "val.txt"), ("kit/data/val.txt",), ("images/val.txt",)],
)
def test_miniplaces_with_fewer_lists(little, tmp_path, how, lists):
    prepared = little("miniplaces", packed(places(tmp_path / "places", *lists), how, tmp_path))
    assert prepared.class_names == ["abbey", "bakery/shop", "yard"]
    assert_places(prepared)


def test_100places_with_its_list(little, tmp_path):
    """As the authors' loader reads it: a folder a class, and val.txt beside them."""
    prepared = little("miniplaces", places(tmp_path / "100places", "images/val.txt", classes=FLAT))
    assert prepared.class_names == list(FLAT) and sizes(prepared) == [27, 3, 30]


@pytest.mark.parametrize("how", FEW)
@pytest.mark.parametrize("classes", [PLACES, FLAT])
@pytest.mark.parametrize("held_out", ["test", "val"])
def test_miniplaces_in_parts(little, tmp_path, how, classes, held_out):
    files = {**in_classes(classes, "train/", 10), **in_classes(classes, f"{held_out}/", 3, 10)}
    prepared = little("miniplaces", packed(write(tmp_path / "places", files), how, tmp_path), images={})
    assert sizes(prepared) == [27, 3, 9] and not prepared.notes
    assert prepared.class_names == [name.removeprefix("a/").removeprefix("b/").removeprefix("y/") for name in classes]


@pytest.mark.parametrize("how", FEW)
@pytest.mark.parametrize("classes", [("a/abbey", "a/airport", "b/bakery/shop"), FLAT])
def test_miniplaces_in_class_folders(little, tmp_path, how, classes):
    source = packed(write(tmp_path / "places", in_classes(classes, "", 10)), how, tmp_path)
    prepared = little("miniplaces", source, images={})
    assert len(prepared.class_names) == 3 and sizes(prepared) == [21, 3, 6]
    assert prepared.notes == ["without val/ and val.txt the test part is drawn at random"]


def test_miniplaces_with_lists_as_editors_save_them(little, tmp_path):
    root = places(tmp_path / "places", "train.txt", "val.txt")
    for name in ("train.txt", "val.txt"):
        (root / name).write_text((root / name).read_text(), encoding="utf-8-sig", newline="\r\n")
    assert_places(little("miniplaces", root))
    (root / "val.txt").write_text("val/00000001.png 3\n", encoding="utf-16")
    with pytest.raises(UserError, match=r"val\.txt:1: expected a name and a number"):
        little("miniplaces", root)


def test_miniplaces_that_cannot_be_read(little, tmp_path):
    root = places(tmp_path / "places", "train.txt")
    with pytest.raises(
        UserError, match=rf"^{root}: val.txt, which says what the images in val/ show, is missing: it is at"
    ):
        little("miniplaces", root)
    (root / "val.txt").write_text(f"val/00000001.png {'9' * 5000}\n")
    with pytest.raises(UserError, match=r"val\.txt:1: expected a name and a number"):
        little("miniplaces", root)
    (root / "val.txt").write_text("val/00000001.png 3\n")
    with pytest.raises(UserError, match=r"val/00000001.png has class 3, of 3"):
        little("miniplaces", root)
    (root / "categories.txt").write_text("/a/abbey 0\n/b/bakery/shop 1\n/y/yard 3\n")
    with pytest.raises(UserError, match=r"categories.txt: the numbers of its 3 categories are not 0 to 2"):
        little("miniplaces", root)
    with pytest.raises(UserError, match=r"no MiniPlaces here: expected images/train and images/val"):
        little("miniplaces", write(tmp_path / "empty", {"readme.txt": b"nothing"}))


def test_a_pipe_for_a_list_is_not_waited_for(little, tmp_path):
    indoor = write(tmp_path / "indoor", {**in_classes(SCENES), "TestImages.txt": b"bar/1.png\n"})
    os.mkfifo(indoor / "TrainImages.txt")
    with pytest.raises(UserError, match=r"TrainImages\.txt: is a pipe or a device"):
        little("indoor67", indoor)
    mini = places(tmp_path / "places")
    os.mkfifo(mini / "val.txt")
    with pytest.raises(UserError, match=r"val\.txt: is a pipe or a device"):
        little("miniplaces", mini)


# Imagenette, and what is no archive of any


def test_imagenette_packed_anew(little, tmp_path):
    root = write(tmp_path / "nette", {**in_classes(SCENES, "train/", 10), **in_classes(SCENES, "val/", 3, 10)})
    assert sizes(little("imagenette", packed(root, "zip", tmp_path))) == [27, 3, 9]


def test_a_file_that_is_no_archive(little, tmp_path):
    (tmp_path / "notes.txt").write_text("nothing")
    with pytest.raises(UserError, match=r"notes\.txt: expected indoorCVPR_09\.tar"):
        little("indoor67", tmp_path / "notes.txt")


def test_a_list_without_its_images(little, tmp_path):
    (tmp_path / "TrainImages.txt").write_text("bar/1.png")
    with pytest.raises(UserError, match=r"indoorCVPR_09\.tar is missing: it is at http"):
        little("indoor67", tmp_path / "TrainImages.txt")
