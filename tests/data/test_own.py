"""Anybody's own data: folders, CSV, Parquet and Hugging Face's folders, with all that people have in them."""

import json
import unicodedata

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from PIL import Image

from archlab.data import add_dataset, entry, prepare
from archlab.data.listing import SPLITS
from archlab.data.own import summary
from archlab.foundation import UserError


def add(home, reader, path, **options):
    return add_dataset("mine", home, reader, {"path": str(path), **options}, {})


def sizes(prepared):
    return [len(prepared.labels(split)) for split in SPLITS]


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
    assert "1 files are not images and were left out" in summary(listing, splits)


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


def test_one_image_classes_train_and_are_pointed_out(home, fill):
    _, listing, splits = add(home, "folder", fill({"many": 200, "few": 2, "one": 1}))
    lines = summary(listing, splits)
    assert "uneven: 200 of 'many', 1 of 'one'; see the balanced accuracy" in lines
    assert "too few images for test: one" in lines and "too few images for validation: few, one" in lines
    prepared = prepare("mine", home)
    assert prepared.class_names == ["few", "many", "one"] and prepared.counts("train")[2] == 1
    assert "no images in validation of 2, test of 1 classes" in prepared.notes


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
    import os

    root = fill({"a": 20, "b": 20})
    (root / "a/0000.jpg").rename(os.fsdecode(os.fsencode(root / "a") + b"/\xff\xfe.jpg"))
    add(home, "folder", root)
    assert sum(sizes(prepare("mine", home))) == 40


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


def write_csv(root, rows, name="scans.csv", encoding="utf-8", delimiter=","):
    (root / name).write_text("\n".join(delimiter.join(row) for row in rows), encoding=encoding)
    return root / name


@pytest.fixture
def scans(fill):
    """40 files of two labels and ten patients; patients 8 and 9 are test."""
    root = fill({"files": 40})
    rows = [
        (f"files/{n:04}.jpg", f"grade {n // 4 % 2}", f"patient {n // 4}", "test" if n >= 32 else "train")
        for n in range(40)
    ]
    return root, rows


HEADING = ("file", "dx", "patient", "part")


@pytest.mark.parametrize(("encoding", "delimiter"), [("utf-8", ","), ("utf-8-sig", ";"), ("utf-8", "\t")])
def test_csv(home, scans, encoding, delimiter):
    root, rows = scans
    path = write_csv(root, [HEADING, *rows], encoding=encoding, delimiter=delimiter)
    add(home, "csv", path, image="file", label="dx", group="patient")
    prepared = prepare("mine", home)
    assert prepared.class_names == ["grade 0", "grade 1"] and sum(sizes(prepared)) == 40
    sides = [set(prepared.groups(split)) for split in SPLITS]
    assert all(sides) and sum(map(len, sides)) == len(set.union(*sides)) == 10


def test_csv_with_parts(home, scans):
    root, rows = scans
    add(home, "csv", write_csv(root, [HEADING, *rows]), image="file", label="dx", split="part")
    prepared = prepare("mine", home)
    assert len(prepared.labels("test")) == 8 and prepared.groups("test") is None
    assert set(prepared.names("test")) == {row[0] for row in rows[32:]}


def test_csv_whose_images_are_elsewhere(home, scans, tmp_path):
    root, rows = scans
    elsewhere = tmp_path / "tables"
    elsewhere.mkdir()
    path = write_csv(elsewhere, [HEADING, *((row[0].removeprefix("files/"), *row[1:]) for row in rows)])
    add(home, "csv", path, image="file", label="dx", images=str(root / "files"))
    assert sum(sizes(prepare("mine", home))) == 40
    path = write_csv(elsewhere, [HEADING, *((str(root / row[0]), *row[1:]) for row in rows)])
    add_dataset("absolute", home, "csv", {"path": str(path), "image": "file", "label": "dx"}, {})
    assert sum(sizes(prepare("absolute", home))) == 40


def test_whole_numbers_are_classes_in_their_order(home, scans):
    root, rows = scans
    path = write_csv(root, [HEADING, *((row[0], str(n % 11), *row[2:]) for n, row in enumerate(rows))])
    add(home, "csv", path, image="file", label="dx")
    assert prepare("mine", home).class_names == [str(n) for n in range(11)]


@pytest.mark.parametrize(
    ("rows", "options", "message"),
    [
        ([HEADING], {}, "has no rows"),
        ([("file", "dxs"), ("a.jpg", "1")], {}, r"has no column 'dx', only file, dxs - did you mean 'dxs'"),
        ([HEADING, ("a.jpg", "", "p", "test")], {}, r"scans\.csv:2: the column 'dx' is empty"),
        ([HEADING, ("a.jpg",)], {}, r"scans\.csv:2: the column 'dx' is empty"),
        (
            [HEADING, ("a.jpg", "1", "p", "tset")],
            {"split": "part"},
            r"scans\.csv:2: 'tset' names no part.*did you mean 'test'",
        ),
    ],
)
def test_csv_that_is_refused(home, tmp_path, rows, options, message):
    with pytest.raises(UserError, match=message):
        add(home, "csv", write_csv(tmp_path, rows), image="file", label="dx", **options)


def test_csv_that_is_no_text(home, tmp_path):
    (tmp_path / "scans.csv").write_bytes(b"file,dx\n\xff\xfe,1\n")
    with pytest.raises(UserError, match="not UTF-8"):
        add(home, "csv", tmp_path / "scans.csv", image="file", label="dx")
    with pytest.raises(UserError, match="cannot be read"):
        add(home, "csv", tmp_path / "none.csv", image="file", label="dx")


def test_csv_that_names_a_file_that_is_not_there(home, scans):
    root, rows = scans
    path = write_csv(root, [HEADING, *rows, ("files/9999.jpg", "grade 0", "patient 1", "train")])
    add(home, "csv", path, image="file", label="dx")
    with pytest.raises(UserError, match=r"files/9999\.jpg cannot be read: .*No such file"):
        prepare("mine", home)


def encoded(path):
    return {"bytes": path.read_bytes(), "path": path.name}


def hugging_face(label_names):
    features = {"image": {"_type": "Image"}, "label": {"names": label_names, "_type": "ClassLabel"}}
    return {"huggingface": json.dumps({"info": {"features": features}})}


def test_parquet_as_hugging_face_writes_it(home, fill, tmp_path):
    files = sorted(fill({"files": 60}).rglob("*.jpg"))
    data = tmp_path / "data"
    data.mkdir()
    shards = {
        "train-00000-of-00002": files[:24],
        "train-00001-of-00002": files[24:48],
        "test-00000-of-00001": files[48:],
    }
    for name, of_shard in shards.items():
        table = pa.table({"image": [encoded(f) for f in of_shard], "label": [int(f.stem) % 2 for f in of_shard]})
        pq.write_table(
            table.replace_schema_metadata(hugging_face(["cat", "dog"])), data / f"{name}.parquet", row_group_size=7
        )
    add(home, "parquet", data)
    prepared = prepare("mine", home)
    assert prepared.class_names == ["cat", "dog"] and sizes(prepared) == [44, 4, 12]
    from archlab.data.decode import decode
    from archlab.data.listing import open_image

    for split in SPLITS:
        for image, label, name in zip(
            prepared.images(split), prepared.labels(split), prepared.names(split), strict=True
        ):
            shard, row = name.removesuffix("]").split(".parquet[")
            file = shards[shard][int(row)]
            assert np.array_equal(image, decode(open_image(str(file)), 30)) and label == int(file.stem) % 2


def test_one_parquet_file_with_other_columns(home, fill, tmp_path):
    files = sorted(fill({"files": 40}).rglob("*.jpg"))
    table = {
        "picture": [f.read_bytes() for f in files],
        "kind": [f"kind {int(f.stem) % 2}" for f in files],
        "place": [int(f.stem) // 4 for f in files],
    }
    pq.write_table(pa.table(table), tmp_path / "all.parquet")
    add(home, "parquet", tmp_path / "all.parquet", image="picture", label="kind", group="place")
    prepared = prepare("mine", home, workers=2)
    assert sum(sizes(prepared)) == 40
    assert not set(prepared.groups("train")) & set(prepared.groups("test"))


def test_parquet_with_paths(home, fill):
    root = fill({"files": 20})
    names = [f"files/{n:04}.jpg" for n in range(20)]
    pq.write_table(pa.table({"image": names, "label": [n % 2 for n in range(20)]}), root / "all.parquet")
    add(home, "parquet", root / "all.parquet")
    assert sum(sizes(prepare("mine", home))) == 20


def test_parquet_that_is_refused(home, tmp_path):
    (tmp_path / "all.parquet").write_text("not a table")
    with pytest.raises(UserError, match="not a Parquet file"):
        add(home, "parquet", tmp_path / "all.parquet")
    pq.write_table(pa.table({"image": [b"1", b"2"], "label": ["a", None]}), tmp_path / "all.parquet")
    with pytest.raises(UserError, match="row 1 has no label"):
        add(home, "parquet", tmp_path / "all.parquet")
    hidden = pa.table({"image": [b"1", b"2"], "label": [1, -1]}).replace_schema_metadata(hugging_face(["cat", "dog"]))
    pq.write_table(hidden, tmp_path / "all.parquet")
    with pytest.raises(UserError, match="row 1 has label -1, of 2"):
        add(home, "parquet", tmp_path / "all.parquet")
    with pytest.raises(UserError, match="has no column 'lable'"):
        add(home, "parquet", tmp_path / "all.parquet", label="lable")
    (tmp_path / "empty").mkdir()
    with pytest.raises(UserError, match=r"holds no \.parquet files"):
        add(home, "parquet", tmp_path / "empty")


def test_metadata_beside_the_images_of_each_part(home, fill):
    root = fill({"train": 40, "test": 10})
    for part, count in (("train", 40), ("test", 10)):
        lines = ["file_name,label", *(f"{n:04}.jpg,{'ab'[n % 2]}" for n in range(count))]
        (root / part / "metadata.csv").write_text("\n".join(lines))
    add(home, "metadata", root, label="label")
    prepared = prepare("mine", home)
    assert prepared.class_names == ["a", "b"] and sizes(prepared) == [36, 4, 10]


def test_metadata_for_all(home, fill):
    root = fill({"files": 20})
    (root / "metadata.csv").write_text(
        "\n".join(["file_name,label", *(f"files/{n:04}.jpg,{n % 2}" for n in range(20))])
    )
    add(home, "metadata", root, label="label")
    assert sum(sizes(prepare("mine", home))) == 20


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
