"""Series of images, which folders and names tell: kept together where that is asked for, else told."""

from __future__ import annotations

import numpy as np
import pytest

from archlab.data import add_dataset, prepare
from archlab.data.given import source_given
from archlab.data.listing import SPLITS
from archlab.data.readers.folder import read
from archlab.data.readers.series import series_of, told_of_series
from archlab.foundation import UserError
from tests.data.conftest import picture


def in_series(root, classes=("a", "b"), series=8, images=4, called="{of}film{film}_{image:04}.jpg", part=""):
    """A folder of classes of series each."""
    seed = len(part)
    for of in classes:
        for film in range(series):
            for image in range(images):
                path = root / part / of / called.format(of=of, film=film, image=image)
                path.parent.mkdir(parents=True, exist_ok=True)
                picture(seed := seed + 1).save(path)
    return root


@pytest.mark.parametrize(
    ("one", "other", "together"),
    [
        ("film3_0001.jpg", "film3_0002.jpg", True),
        ("film3_0001.jpg", "film4_0001.jpg", False),
        ("person1_bacteria_2.jpeg", "person1_bacteria_11.jpeg", True),
        ("leaf (1).png", "leaf (2).png", True),
        ("0001.jpg", "0002.jpg", False),
        ("film3/left.jpg", "film3/right.jpg", True),
        ("film3/0001.jpg", "film4/0001.jpg", False),
        ("images/film3_0001.jpg", "images/film3_0002.jpg", True),
        ("images/film3_0001.jpg", "images/film4_0001.jpg", False),
        ("Images/film3/0001.jpg", "Images/film4/0001.jpg", False),
        ("film3_0001.jpg", "film3_0001_aug2.jpg", True),
        ("film3_0001_jpg.rf.0123456789abcdef0.jpg", "film3_0007_jpg.rf.fedcba98765432100.jpg", True),
        ("film3_0001_jpg.rf.0123456789abcdef0.jpg", "film3_0001_jpg.rf.0123456789abcdef0_aug1.jpg", True),
        ("film3_0001_webp.rf.0123456789abcdef0.jpg", "film3_0007_webp.rf.fedcba98765432100.jpg", True),
        ("scan.jpg", "scan-edited.jpg", True),
        ("oak.jpg", "elm.jpg", False),
    ],
)
def test_what_is_of_one_series(one, other, together):
    first, second = series_of([f"a/{one}", f"a/{other}"], [one, other])
    assert (first == second) == together


def test_the_same_number_elsewhere_is_another_image_and_a_series_may_have_several_classes():
    assert len(set(series_of(["train/a/0001.jpg", "test/a/0001.jpg"], ["0001.jpg", "0001.jpg"]))) == 2
    assert len(set(series_of(["a/film1_01.jpg", "b/film1_02.jpg"], ["film1_01.jpg", "film1_02.jpg"]))) == 1


@pytest.mark.parametrize("called", ["{of}film{film}_{image}.jpg", "{of}{film}/{image}.jpg"])
def test_series_stay_on_one_side_where_that_is_asked_for(home, tmp_path, called):
    root = in_series(tmp_path / "photos", called=called)
    _, listing, splits = add_dataset("mine", home, "folder", {"path": str(root), "series": True}, {})
    assert "64 images of 16 series: each stays on one side" in listing.notes
    parts_of = {
        name: {split for split, each in zip(splits, listing.groups, strict=True) if each == name} for name in range(16)
    }
    assert all(len(parts) == 1 for parts in parts_of.values()) and set.union(*parts_of.values()) == set(SPLITS)
    prepared = prepare("mine", home)
    sides = [set(prepared.groups(split).tolist()) for split in SPLITS]
    assert sum(map(len, sides)) == len(set.union(*sides)) == 16


def test_series_that_the_parts_of_the_source_tear_are_told(tmp_path):
    for part in ("train", "test"):
        in_series(tmp_path / "photos", series=6, images=2, part=part)
    told = "48 images of 12 series, 12 of them with images in different parts of the source"
    assert read(None, path=tmp_path / "photos", series=True).notes == (told,)


def test_where_no_series_are_found_that_is_said(fill):
    told = "no two images are of one series, as far as folders and names tell"
    assert read(None, path=fill({"a": 3, "b": 3}), series=True).notes == (told,)


def test_copies_of_what_is_not_there_are_of_one_series(tmp_path):
    root = in_series(tmp_path / "photos", called="{of}leaf{film}x_aug{image}.jpg")
    assert read(None, path=root, series=True).notes == ("64 images of 16 series: each stays on one side",)


def test_what_seems_to_be_of_series_is_told_and_not_kept_together(tmp_path):
    listing = read(None, path=in_series(tmp_path / "photos"))
    (told,) = listing.notes
    assert told.startswith("64 images seem to be of 16 series, a/afilm0_0000.jpg and a/afilm0_0001.jpg of one: ")
    assert "--series keeps them together" in told and listing.groups is None


@pytest.mark.parametrize(
    ("called", "series"),
    [
        ("IMG_{film}{image:03}.jpg", 8),  # of one camera
        ("{film}{image:04}.jpg", 8),
        ("site{film}_{image}.jpg", 3),  # where they are from
        ("{of}{film}x{image}y.jpg", 8),
        ("IMG_2023050{film}_{image:06}.jpg", 8),
        ("2023-05-0{film} {image:04}.jpg", 8),
        ("IMG-2023050{film}-WA{image:04}.jpg", 8),
    ],
    ids=["camera", "numbers", "sites", "none", "phone", "days", "WhatsApp"],
)
def test_other_names_are_no_series(called, series):
    names = [
        called.format(of=of, film=film, image=image) for of in "ab" for film in range(series) for image in range(4)
    ]
    files = [f"{of}/{name}" for of, name in zip(len(names) // 2 * "a" + len(names) // 2 * "b", names, strict=True)]
    labels = np.repeat([0, 1], len(names) // 2)
    assert told_of_series(files, names, labels) is None


@pytest.mark.parametrize("called", ["leaf-{}_aug{}.jpg", "leaf-{}7_jpg.rf.{:020}.jpg"])
def test_augmented_copies_are_no_series(called):
    names = [called.format(chr(97 + leaf), image) for leaf in range(20) for image in range(4)]
    assert told_of_series([f"a/{name}" for name in names], names, np.zeros(len(names), np.int64)) is None


def test_images_of_several_classes_that_are_called_alike_are_no_series():
    """As in Fruits-360, where one name is in every class."""
    names = [f"{turn}_100.jpg" for turn in range(20)]
    files = [f"{of}/{name}" for of in ("apple", "pear") for name in names]
    assert told_of_series(files, 2 * names, np.repeat([0, 1], 20)) is None


def test_where_all_parts_are_there_nothing_is_told(tmp_path):
    for part in ("train", "val", "test"):
        in_series(tmp_path / "photos", series=6, images=2, part=part)
    assert read(None, path=tmp_path / "photos").notes == ()
    in_series(tmp_path / "other", series=6, images=2, part="train")
    in_series(tmp_path / "other", series=6, images=2, part="test")
    assert "seem to be of 12 series" in read(None, path=tmp_path / "other").notes[0]


def test_a_table_has_a_column_for_that(fill, tmp_path):
    (tmp_path / "labels.csv").write_text("image,label\n")
    with pytest.raises(UserError, match=r"^--series is for folders of classes alone: a table of all images has"):
        source_given({"csv": tmp_path / "labels.csv"}, {}, series=True)
    reader, options = source_given({"folder": fill({"a": 3, "b": 3})}, {}, series=True)
    assert (reader, options["series"]) == ("folder", True)
