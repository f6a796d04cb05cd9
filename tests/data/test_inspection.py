"""Leaks are found, and clean data are not accused."""

import io

import numpy as np
import pytest
from PIL import Image, ImageEnhance

from archlab.data import inspect, inspection, open_prepared, prepare
from archlab.data.listing import SPLITS
from archlab.data.near import small_grey, standard

CLEAN = {f"{part}/{name}": n for part, n in (("train", 30), ("test", 10)) for name in ("cat", "dog")}


@pytest.fixture
def root(fill, describe):
    root = fill(CLEAN, suffix=".png", size=(64, 64))
    describe("pets", source={"folder": {"path": str(root)}}, resolution=32)
    return root


def names(pairs):
    return {tuple(sorted(pair.names)) for pair in pairs}


def test_clean(home, root):
    found = inspect(prepare("pets", home))
    assert not found.leaks and not found.repeated and not found.conflicts
    assert [sum(found.counts[split]) for split in ("train", "validation", "test")] == [54, 6, 20]
    assert found.as_dict()["leaks"] is False


def test_copies(home, root):
    (root / "test/cat/0000.png").write_bytes((root / "train/cat/0003.png").read_bytes())
    (root / "train/dog/0011.png").write_bytes((root / "train/dog/0012.png").read_bytes())
    (root / "test/dog/0005.png").write_bytes((root / "train/cat/0009.png").read_bytes())
    found = inspect(prepare("pets", home))
    expected = {("test/cat/0000.png", "train/cat/0003.png"), ("test/dog/0005.png", "train/cat/0009.png")}
    assert found.leaks and names(found.duplicates) >= expected
    assert found.repeated + len(found.duplicates) == 3
    assert names(found.conflicts) == {("test/dog/0005.png", "train/cat/0009.png")}
    assert sorted(found.conflicts[0].labels) == ["cat", "dog"]


def test_copies_within_a_part_that_are_in_another_too(home, root):
    for number in range(2):
        (root / f"test/cat/{number:04}.png").write_bytes((root / "train/cat/0003.png").read_bytes())
    found = inspect(prepare("pets", home))
    assert found.repeated == 1 and len(found.duplicates) == 2


def recompressed(image):
    buffer = io.BytesIO()
    image.save(buffer, format="JPEG", quality=40)
    return Image.open(buffer)


@pytest.mark.parametrize(
    "change",
    [
        recompressed,
        lambda image: ImageEnhance.Brightness(image).enhance(0.8),
        lambda image: ImageEnhance.Contrast(image).enhance(0.7),
        lambda image: image.resize((48, 48), Image.Resampling.LANCZOS),
        lambda image: Image.fromarray((np.asarray(image).astype(int) + 3).clip(0, 255).astype(np.uint8)),
    ],
)
def test_near_copies(home, root, change):
    for number in range(5):
        image = Image.open(root / f"train/cat/{number:04}.png").convert("RGB")
        change(image).save(root / f"test/cat/{number:04}.png")
    found = inspect(prepare("pets", home))
    expected = {(f"test/cat/{number:04}.png", f"train/cat/{number:04}.png") for number in range(5)}
    assert names(found.near_duplicates) == expected and not found.duplicates and found.leaks


def test_what_all_images_have_in_common_counts_for_nothing_as_where_they_are_kept_together(home, root, monkeypatch):
    means = []
    monkeypatch.setattr(inspection, "nearest", lambda queries, others, mean: means.append(mean) or [])
    prepared = prepare("pets", home)
    inspect(prepared)
    greys = [standard(small_grey(image)) for split in SPLITS for image in prepared.images(split)]
    assert means[0] == pytest.approx(np.mean(greys, axis=0))


@pytest.mark.slow
def test_many_blank_images_are_compared_in_reasonable_time(home, fill, describe):
    root = fill({"train/a": 2, "train/b": 1000, "test/a": 2, "test/b": 500}, size=(16, 16), suffix=".png")
    for part in ("train", "test"):
        for number, path in enumerate(sorted((root / part / "b").iterdir())):
            Image.new("RGB", (16, 16), (number % 250, number // 250, len(part))).save(path)
    describe("blanks", source={"folder": {"path": str(root)}})
    assert inspect(prepare("blanks", home)).leaks


def test_groups_on_two_sides(home, fill, describe):
    root = fill({"files": 40})
    rows = ["file,label,patient,part"]
    rows += [f"files/{n:04}.jpg,{n % 2},{n // 4},{'test' if n > 29 else 'train'}" for n in range(40)]
    (root / "scans.csv").write_text("\n".join(rows))
    options = {"path": str(root / "scans.csv"), "image": "file", "label": "label", "group": "patient", "split": "part"}
    describe("scans", source={"csv": options})
    found = inspect(prepare("scans", home))
    assert found.split_groups == 1 and found.leaks  # patient 7 has images 28 to 31


def test_the_published_split_of_ham10000_leaks(home, tmp_path, make_picture):
    """One lesion, two photographs: kept together by lesion, torn by image."""
    rows = ["lesion_id,image_id,dx"]
    for number in range(140):
        make_picture(number // 2).rotate(number % 2, resample=Image.Resampling.BICUBIC).save(
            tmp_path / f"ISIC_{number}.jpg"
        )
        rows.append(
            f"HAM_{number // 2},ISIC_{number},{['akiec', 'bcc', 'bkl', 'df', 'mel', 'nv', 'vasc'][number // 2 % 7]}"
        )
    (tmp_path / "HAM10000_metadata.csv").write_text("\n".join(rows))
    assert inspect(prepare("ham10000", home, source=tmp_path, resolution=32)).split_groups == 0
    assert not inspect(open_prepared("ham10000", home, 32)).near_duplicates
    published = prepare("ham10000@published", home, source=tmp_path, resolution=32)
    found = inspect(published)
    sides = {}
    for split in SPLITS:
        for name in published.names(split):
            sides.setdefault(int(name[5:-4]) // 2, set()).add(split)
    torn = sum(len(parts) > 1 for parts in sides.values())
    assert found.near_duplicates and found.leaks and found.split_groups == torn > 20
    assert f"{torn} groups have images in different parts: a leak" in published.notes
