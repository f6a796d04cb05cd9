"""What is found in folders as people have them, and that it is found once."""

import json
import shutil
import zipfile
from types import SimpleNamespace

import numpy as np
import pytest
from made_folders import fill, picture
from PIL import Image

from archlab.data import inspect, prepare
from archlab.data.chunks import WorkerKilledError, decode_all
from archlab.data.listing import SPLITS
from archlab.foundation import UserError
from archlab.pick import photographs


def sides(prepared):
    return {name: split for split in SPLITS for name in prepared.names(split)}


def test_sixty_images_of_three_classes(found, tmp_path):
    described, said = found(fill(tmp_path / "pets", {"cat": 20, "dog": 20, "hen": 20}))
    facts = described.facts
    assert (described.name, facts["name"], described.entry.together) == ("pets", "pets", "near")
    assert facts["classes"] == ["cat", "dog", "hen"] and facts["pixels"] == described.prepared.resolution == 16
    assert facts["images"] == {"train": 39, "validation": 9, "test": 12}
    assert described.prepared.counts("validation") == [3, 3, 3] and described.prepared.counts("test") == [4, 4, 4]
    assert facts["largest"] == {"class": "cat", "share": pytest.approx(1 / 3)}
    assert (facts["identical"], facts["near"], facts["untested"], facts["remarks"]) == (0, 0, [], [])
    assert len(facts["lines"]) == 5 and said == ["Reading 60 images at 16 x 16 pixels."]
    assert json.loads(json.dumps(facts)) == facts


def test_the_share_that_guessing_reaches_is_that_of_the_largest_class_among_test_images(found, tmp_path):
    described, _ = found(fill(tmp_path / "pets", {"cat": 60, "dog": 20}))
    test = described.prepared.counts("test")
    assert described.facts["largest"] == {"class": "cat", "share": test[0] / sum(test)}
    assert described.facts["smallest"] == {"class": "dog", "images": 20}
    assert described.facts["lines"][-1] == "Always guessing cat would be right for 75.0% of the test images."


def test_while_images_are_read_it_is_told_how_long_the_rest_takes(monkeypatch):
    times, said = iter([0, 3, 8, 14, 20, 33, 40, 41, 52]), []
    monkeypatch.setattr(photographs, "time", SimpleNamespace(monotonic=lambda: next(times)))
    progress = photographs._said_now_and_then(said.append)
    for done in (1000, 1100, 1220, 1300, 1600):  # the first 1,000 by a command before
        progress("decoding", done, 5000)
    for done in (500, 600, 1100):
        progress("comparing", done, 5000)
    assert said == [
        "decoding: 1,220 of 5,000, about 3 min 09 s left",
        "decoding: 1,600 of 5,000, about 2 min 50 s left",
        "comparing: 1,100 of 5,000, about 1 min 18 s left",
    ]


def test_three_images_a_class_are_one_of_each_part(found, tmp_path):
    described, _ = found(fill(tmp_path / "pets", {"cat": 3, "dog": 3}))
    assert [described.prepared.counts(split) for split in SPLITS] == [[1, 1]] * 3


@pytest.mark.slow
def test_many_images_spend_a_tenth_on_validation(found, tmp_path):
    labels = fill(tmp_path / "pets", {"cat": 0, "dog": 0})
    for number in range(2600):
        Image.fromarray(np.random.RandomState(number).randint(0, 256, (8, 8), dtype=np.uint8)).save(
            labels / ("cat", "dog")[number % 2] / f"{number}.png"
        )
    described, _ = found(labels)
    assert described.facts["images"] == {"train": 1872, "validation": 208, "test": 520}


# twins


def test_copies_stand_on_one_side_at_every_resolution(found, empty, tmp_path):
    root = fill(tmp_path / "pets", {"cat": 40, "dog": 40})
    for number in range(12):
        shutil.copy(root / f"cat/{number:03}.png", root / f"cat/copy{number}.png")
        Image.open(root / f"dog/{number:03}.png").point(lambda value: value * 0.9).save(root / f"dog/dark{number}.png")
    described, _ = found(root)
    prepared, facts = described.prepared, described.facts
    assert (facts["identical"], facts["near"], facts["across"]) == (12, 12, {"identical": 0, "near": 0})
    side = sides(prepared)
    assert all(side[f"cat/{n:03}.png"] == side[f"cat/copy{n}.png"] for n in range(12))
    assert all(side[f"dog/{n:03}.png"] == side[f"dog/dark{n}.png"] for n in range(12))
    assert {side[f"cat/copy{n}.png"] for n in range(12)} > {"train"}
    assert sides(prepare("pets", empty.home, resolution=8)) == side
    assert not list(prepared.path.parent.glob(".*.part*"))


def test_pixels_that_are_moved_to_other_splits_are_those_that_decoding_gives(found, empty, tmp_path):
    root = fill(tmp_path / "pets", {"cat": 20, "dog": 20})
    shutil.copy(root / "cat/000.png", root / "cat/copy.png")
    (root / "dog/003.png").write_bytes(b"broken")
    prepared = found(root)[0].prepared
    pixels = {name: prepared.images(split)[row] for split in SPLITS for row, name in enumerate(prepared.names(split))}
    assert len(pixels) == 40
    for name, image in pixels.items():
        with Image.open(root / name) as original:
            cut = original.resize((16, 16), Image.Resampling.BILINEAR, box=(2, 0, 18, 16))
        assert np.array_equal(image, np.asarray(cut)), name
    train = np.stack([pixels[name] for name in prepared.names("train")]) / 255
    assert prepared.mean == pytest.approx(train.mean(axis=(0, 1, 2)))


def test_splits_of_the_source_are_kept_and_their_leaks_told(found, tmp_path):
    root = fill(tmp_path / "pets", {"train/cat": 30, "train/dog": 30, "test/cat": 8, "test/dog": 8})
    shutil.copy(root / "train/cat/000.png", root / "test/cat/copy.png")
    shutil.copy(root / "train/dog/001.png", root / "train/dog/copy.png")
    described, _ = found(root)
    facts, side = described.facts, sides(described.prepared)
    assert all(side[name] == "test" for name in side if name.startswith("test")) and len(side) == 78
    assert facts["own_splits"] == ["train", "test"] and facts["identical"] == 2
    assert facts["across"] == {"identical": 1, "near": 0} and "Careful: 1 image" in facts["lines"][3]
    assert side["train/dog/001.png"] == side["train/dog/copy.png"]
    assert {(pair.names, pair.splits[1]) for pair in inspect(described.prepared).duplicates} == {
        (("train/cat/000.png", "test/cat/copy.png"), "test")
    }


def test_an_image_that_is_identical_to_one_and_near_to_another_is_counted_once(found, tmp_path):
    root = fill(tmp_path / "pets", {"train/cat": 30, "train/dog": 30, "test/cat": 8, "test/dog": 8})
    for name in ("train/cat/twin.png", "test/cat/copy.png"):
        shutil.copy(root / "train/cat/000.png", root / name)
    facts = found(root)[0].facts
    assert facts["across"] == {"identical": 1, "near": 0} and "Careful: 1 image" in facts["lines"][3]


def test_a_class_of_one_scene_is_learned_and_told(found, tmp_path):
    root = fill(tmp_path / "pets", {"cat": 20, "dog": 20, "burst": 1})
    for number in range(9):
        with Image.open(root / "burst/000.png") as image:
            image.point(lambda value, dimmed=1 - number / 50: value * dimmed).save(root / f"burst/again{number}.png")
    described, _ = found(root)
    assert described.facts["untested"] == ["burst"] and described.prepared.counts("train")[0] == 10
    assert "No image to test with: burst. They are learned, untested." in described.facts["remarks"]


def test_where_nothing_else_could_be_tested_near_copies_may_be_apart(found, tmp_path):
    root = fill(tmp_path / "pets", {"cat": 20, "burst": 1})
    for number in range(1, 20):
        pixels = np.asarray(Image.open(root / "burst/000.png")).astype(int)
        Image.fromarray((pixels * (1 - number / 100)).astype(np.uint8)).save(root / f"burst/again{number}.png")
    described, _ = found(root)
    assert described.entry.together == "identical" and described.facts["untested"] == []
    assert described.facts["across"]["near"] > 0 and "nearly the same" in described.facts["remarks"][-1]


def test_what_a_killed_worker_left_is_continued(found, empty, tmp_path, monkeypatch):
    root = fill(tmp_path / "pets", {"cat": 10, "dog": 10})

    def killed(job, chunks, workers):
        yield from decode_all(job, chunks[:1], 1)
        raise WorkerKilledError("a worker was killed")

    with monkeypatch.context() as patch, pytest.raises(WorkerKilledError):
        patch.setattr("archlab.data.preparation.decode_all", killed)
        found(root)
    assert (empty.home / "datasets/pets/.16.part/journal.jsonl").read_text().count("\n") == 1
    described, _ = found(root)
    assert described.name == "pets" and described.entry.together == "near"


def test_a_broken_entry_of_another_dataset_stands_in_no_way(found, empty, tmp_path):
    root = fill(tmp_path / "pets", {"cat": 10, "dog": 10})
    first, _ = found(root)
    (empty.home / "datasets/catalogue/broken.yaml").write_text("name: [")
    picture(99).save(root / "cat/new.png")
    again, _ = found(root)
    assert again.name == "pets" and again.prepared.digest != first.prepared.digest


# what is in folders


def test_few_images_of_a_class_are_learned_and_what_they_lack_is_told(found, tmp_path):
    described, _ = found(fill(tmp_path / "pets", {"cat": 20, "dog": 20, "one": 1, "two": 2}))
    assert described.facts["remarks"] == [
        "No image to choose by: one, two. They are learned, but nothing is chosen by them.",
        "No image to test with: one. They are learned, untested.",
    ]
    assert described.facts["untested"] == ["one"] and described.prepared.counts("test")[2:] == [0, 1]
    assert described.prepared.counts("train")[2:] == [1, 1]
    assert described.facts["smallest"] == {"class": "one", "images": 1}


def test_unreadable_images_are_left_out_before_the_splits_are_drawn(found, tmp_path):
    root = fill(tmp_path / "pets", {"cat": 20, "dog": 6})
    for number in range(3):
        (root / f"dog/{number:03}.png").write_bytes(b"broken")
    described, _ = found(root)
    assert described.facts["unreadable"] == ["dog/000.png", "dog/001.png", "dog/002.png"]
    assert [described.prepared.counts(split)[1] for split in SPLITS] == [1, 1, 1]
    assert "3 images cannot be read and were left out: dog/000.png" in described.facts["remarks"][0]


def test_other_files_are_counted_and_litter_is_not(found, tmp_path):
    root = fill(tmp_path / "pets", {"cat": 10, "dog/2023/may": 10, "__MACOSX/cat": 3, "cat/@eaDir": 2})
    for name in ("cat/Thumbs.db", "cat/.DS_Store", "cat/a.dng", "dog/b.DNG", "dog/clip.mp4"):
        (root / name).write_bytes(b"")
    shutil.copy(root / "cat/000.png", root / "loose.png")
    described, _ = found(root)
    assert sum(described.facts["images"].values()) == 20
    said, loose = described.facts["remarks"]
    assert said.startswith(
        "Left out, since they are no images of a known format: 2 .dng, 1 .mp4; photographs among them"
    )
    assert loose == f"1 image in no class's folder was left out, {root / 'loose.png'} for one."


def test_images_of_all_kinds(found, tmp_path):
    root = fill(tmp_path / "odd", {"a": 10, "b": 10})
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.new("RGB", (1, 1)).save(root / "a/point.png")
    Image.new("L", (5000, 4000), 9).save(root / "a/large.png")
    picture(50).convert("CMYK").save(root / "a/printed.jpg")
    picture(51).save(root / "b/turned.jpg", exif=exif)
    picture(52).save(root / "b/moving.gif", save_all=True, append_images=[picture(53)])
    Image.fromarray(np.arange(400, dtype=np.uint16).reshape(20, 20) * 100).save(root / "b/deep.png")
    Image.fromarray(np.ones((9, 9), np.float32)).save(root / "b/floating.tiff")
    described, _ = found(root)
    assert described.facts["unreadable"] == ["b/floating.tiff"] and sum(described.facts["images"].values()) == 26


def test_of_sixteen_bits_of_which_twelve_are_used_the_brightest_of_these_is_white(found, tmp_path):
    root = fill(tmp_path / "scans", {"a": 10, "b": 10})
    for path in root.rglob("*.png"):
        Image.fromarray(np.asarray(Image.open(path).convert("L")).astype(np.uint16) * 16).save(path)
    described, _ = found(root)
    assert described.entry.white == 4095 and described.prepared.images("train").max() > 100
    assert described.facts["remarks"] == ["16-bit images with values up to 4,095: that is taken for white."]


def test_identical_images_in_two_classes_are_told(found, tmp_path):
    root = fill(tmp_path / "pets", {"cat": 10, "dog": 10})
    shutil.copy(root / "cat/000.png", root / "dog/cat.png")
    remarks = found(root)[0].facts["remarks"]
    assert remarks == ["1 pair of identical images is in two classes, cat/000.png (cat) and dog/cat.png (dog) for one."]


# tables


def test_a_table_beside_a_folder(found, tmp_path):
    images = fill(tmp_path / "images", {"deep": 45})
    classes = ("con", "a/b", "🌾 7")
    rows = [f"{number:03},{classes[number // 15]},{number // 3}" for number in range(45)]
    (tmp_path / "labels.csv").write_text("\n".join(["picture,kind,patient", *rows]), encoding="utf-8")
    columns = {"image_column": "picture", "label_column": "kind"}
    described, _ = found(images, csv=tmp_path / "labels.csv", **columns)
    assert described.facts["classes"] == ["a/b", "con", "🌾 7"] and described.name == "images"
    assert sum(described.facts["images"].values()) == 45
    grouped, _ = found(images, csv=tmp_path / "labels.csv", **columns, group_column="patient")
    assert (grouped.facts["groups"], described.facts["groups"]) == (15, None)
    assert "drawn at random, whole groups at a time." in grouped.facts["lines"][2]
    assert "over new groups it is wider" in grouped.facts["remarks"][-1] and not described.facts["remarks"]
    side = sides(grouped.prepared)
    assert all(side[f"deep/{n:03}.png"] == side[f"deep/{n // 3 * 3:03}.png"] for n in range(45))
    assert found(images, csv=tmp_path / "labels.csv", **columns)[0].prepared.digest == described.prepared.digest


def test_series_stay_together_where_that_is_asked_for(found, tmp_path):
    for image in list(fill(tmp_path / "films", {"a": 40, "b": 40}).rglob("*.png")):
        film, frame = divmod(int(image.stem), 4)
        image.rename(image.with_stem(f"{image.parent.name}-film{film}_{frame}"))
    alone, _ = found(tmp_path / "films")
    assert alone.facts["groups"] is None and "80 images seem to be of 20 series" in alone.facts["remarks"][0]
    together, _ = found(tmp_path / "films", series=True)
    assert together.facts["groups"] == 20 and together.name != alone.name
    assert "80 images of 20 series: each stays on one side." in together.facts["remarks"]
    films = {}
    for image, part in sides(together.prepared).items():
        films.setdefault(image.rpartition("_")[0], set()).add(part)
    assert len(films) == 20 and all(len(parts) == 1 for parts in films.values())


def test_too_few_series_of_a_class_are_refused_before_anything_is_decoded(found, tmp_path, monkeypatch):
    for image in list(fill(tmp_path / "films", {"a": 40, "b": 8}).rglob("*.png")):
        film, frame = divmod(int(image.stem), 4)
        image.rename(image.with_stem(f"{image.parent.name}-film{film}_{frame}"))
    monkeypatch.setattr(photographs, "prepare", lambda *_, **__: pytest.fail("it was decoded"))
    with pytest.raises(UserError, match="each of another group or series, and fewer than two of the 2 classes"):
        found(tmp_path / "films", series=True)


def test_a_table_alone_and_its_column_of_splits(found, tmp_path):
    fill(tmp_path, {"a": 12, "b": 12})
    parts = ["train"] * 6 + ["val"] * 3 + ["test"] * 3
    rows = [f"{name}/{n:03}.png,{name},{part}" for name in "ab" for n, part in enumerate(parts)]
    (tmp_path / "birds.csv").write_text("\n".join(["image,label,part", *rows]))
    described, _ = found(csv=tmp_path / "birds.csv", split_column="part")
    assert described.name == "birds" and described.facts["images"] == {"train": 12, "validation": 6, "test": 6}
    assert "as the source has them" in described.facts["lines"][2]


# what is refused


def refused(tmp_path, case):
    root = tmp_path / case
    if case == "archive.zip":
        zipfile.ZipFile(root, "w").close()
    elif case == "photo.png":
        picture(0).save(root)
    elif case == "broken":
        for path in fill(root, {"a": 4, "b": 4}).rglob("*.png"):
            path.write_bytes(b"broken")
    elif case == "half broken":
        for path in fill(root, {"a": 4, "b": 4, "c": 4}).glob("c/*.png"):
            path.write_bytes(b"broken")
    elif case == "raw":
        fill(root, {"a": 4, "b": 4, "c": 0})
        (root / "c/1.dng").write_bytes(b"")
    elif case != "nowhere":
        root.mkdir()
        counts = {"one": {"a": 9}, "wrapped": {"in/a": 5, "in/b": 5}, "flat": {".": 5}, "few": {"a": 2, "b": 9}}
        fill(root, counts.get(case, {"train/a": 9, "train/b": 9, "test/c": 3} if case == "unlearned" else {}))
    return root


@pytest.mark.parametrize(
    ("case", "message"),
    [
        ("nowhere", "there is no such file or folder"),
        ("empty", "holds no images: expected a folder of images for each class"),
        ("flat", "holds 5 images outside folders, of which nobody knows the class: expected .*--csv"),
        ("one", "has one class, 'a': there is nothing to tell apart$"),
        ("wrapped", "one class, 'in': .*; if the classes are the folders within it, name that folder"),
        ("few", "a class needs three images that differ, and fewer than two of the 2 classes have them"),
        ("archive.zip", "is not a folder: unpack the archive first"),
        ("photo.png", "is not a folder but one image"),
        ("broken", "none of the images can be read"),
        ("half broken", "no image of the class 'c' can be read"),
        ("raw", "holds no images of a known format, but 1 .dng: an empty class cannot be learnt"),
        ("unlearned", "the class 'c' has images only in the test part, none to train on"),
    ],
)
def test_refused_in_one_line_that_names_the_place(found, empty, tmp_path, case, message):
    root = refused(tmp_path, case)
    with pytest.raises(UserError, match=message) as error:
        found(root)
    assert str(root) in str(error.value) and "\n" not in str(error.value)
    assert str(empty.home) not in str(error.value)
    left = [path for path in empty.home.rglob("*") if path.is_file() and path.name != ".lock"]
    assert left == []


def test_tables_in_the_folder_are_not_looked_at_beside_one_that_is_given(tmp_path):
    root = fill(tmp_path / "pets", {"Train": 2, "training": 2})
    for table in (root / "Train/metadata.csv", root / "training/metadata.csv", tmp_path / "labels.csv"):
        table.write_text("image,label\n")
    assert photographs._given(photographs.Source(root, csv=tmp_path / "labels.csv"))[0] == "csv"


def test_nothing_is_given(found):
    with pytest.raises(UserError, match="say where the images are"):
        found()
