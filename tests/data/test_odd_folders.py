"""Folders that are nearly those that are read: parts by other names, levels between, what is hidden, linked or locked."""

import os
import shutil
from pathlib import Path

import pytest

from archlab.data import Entry, ImageFiles, add_dataset
from archlab.data.own import summary
from archlab.data.reading import read_source
from archlab.foundation import UserError


def found(root, reader="folder", **options):
    about = Entry("mine", "mine", "own", 2, 8, "none", reader, {"path": str(root), **options})
    return read_source(about, None)


def sizes(listing):
    return {part: int((listing.splits == part).sum()) for part in sorted(set(listing.splits))}


@pytest.fixture
def locked(monkeypatch):
    """locked(path) makes a folder one that may not be read, for root too."""

    def locked(path):
        def scandir(place, scan=os.scandir):
            if Path(place) == path:
                raise PermissionError(13, "Permission denied", str(place))
            return scan(place)

        monkeypatch.setattr(os, "scandir", scandir)

    return locked


@pytest.mark.parametrize(
    ("train", "test", "validation"),
    [
        ("training_set", "test_set", "validation_set"),
        ("Train_Images", "testing-images", "val images"),
        ("training data", "testdata", "valid-dataset"),
    ],
)
def test_parts_by_longer_names(fill, train, test, validation):
    counts = {train: 4, test: 2, validation: 1}
    listing = found(fill({f"{part}/{name}": count for part, count in counts.items() for name in ("a", "b")}))
    assert listing.class_names == ("a", "b") and not listing.notes
    assert sizes(listing) == {"train": 8, "test": 4, "validation": 2}


def test_longer_names_of_images_alone_are_classes(fill):
    assert found(fill({"train_set": 2, "tram_set": 2})).class_names == ("train_set", "tram_set")


def test_the_same_folders_in_every_class_are_told(fill):
    """They may be magnifications of two kinds of tissue, or two classes at two places."""
    listing = found(fill({f"{name}/{power}": 2 for name in ("benign", "malignant") for power in ("100X", "40X")}))
    told = "the images lie in folders within those of the classes (benign: 100X, 40X); if these are the classes, move them up"
    assert listing.class_names == ("benign", "malignant") and listing.notes == (told,)


def test_parts_in_every_class_are_refused(fill):
    root = fill({f"{name}/{part}": 2 for name in ("nut", "screw") for part in ("train", "test")})
    with pytest.raises(UserError, match="the classes must be in the parts, as in test/nut"):
        found(root)


def test_folders_beside_images_of_a_class_say_nothing(fill):
    assert not found(fill({"a/x": 2, "a/y": 2, "b": 2, "b/x": 1, "b/y": 1})).notes
    shutil.rmtree(fill({}))
    assert not found(fill({"a/images": 2, "b/images": 2})).notes


def test_notes_beside_images_are_no_folders_of_classes(fill):
    root = fill({"a/images": 2, "b/images": 2})
    for name in "ab":
        (root / name / "boxes").mkdir()
        (root / name / "boxes" / "0.xml").write_text("<x/>")
    assert found(root).class_names == ("a", "b")


def test_a_level_between_is_told(home, fill):
    root = fill({f"{kind}/{name}": 5 for kind, name in (("animals", "cat"), ("animals", "dog"), ("plants", "oak"))})
    _, listing, splits = add_dataset("mine", home, "folder", {"path": str(root)}, {})
    told = "the images lie in folders within those of the classes (animals: cat, dog); if these are the classes, move them up"
    assert listing.class_names == ("animals", "plants") and told in summary(listing, splits)


def test_a_class_called_train_may_have_a_folder(fill):
    listing = found(fill({"cat": 3, "dog": 3, "train": 3, "train/steam": 2}))
    assert listing.class_names == ("cat", "dog", "train") and not listing.notes
    assert list(listing.labels).count(2) == 5


def test_a_folder_that_cannot_be_read(fill, locked):
    root = fill({"a": 2, "b/deep": 2, "c": 2})
    locked(root / "b" / "deep")
    with pytest.raises(UserError, match=r"photos/b/deep: cannot be read: Permission denied$"):
        found(root)


@pytest.mark.parametrize("place", [".", "a"])
def test_a_folder_of_classes_that_cannot_be_read(fill, locked, place):
    root = fill({"a": 2, "b": 2})
    locked(root / place)
    with pytest.raises(UserError, match=r"cannot be read: Permission denied$"):
        found(root)


def test_a_folder_beside_the_parts_that_cannot_be_read_is_told(fill, locked):
    root = fill({f"{part}/{name}": 2 for part in ("train", "test") for name in "ab"} | {"more": 1})
    locked(root / "more")
    assert found(root).notes == (f"{root}/more: cannot be read: Permission denied",)


def test_what_a_system_keeps_is_no_class(fill):
    root = fill({"a": 2, "b": 2, "$RECYCLE.BIN": 1})
    (root / "lost+found").mkdir()
    assert found(root).class_names == ("a", "b")


def test_a_class_of_unknown_kinds_is_to_be_converted(fill):
    root = fill({"a": 2})
    (root / "b").mkdir()
    for number in range(3):
        (root / "b" / f"{number}.dng").write_bytes(b"x")
    with pytest.raises(
        UserError, match=r"b: holds no images of a known format, but 3 \.dng: an empty class .*once .* converted"
    ) as told:
        found(root)
    assert "remove" not in str(told.value)


def test_links_in_a_class_are_followed_once(fill, tmp_path):
    root = fill({"a": 2, "b": 2})
    away = fill({"more": 3, "more/deep": 1}, root=tmp_path / "away")
    (root / "a" / "more").symlink_to(away / "more")
    (root / "a" / "again").symlink_to(away / "more" / "deep")
    (root / "a" / "self").symlink_to(root / "a")
    (root / "a" / "up").symlink_to(root)
    listing = found(root)
    assert len(listing.images.names) == 8 and not listing.notes
    assert "a/more/0000.jpg" in listing.images.names
    with listing.images.open(listing.images.names.index("a/more/0002.jpg")) as image:
        assert image.size == (40, 30)


def test_a_class_that_is_a_link_to_all_is_refused(fill):
    root = fill({"a": 2, "b": 2})
    (root / "all").symlink_to(root)
    with pytest.raises(UserError, match="all: is a link to a folder that holds it: remove the link"):
        found(root)


def test_links_that_lead_nowhere_are_told(fill):
    root = fill({"a": 2, "b": 2})
    for name, target in (("c", "gone"), ("d", "d")):
        (root / name).symlink_to(target)
    assert found(root).notes == tuple(f"{root}/{name} is a link that leads nowhere" for name in "cd")


def test_hidden_classes_are_told(fill):
    silent = ("__MACOSX", ".git", ".ipynb_checkpoints", "@eaDir", ".Trash-1000")
    root = fill({"a": 2, "b": 2, ".net": 2, "__background__": 1, **dict.fromkeys(silent, 1)})
    (root / ".empty").mkdir()
    told = f"3 images in folders whose names begin with a dot or with __ were left out, {root}/.net/0000.jpg for one"
    assert found(root).notes == (told,)


def test_jfif_is_jpeg(fill):
    assert len(found(fill({"a": 2, "b": 2}, suffix=".jfif")).labels) == 4


def test_a_file_that_may_not_be_read_is_another_once_it_may(fill, monkeypatch):
    root = fill({"a": 2})
    images = ImageFiles(root, ["a/0000.jpg", "a/0001.jpg"])
    readable = images.fingerprint()
    with monkeypatch.context() as patch:
        patch.setattr(os, "access", lambda path, mode: not path.endswith("0001.jpg"))
        locked = images.fingerprint()
    (root / "a/0001.jpg").unlink()
    assert locked == images.fingerprint() != readable


def test_one_image_beside_is_one_image(fill):
    root = fill({"a": 2, "b": 2, ".": 1})
    assert found(root).notes == (f"1 image in no class's folder was left out, {root}/0000.jpg for one",)


# Tables among the folders


def metadata(root, part, files):
    lines = ["file_name,label", *(f"{file},{'ab'[n % 2]}" for n, file in enumerate(files))]
    (root / part / "metadata.csv").write_text("\n".join(lines))


def test_parts_with_metadata_may_be_called_as_others_are(fill):
    from archlab.data.given import source_given

    root = fill({"Train": 4, "Test_Set": 2})
    for part, count in (("Train", 4), ("Test_Set", 2)):
        metadata(root, part, [f"{n:04}.jpg" for n in range(count)])
    reader, options = source_given({"folder": root}, {})
    assert reader == "metadata"
    assert sizes(found(root, reader, label=options["label"])) == {"train": 4, "test": 2}
    fill({"training": 2})
    metadata(root, "training", ["0000.jpg", "0001.jpg"])
    with pytest.raises(UserError, match=r"Train/ and training/ both hold a metadata\.csv of the train part"):
        found(root, reader, label="label")


def test_metadata_for_all_leaves_the_parts_as_they_are(fill):
    root = fill({"train": 6, "test": 4, "Val/deep": 2})
    metadata(root, ".", [str(file.relative_to(root)) for file in sorted(root.rglob("*.jpg"))])
    assert sizes(found(root, "metadata", label="label")) == {"test": 4, "train": 6, "validation": 2}
    lines = ["file_name,label,part", *(f"train/{n:04}.jpg,{n % 2},{'test' if n > 3 else 'train'}" for n in range(6))]
    (root / "metadata.csv").write_text("\n".join([*lines, "test/0000.jpg,0,train"]))
    assert sizes(found(root, "metadata", label="label", split="part")) == {"test": 2, "train": 5}


def test_folders_of_metadata_for_all_are_no_parts_without_training(fill):
    root = fill({"control": 4, "test": 4})
    metadata(root, ".", [f"{folder}/{n:04}.jpg" for folder in ("control", "test") for n in range(4)])
    assert sizes(found(root, "metadata", label="label")) == {"": 8}


def test_a_part_without_metadata_is_not_left_out(fill):
    root = fill({"train": 4, "test/a": 2, "test/b": 2})
    metadata(root, "train", [f"{n:04}.jpg" for n in range(4)])
    words = r"photos/test: holds folders of images and no metadata\.csv, but there is train/metadata\.csv"
    with pytest.raises(UserError, match=words):
        found(root, "metadata", label="label")


def test_images_that_metadata_does_not_name_are_told(fill):
    root = fill({"train": 5, "test": 2})
    metadata(root, "train", [f"./{n:04}.jpg" for n in range(4)])
    listing = found(root, "metadata", label="label")
    told = f"3 images that metadata.csv does not name were left out, {root}/test/0000.jpg for one"
    assert len(listing.labels) == 4 and listing.notes == (told,)


def test_metadata_that_spells_files_otherwise(fill):
    root = fill({"train/deep": 4})
    (root / "train/deep/0000.jpg").rename(root / "train/deep/e\u0301.jpg")
    metadata(root, "train", ["deep/\u00e9.jpg", *(f"deep\\{n:04}.jpg" for n in range(1, 4))])
    listing = found(root, "metadata", label="label")
    assert listing.notes == ()
    for index in range(4):
        listing.images.open(index).close()


def test_images_that_a_list_does_not_name_are_told(fill):
    root = fill({"train/a": 3, "train/b": 3, "train": 1, "val": 4, "test": 2})
    (root / "val.txt").write_text("0000.jpg a\n0001.jpg b\n")
    listing = found(root, "listed", table=str(root / "val.txt"))
    told = f"5 images in no class's folder and not in the list were left out, {root}/test/0000.jpg for one"
    assert len(listing.labels) == 8 and listing.notes == (told,)


def test_groups_of_a_list_are_refused_by_the_option(fill):
    from archlab.data.given import source_given

    root = fill({"train/a": 1, "val": 1})
    (root / "val.txt").write_text("0000.jpg a\n")
    with pytest.raises(
        UserError, match=r"^--group-column is for a table of all images, not for the list of a flat part$"
    ):
        source_given({"folder": root, "csv": root / "val.txt"}, {"group": "patient"})
