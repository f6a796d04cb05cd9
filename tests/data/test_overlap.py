"""Images that two datasets share are found, and others are not accused."""

import numpy as np
import pytest
from PIL import Image, ImageEnhance

from archlab.data import overlap, prepare, shared_images
from archlab.data.overlap import identical_images
from archlab.foundation import UserError

FIRST, SECOND = 0, 1000  # seeds of the images of two datasets


@pytest.fixture
def folders(tmp_path, make_picture, describe):
    """The folders of two datasets of other images, pets and zoo."""
    for name, seed in (("pets", FIRST), ("zoo", SECOND)):
        for part, count in (("train", 30), ("test", 10)):
            for label in ("cat", "dog"):
                folder = tmp_path / name / part / label
                folder.mkdir(parents=True)
                for number in range(count):
                    seed += 1
                    make_picture(seed, (64, 64)).save(folder / f"{number:04}.png")
        describe(name, source={"folder": {"path": str(tmp_path / name)}}, resolution=32)
    return tmp_path


def found(home, **settings):
    return shared_images(prepare("pets", home, **settings), prepare("zoo", home, **settings))


def named(pairs):
    return {pair.names: (pair.splits, pair.labels) for pair in pairs}


def test_other_images_are_not_shared(folders, home):
    clean = found(home)
    assert not (clean.identical or clean.near_duplicates or clean.shares_test_images)
    assert clean.counts == {"validation": 6, "test": 20}


def copy(one, other):
    other.write_bytes(one.read_bytes())


def test_copies_are_found_with_the_names_on_both_sides(folders, home):
    copy(folders / "pets/test/cat/0003.png", folders / "zoo/test/dog/0002.png")
    for number in range(30):  # of which some are validation images
        copy(folders / f"pets/train/cat/{number:04}.png", folders / f"zoo/train/cat/{number:04}.png")
    shared, validated = found(home), prepare("pets", home).names("validation")
    there = named(shared.identical)
    assert there.pop(("test/cat/0003.png", "test/dog/0002.png")) == (("test", "test"), ("cat", "dog"))
    assert {one for one, _ in there} == {name for name in validated if "cat" in name} != set()
    assert all(one == other and splits[0] == "validation" for (one, other), (splits, _) in there.items())
    assert shared.shares_test_images and shared.shared("test") == {"identical": 1, "near_duplicates": 0}
    assert shared.shared("validation") == {"identical": len(there), "near_duplicates": 0}


def test_near_copies_are_found(folders, home):
    for number, change in enumerate((ImageEnhance.Brightness, ImageEnhance.Contrast)):
        image = Image.open(folders / f"pets/test/dog/{number:04}.png")
        change(image).enhance(0.8).save(folders / f"zoo/test/cat/{number:04}.png")
    shared = found(home)
    assert not shared.identical and shared.shared("test") == {"identical": 0, "near_duplicates": 2}
    for (one, other), (splits, labels) in named(shared.near_duplicates).items():
        assert one[-8:] == other[-8:] and splits == ("test", "test") and labels == ("dog", "cat")
    document = shared.as_dict()
    assert document["shared"]["test"] == {"images": 20, "identical": 0, "near_duplicates": 2}


def test_only_the_parts_asked_for_are_looked_at(folders, home):
    copy(folders / "pets/test/cat/0003.png", folders / "zoo/test/dog/0002.png")
    pets, zoo = prepare("pets", home), prepare("zoo", home)
    (row,) = identical_images(pets, "test", zoo, ["train", "validation", "test"])
    assert pets.names("test")[row].endswith("cat/0003.png")
    assert np.array_equal(pets.images("test")[row], zoo.images("test")[zoo.names("test").index("test/dog/0002.png")])
    assert identical_images(pets, "test", zoo, ["train"]) == {}


def test_images_are_hashed_once(folders, home, monkeypatch):
    first = found(home)

    def unexpected(image):
        raise AssertionError("hashed again")

    monkeypatch.setattr(overlap, "perceived", unexpected)
    assert found(home) == first
    kept = home / "cache" / "hashes" / f"{prepare('zoo', home).manifest['content']}.npy"
    for damaged in (b"damaged", kept.read_bytes().replace(b")", b"9", 1)):
        kept.write_bytes(damaged)
        with pytest.raises(AssertionError, match="hashed again"):
            found(home)


def test_other_resolutions_are_refused(folders, home):
    with pytest.raises(UserError, match="one resolution, not pets at 32 pixels and zoo at 16"):
        shared_images(prepare("pets", home), prepare("zoo", home, resolution=16))
