"""Tables as the tools and sites write them that people label with."""

import json

import pytest

from archlab.data.given import source_given
from archlab.data.readers.csv import read_rows
from archlab.foundation import UserError
from tests.data.test_odd_folders import found as found_in
from tests.data.test_odd_folders import sizes
from tests.data.test_odd_tables import found, written


def labelled(listing):
    return {name: listing.class_names[label] for name, label in zip(listing.images.names, listing.labels, strict=True)}


# where the images are


@pytest.mark.parametrize(
    "place", ["s3://bucket/scans/", "/data/upload/3/", "C:\\Users\\me\\scans\\", "gs://bucket/", "https://host/x/y/"]
)
def test_images_that_are_elsewhere_are_taken_from_the_folder(fill, place):
    root = fill({"a": 2, "b": 2})
    lines = [f"{place}{folder}/000{n}.jpg,{folder}" for folder in "ab" for n in range(2)]
    listing = found(written(root / "table.csv", "\n".join(["image,label", *lines])))
    assert labelled(listing) == {f"{folder}/000{n}.jpg": folder for folder in "ab" for n in range(2)}
    place = place.replace("\\", "/")
    assert listing.notes == (f"what table.csv has in {place} is taken from {root}",)


def test_a_folder_of_the_cloud_may_be_there_too(fill):
    root = fill({"test": 2, "train": 2})
    path = written(root / "table.csv", "image,label\ngs://b/test/0000.jpg,cat\ngs://b/test/0001.jpg,dog\n")
    assert labelled(found(path)) == {"test/0000.jpg": "cat", "test/0001.jpg": "dog"}


def test_paths_from_here_are_not_shortened(fill):
    root = fill({"train": 2})
    path = written(root / "table.csv", "image,label\ntest/0000.jpg,cat\ntest/0001.jpg,dog\n")
    with pytest.raises(UserError, match="none of its images is below"):
        found(path)


def test_label_studio_writes_before_the_names(fill):
    root = fill({".": 4})
    lines = [
        "annotation_id,choice,image",
        *(f"{n},{'ab'[n % 2]},/data/upload/7/0f{n}a4b6c-000{n}.jpg" for n in range(4)),
    ]
    (root / "0003.jpg").rename(root / "0f3a4b6c-0003.jpg")
    listing = found(written(root / "export.csv", "\n".join(lines)), label="choice")
    assert listing.class_names == ("a", "b")
    assert sorted(listing.images.names) == ["0000.jpg", "0001.jpg", "0002.jpg", "0f3a4b6c-0003.jpg"]


# columns


def test_vertex_has_the_part_first_and_no_headings(tmp_path):
    lines = ["TRAIN,gs://b/1.jpg,cat", "validation,gs://b/2.jpg,dog", "UNASSIGNED,gs://b/3.jpg,dog"]
    for order in (lines, lines[::-1]):
        rows = read_rows(written(tmp_path / "import.csv", "\n".join(order)), "image", "label")
        assert sorted((row.file[-5:], row.label, row.split) for row in rows) == [
            ("1.jpg", "cat", "train"),
            ("2.jpg", "dog", "validation"),
            ("3.jpg", "dog", ""),
        ]


def test_ids_without_headings_stay_ids_before_the_names_of_files(tmp_path):
    rows = read_rows(written(tmp_path / "table.csv", "x1,cat,x1.jpg\nx2,dog,x2.jpg\n"), "image", "label")
    assert [(row.file, row.label) for row in rows] == [("x1", "cat"), ("x2", "dog")]


def test_a_column_that_is_missing_says_the_option(tmp_path):
    path = written(tmp_path / "table.csv", "id,breed\n1,cat\n")
    with pytest.raises(UserError, match=r"has no column 'image', only id, breed: --image-column names another$"):
        read_rows(path, "image", "label")
    with pytest.raises(UserError, match=r"has no column 'label', only id, breed: --label-column names another$"):
        read_rows(path, "id", "label")


@pytest.mark.parametrize("one", ["1", "1.0", "True"])
def test_a_column_a_class(tmp_path, one):
    none = {"1": "0", "1.0": "0.0", "True": "False"}[one]
    path = written(tmp_path / "table.csv", f"image,MEL,NV\n1.jpg,{one},{none}\n\n2.jpg,{none},{one}\n")
    assert [(row.file, row.label) for row in read_rows(path, "image", "label")] == [("1.jpg", "MEL"), ("2.jpg", "NV")]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("image,a,b\n1.jpg,1,0\n2.jpg,1,1\n", r"table\.csv:3: is of several classes \(a, b\): .* leave the row out"),
        ("image,a,b\n1.jpg,0,0\n2.jpg,1,0\n", r"table\.csv:2: is of none of the classes \(a, b\)"),
        ("image,malignant,male\n1.jpg,1,1\n", "if one column has the classes, --label-column names it$"),
        ("image,a,b\n1.jpg,1,0\n2.jpg,3,1\n", "has no column 'label', only image, a, b"),
        ("image,a\n1.jpg,1\n2.jpg,0\n", "has no column 'label', only image, a"),
        ("file,a,b\n1.jpg,1,0\n2.jpg,0,1\n", "has no column 'image', only file, a, b: --image-column"),
    ],
)
def test_columns_that_tell_no_class(tmp_path, text, words):
    with pytest.raises(UserError, match=words):
        read_rows(written(tmp_path / "table.csv", text), "image", "label")


def test_columns_of_other_things_beside_the_label(tmp_path):
    path = written(tmp_path / "table.csv", "image,label,male,smiling\n1.jpg,0,1,1\n2.jpg,1,0,0\n")
    assert [(row.file, row.label) for row in read_rows(path, "image", "label")] == [("1.jpg", "0"), ("2.jpg", "1")]


def test_a_column_a_class_beside_one_without_a_name(tmp_path):
    path = written(tmp_path / "table.csv", "image,a,b,\n1.jpg,1,0\n2.jpg,0,1,\n")
    assert [(row.file, row.label) for row in read_rows(path, "image", "label")] == [("1.jpg", "a"), ("2.jpg", "b")]


def test_roboflow_has_a_table_in_every_part(fill):
    root = fill({"train": 4, "valid": 2, "test": 2})
    for part, count in (("train", 4), ("valid", 2), ("test", 2)):
        rows = (f"{n:04}.jpg, {n % 2}, {1 - n % 2}, 0" for n in range(count))
        (root / part / "_classes.csv").write_text("\n".join(["filename, cat, dog, Unlabeled", *rows]))
    reader, options = source_given({"folder": root}, {})
    listing = found_in(root, reader, label=options["label"])
    assert listing.class_names == ("cat", "dog") and not listing.notes
    assert sizes(listing) == {"train": 4, "validation": 2, "test": 2}


def test_augmented_copies_in_tables_stay_on_one_side(fill):
    """Of Roboflow's training images, from which a test part is drawn where there is none; what a column says counts."""
    root = fill({"train": 12, "valid": 2})
    for path in sorted((root / "train").iterdir()):
        image, copy = divmod(int(path.stem), 3)
        path.rename(path.with_stem(f"{image:04}_jpg.rf.{'0' * 20}{copy}"))
    for part in ("train", "valid"):
        files = sorted(path.name for path in (root / part).iterdir())
        rows = (f"{file},{n // 3 % 2},{1 - n // 3 % 2},{n}" for n, file in enumerate(files))
        (root / part / "_classes.csv").write_text("\n".join(["filename,cat,dog,place", *rows]))
    listing = found_in(root, "metadata", label="label", group="place")
    assert len(set(listing.groups)) == 12 and not listing.notes
    lines = [f"{path.relative_to(root)},{n % 2}\n" for n, path in enumerate(sorted(root.rglob("*.jpg")))]
    listing = found(written(root / "all.csv", "".join(["image,label\n", *lines])))
    assert len(set(listing.groups)) == 4 + 2
    assert listing.notes[0].startswith("8 images called as copies of others (train/0000_jpg.rf.")


def test_augmented_copies_beside_a_list_stay_on_one_side(fill):
    root = fill({"train/a": 3, "train/b": 3, "val": 2})
    (root / "train/a/0000_aug_1.jpg").write_bytes((root / "train/a/0000.jpg").read_bytes())
    path = written(root / "val.txt", "0000.jpg a\n0001.jpg b\n")
    listing = found_in(root, "listed", table=str(path))
    assert len(listing.labels) == 9 and len(set(listing.groups)) == 8
    assert listing.notes[0].startswith("1 image called as copies of others (train/a/0000_aug_1.jpg for one)")


# parts


def test_lists_of_the_other_parts_are_read_too(fill):
    root = fill({"train": 4, "test": 2})
    written(root / "train.txt", "".join(f"{n:04}.jpg {'ab'[n % 2]}\n" for n in range(4)))
    written(root / "test.txt", "0000.jpg b\n0001.jpg a\n")
    listing = found(root / "train.txt")
    assert labelled(listing)["test/0000.jpg"] == "b" and labelled(listing)["train/0000.jpg"] == "a"
    assert sizes(listing) == {"": 4, "test": 2}
    assert listing.notes == ("test.txt beside train.txt is the test part",)


def test_lists_of_one_part_are_read_both_and_the_folder_once(fill, scanned):
    root = fill({"deep": 8})
    for name, numbers in {"train": (0, 1, 2, 3), "val": (4, 5), "valid": (6, 7)}.items():
        written(root / f"{name}.csv", "image,label\n" + "".join(f"{n:04},{n % 2}\n" for n in numbers))
    assert sizes(found(root / "train.csv")) == {"": 4, "validation": 4}
    assert scanned.count("deep") == 1


def test_a_list_of_other_classes_beside_is_told(fill):
    root = fill({".": 6})
    written(root / "train.csv", "image,label\n0000,a\n0001,b\n0002,a\n0003,b\n")
    written(root / "test.csv", "image,label\n0004,a\n0005,c\n")
    listing = found(root / "train.csv")
    assert sizes(listing) == {"": 4}
    assert listing.notes == ("test.csv beside train.csv is not read: has the class 'c', and train.csv has not",)


def test_a_table_of_images_without_labels_is_told(fill):
    root = fill({"train": 4, "test": 2})
    written(root / "Train.csv", "id,label\n" + "".join(f"{n:04},{n % 2}\n" for n in range(4)))
    written(root / "Test.csv", "id\n0000\n0001\n")
    listing = found(root / "Train.csv", image="id")
    assert sorted(listing.images.names) == [f"train/{n:04}.jpg" for n in range(4)] and sizes(listing) == {"": 4}
    told = "Test.csv beside Train.csv is not read: has no column 'label', only id: --label-column names another"
    assert listing.notes == (told,)


# JSON


@pytest.mark.parametrize(
    ("document", "image", "label", "split"),
    [
        (
            [{"source-ref": "1.jpg", "x": 0, "x-metadata": {"class-name": "cat"}}],
            "source-ref",
            "x-metadata.class-name",
            None,
        ),
        (
            {"version": 1, "files": [{"path": "1.jpg", "category": "training", "label": {"label": "cat"}}]},
            "path",
            "label.label",
            "category",
        ),
        ([{"id": 1, "image": "1.jpg", "choice": "cat"}], "image", "choice", None),
        ([{"image": "1.jpg", "label": {"choices": ["cat"]}}], "image", "label.choices", None),
        ({"1.jpg": "cat"}, "image", "label", None),
    ],
)
def test_tables_in_json(tmp_path, document, image, label, split):
    path = written(tmp_path / "table", json.dumps(document, indent=1))
    (row,) = read_rows(path, image, label, split=split)
    assert (row.file, row.label, row.split) == ("1.jpg", "cat", "train" if split else "")


@pytest.mark.parametrize(
    ("text", "image"),
    [("[1].jpg,cat\n", "image"), ("[image],label\n[1].jpg,cat\n", "[image]"), ("{id},label\n[1].jpg,cat\n", "{id}")],
)
def test_tables_that_begin_with_a_bracket(tmp_path, text, image):
    (row,) = read_rows(written(tmp_path / "table.csv", text), image, "label")
    assert (row.file, row.label) == ("[1].jpg", "cat")


def test_captions_beside_folders_of_classes_tell_no_classes(fill):
    root = fill({"a": 2, "b": 2})
    written(root / "metadata.jsonl", json.dumps({"file_name": "a/0000.jpg", "text": 'the "label" of a can'}))
    assert source_given({"folder": root}, {})[0] == "folder"


def test_an_object_a_line_as_hugging_face_has_it(fill):
    root = fill({"train": 4, "test": 2})
    for part, count in (("train", 4), ("test", 2)):
        lines = [json.dumps({"file_name": f"{n:04}.jpg", "label": n % 2, "text": None}) for n in range(count)]
        (root / part / "metadata.jsonl").write_text("\n".join([*lines, ""]))
    reader, options = source_given({"folder": root}, {})
    listing = found_in(root, reader, label=options["label"])
    assert reader == "metadata" and listing.class_names == ("0", "1") and sizes(listing) == {"train": 4, "test": 2}


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ('{"image": "1.jpg", "label": "a"}\n{"image"\n', r"table\.jsonl:2: is not JSON: "),
        ('{"images": [' + "1" * 200_000, r"table\.jsonl:1: is not JSON: "),
        ("[" * 100_000, r"table\.jsonl: is nested too deeply$"),
        ("[[1]]", r"table\.jsonl: record 1: expected an object for each image, not \[1\]$"),
        ("[]", r"table\.jsonl: is empty$"),
        ('[{"image": "1.jpg", "label": "a"}, {"image": "2.jpg"}]', r"record 2: the column 'label' is empty$"),
    ],
)
def test_json_that_is_refused(tmp_path, text, words):
    with pytest.raises(UserError, match=words):
        read_rows(written(tmp_path / "table.jsonl", text), "image", "label")


def test_a_folder_of_parquet_is_read_as_such(tmp_path):
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "train-00000-of-00001.parquet").write_bytes(b"")
    assert source_given({"folder": tmp_path}, {})[0] == "parquet"
    with pytest.raises(UserError, match="is not a folder but Parquet: name the folder that it is in"):
        source_given({"folder": tmp_path / "data" / "train-00000-of-00001.parquet"}, {})


def test_a_folder_of_images_with_parquet_beside_is_one_of_images(fill, scanned):
    root = fill({"a": 1, "b": 1})
    (root / "embeddings.parquet").write_bytes(b"")
    assert source_given({"folder": root}, {})[0] == "folder" and "b" not in scanned
