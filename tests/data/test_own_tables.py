"""Anybody's own tables of images: CSV, Parquet and Hugging Face's folders."""

import json
import os

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from archlab.data import add_dataset, prepare
from archlab.data.decode import decode
from archlab.data.formats import open_image
from archlab.data.listing import SPLITS
from archlab.foundation import UserError
from tests.data.published import sizes
from tests.data.test_own_folders import add


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


def test_the_order_of_rows_decides_nothing(home, scans):
    root, rows = scans
    splits = []
    for seed in range(3):
        mixed = [rows[at] for at in np.random.default_rng(seed).permutation(len(rows))]
        describe = {"path": str(write_csv(root, [HEADING, *mixed])), "image": "file", "label": "dx"}
        add_dataset("mine", home, "csv", describe, {}, replace=True)
        prepared = prepare("mine", home, resolution=8)
        splits.append((prepared.digest, *(tuple(prepared.names(split)) for split in SPLITS)))
    assert len(set(splits)) == 1


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

    for split in SPLITS:
        for image, label, name in zip(
            prepared.images(split), prepared.labels(split), prepared.names(split), strict=True
        ):
            shard, row = name.removesuffix("]").split(".parquet[")
            file = shards[shard][int(row)]
            assert np.array_equal(image, decode(open_image(str(file)), 30)) and label == int(file.stem) % 2


def test_parquet_whose_parts_are_folders(home, fill, tmp_path):
    """As Hugging Face converts datasets: default/train/0000.parquet, default/test/0000.parquet."""
    files = sorted(fill({"files": 50}).rglob("*.jpg"))
    for part, of_part in (("train", files[:40]), ("test", files[40:])):
        folder = tmp_path / "data" / "default" / part
        folder.mkdir(parents=True)
        table = {"image": [encoded(file) for file in of_part], "label": [int(file.stem) % 2 for file in of_part]}
        pq.write_table(pa.table(table), folder / "0000.parquet")
        (folder / "._0000.parquet").write_bytes(b"what macOS leaves on other disks")
    add(home, "parquet", tmp_path / "data")
    prepared = prepare("mine", home)
    assert sizes(prepared) == [36, 4, 10]
    assert prepared.names("test") == [f"default/test/0000.parquet[{row}]" for row in range(10)]


def test_parquet_in_folders_as_spark_writes_them(home, fill, tmp_path):
    """train.parquet/part-00000.snappy.parquet, a folder for each part."""
    files = sorted(fill({"files": 50}).rglob("*.jpg"))
    for part, of_part in (("train", files[:40]), ("test", files[40:])):
        folder = tmp_path / "data" / f"{part}.parquet"
        folder.mkdir(parents=True)
        table = {"image": [encoded(file) for file in of_part], "label": [int(file.stem) % 2 for file in of_part]}
        pq.write_table(pa.table(table), folder / "part-00000.snappy.parquet")
    add(home, "parquet", tmp_path / "data")
    assert sizes(prepare("mine", home)) == [36, 4, 10]


@pytest.mark.slow
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


def hugging(names):
    return json.dumps({"info": {"features": {"label": {"names": names, "_type": "ClassLabel"}}}}).encode()


@pytest.mark.parametrize(
    "note",
    [
        b"",
        b"{",
        b"\xff",
        b"[]",
        b"null",
        b'{"info": null}',
        b'{"info": {"features": []}}',
        b'{"info": {"features": {"label": 3}}}',
        b"[" * 100_000,
        hugging(3),
        hugging({"0": "cat"}),
        hugging([1, None]),
    ],
)
def test_parquet_with_odd_notes_has_the_numbers_for_names(home, tmp_path, make_picture, note):
    write_parquet(tmp_path / "mine.parquet", make_picture, {"label": pa.array([n % 2 for n in range(20)])}, note)
    add(home, "parquet", tmp_path / "mine.parquet")
    assert prepare("mine", home, resolution=8).class_names == ["0", "1"]


def write_parquet(path, make_picture, columns, note=None, images=None):
    if images is None:
        make_picture(0).save(path.with_suffix(".png"))
        images = [path.with_suffix(".png").read_bytes()] * 20
    table = pa.table({"image": images, **columns})
    pq.write_table(table.replace_schema_metadata({b"huggingface": note} if note is not None else None), path)


def test_parquet_with_odd_columns_is_refused_in_a_line(home, tmp_path, make_picture):
    path, labels = tmp_path / "mine.parquet", pa.array([n % 2 for n in range(20)])
    starts = pa.py_buffer(np.arange(21, dtype=np.int32))
    for columns, note, images, words in (
        (
            {"label": pa.Array.from_buffers(pa.string(), 20, [None, starts, pa.py_buffer(b"\xff" * 20)])},
            None,
            None,
            "UTF-8",
        ),
        ({"label": pa.nulls(20)}, None, None, "row 0 has no label"),
        ({"label": pa.array([n % 3 for n in range(20)])}, hugging(["a", "b"]), None, "row 2 has label 2, of 2"),
        ({"label": labels}, None, pa.nulls(20, pa.string()), "row 0 has no image"),
        ({"label": labels}, None, pa.array(["a\0.png"] * 20), "none of the images can be read"),
    ):
        write_parquet(path, make_picture, columns, note, images)
        with pytest.raises(UserError, match=words) as told:
            add_dataset("mine", home, "parquet", {"path": str(path)}, {}, replace=True)
            prepare("mine", home, resolution=8)
        assert "\n" not in str(told.value)
    write_parquet(path, make_picture, {"label": pa.array([float(n % 2) for n in range(20)])}, hugging(["a", "b"]))
    add_dataset("mine", home, "parquet", {"path": str(path)}, {}, replace=True)
    assert prepare("mine", home, resolution=8).class_names == ["0.0", "1.0"]


@pytest.mark.parametrize("kind", ["pipe", "device", "folder", "loop"])
def test_what_is_no_file_is_no_image(home, scans, kind):
    root, rows = scans
    path = root / rows[0][0]
    path.unlink()
    {
        "pipe": lambda: os.mkfifo(path),
        "device": lambda: path.symlink_to("/dev/zero"),
        "folder": path.mkdir,
        "loop": lambda: path.symlink_to(path.name),
    }[kind]()
    add_dataset(
        "mine", home, "csv", {"path": str(write_csv(root, [HEADING, *rows])), "image": "file", "label": "dx"}, {}
    )
    with pytest.raises(UserError, match=r"files/0000\.jpg cannot be read"):
        prepare("mine", home, resolution=8)
    skipped = prepare("mine", home, resolution=8, on_unreadable="skip").manifest["skipped"]
    assert skipped == ["files/0000.jpg"]
