"""Tables that are nearly right: rows that are cut, columns that stand twice, labels in two spellings or none."""

import os
import subprocess
import sys
import zipfile

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from archlab.data import Entry
from archlab.data.readers.csv import read_rows
from archlab.data.readers.labels import label_classes
from archlab.data.reading import read_source
from archlab.foundation import UserError


def found(path, reader="csv", **options):
    columns = {"image": "image", "label": "label", **options}
    return read_source(Entry("mine", "mine", "own", 2, 8, "none", reader, {"path": str(path), **columns}), None)


def written(path, text):
    path.write_text(text, encoding="utf-8")
    return path


@pytest.mark.parametrize(
    ("text", "line", "words"),
    [
        (
            "image,label\n1.jpg,cat\n2.jpg,melanoma, in situ\n",
            3,
            "3 fields, but there are 2 columns: quote what holds commas",
        ),
        ("image;label\n1.jpg;a;b;c\n", 2, "4 fields, but there are 2 columns: quote what holds semicolons"),
        ("1.jpg cat\n2.jpg golden retriever\n", 2, "3 fields, but there are 2 columns: quote what holds blanks"),
    ],
)
def test_rows_that_are_too_long(tmp_path, text, line, words):
    path = written(tmp_path / "table.csv", text)
    with pytest.raises(UserError, match=rf"table\.csv:{line}: has {words}$"):
        read_rows(path, "image", "label")


@pytest.mark.parametrize(
    "text",
    [
        "image,label,,\n1.jpg,cat,,\n2.jpg,dog\n",
        "image,label\n1.jpg,cat,,\n2.jpg,dog,  \n",
        "image,label,note\n1.jpg,cat\n2.jpg,dog,old\n",
        'image,label\n1.jpg,"cat"\n\n2.jpg,dog\n',
        "image,label,x,x\n1.jpg,cat,1,2\n2.jpg,dog,3,4\n",
        "image;label;age, sex, site\n1.jpg;cat;\n2.jpg;dog;\n",
        'image,label,"age; sex; site; date"\n1.jpg,cat,\n2.jpg,dog,\n',
        "image;label;;\n1.jpg;cat;;\n2.jpg;dog;;\n;;;\n \n",
        "sep=;\r\nimage;label\r\n1.jpg;cat\r\n2.jpg;dog\r\n",
        '\ufeff"sep=|"\nimage|label\n1.jpg|cat\n2.jpg|dog\n',
        'image, label\n1.jpg, cat\n2.jpg, "dog"\n',
    ],
)
def test_rows_that_are_longer_by_nothing_and_shorter_ones(tmp_path, text):
    rows = read_rows(written(tmp_path / "table.csv", text), "image", "label")
    assert [(row.file, row.label) for row in rows] == [("1.jpg", "cat"), ("2.jpg", "dog")]


@pytest.mark.parametrize("text", ["1.jpg;0,5\n2.jpg;1,5\n", "sep=;\n1.jpg;0,5\n2.jpg;1,5\n", "2.jpg;1,5\n1.jpg;0,5\n"])
def test_decimal_commas_between_semicolons(tmp_path, text):
    rows = read_rows(written(tmp_path / "table.csv", text), "image", "label")
    assert sorted((row.file, row.label) for row in rows) == [("1.jpg", "0,5"), ("2.jpg", "1,5")]


def test_lines_below_one_that_says_the_separator(tmp_path):
    path = written(tmp_path / "table.csv", "sep=;\nimage;label\n1.jpg;cat\n2.jpg\n")
    with pytest.raises(UserError, match=r"table\.csv:4: the column 'label' is empty"):
        read_rows(path, "image", "label")
    with pytest.raises(UserError, match=r"table\.csv: is empty$"):
        read_rows(written(path, "sep=;\n"), "image", "label")


def test_the_line_of_a_quote_that_is_wrong(tmp_path):
    path = written(tmp_path / "table.csv", 'image,label\n1.jpg,cat\n"2".jpg,dog\n3.jpg,cat\n')
    with pytest.raises(UserError, match=r"table\.csv:3: is not a CSV file: .*expected after"):
        read_rows(path, "image", "label")


def test_a_table_that_is_one_long_line(tmp_path):
    path = written(tmp_path / "table.csv", "images: [" + "1" * 200_000)
    with pytest.raises(UserError, match=r"table\.csv:1: is not a CSV file: field larger than field limit"):
        read_rows(path, "image", "label")


@pytest.mark.parametrize("kind", ["xlsx", "xls", "Windows", "UTF-16"])
def test_what_is_no_utf_8_is_to_be_saved_so(tmp_path, kind):
    path, text = tmp_path / f"table.{kind}", "image,label\n1.jpg,B\u00e4r\n"
    contents = {"xls": b"\xd0\xcf\x11\xe0\xa1", "Windows": text.encode("cp1252"), "UTF-16": text.encode("utf-16")}
    if kind == "xlsx":
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as book:
            book.writestr("xl/worksheets/sheet1.xml", bytes(range(256)))
    else:
        path.write_bytes(contents[kind])
    with pytest.raises(UserError, match=r"is not UTF-8 text: save the table as CSV in UTF-8$"):
        read_rows(path, "image", "label")


def test_a_row_without_its_label(tmp_path):
    with pytest.raises(UserError, match=r"table\.csv:2: the column 'label' is empty"):
        read_rows(written(tmp_path / "table.csv", "image,label\n1.jpg\n"), "image", "label")


def test_a_column_that_stands_twice(tmp_path):
    path = written(tmp_path / "table.csv", "image,label,label\n1.jpg,cat,A\n")
    with pytest.raises(UserError, match=r"table\.csv: has 2 columns called 'label'$"):
        read_rows(path, "image", "label")
    twice = pa.table([pa.array([b"1"]), pa.array(["a"]), pa.array(["b"])], names=["image", "label", "label"])
    pq.write_table(twice, tmp_path / "all.parquet")
    with pytest.raises(UserError, match="has 2 columns called 'label'"):
        found(tmp_path / "all.parquet", "parquet")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "is empty"),
        ("\n \n", "is empty"),
        ("\nimage,label\n1.jpg,a\n", "begins with an empty line"),
        (",,\n1,2,3\n", "begins"),
    ],
)
def test_an_empty_table(tmp_path, text, words):
    with pytest.raises(UserError, match=rf"table\.csv: {words}"):
        read_rows(written(tmp_path / "table.csv", text), "image", "label")


def test_labels_that_are_hardly_numbers():
    assert label_classes(["--5", "3", "12"])[0] == ("--5", "12", "3")
    assert label_classes(["-", "3"])[0] == ("-", "3")
    assert label_classes(["10", "-5", "3"])[0] == ("-5", "3", "10")
    assert label_classes(["9" * 5000, "1"])[0] == ("1", "9" * 5000)


@pytest.mark.parametrize(
    "names",
    [("-1.0", "2.0", "10.0"), ("0,5", "2", "2,5", "10,0"), ("5 %", "10 %", "93 %", "100%"), ("1,2,3", "10", "9")],
)
def test_numbers_are_in_their_order_however_they_are_written(names):
    assert label_classes(sorted(names))[0] == names


def test_equal_numbers_are_always_in_one_order():
    code = "from archlab.data.readers.labels import label_classes; print(label_classes(['1', '01', '001', '+1'[1:], '2'])[0])"
    told = {
        subprocess.run(
            [sys.executable, "-c", code], check=True, capture_output=True, env={**os.environ, "PYTHONHASHSEED": seed}
        ).stdout
        for seed in ("1", "2", "3")
    }
    assert told == {b"('001', '01', '1', '2')\n"}


def test_two_spellings_are_one_class_and_one_group(fill):
    root = fill({"files": 4})
    words = ["e\u0301", "\u00e9", "owl", "owl"]
    lines = ["image,label,patient", *(f"files/{n:04}.jpg,{word},{word}" for n, word in enumerate(words))]
    listing = found(written(root / "table.csv", "\n".join(lines)), group="patient")
    assert listing.class_names == ("owl", "\u00e9") and set(listing.groups) == {"owl", "\u00e9"}


def test_two_spellings_of_a_list(fill):
    root = fill({"train/e\u0301": 2, "train/owl": 2, "val": 2})
    (root / "val.txt").write_text("0000.jpg e\u0301\n0001.jpg \u00e9\n", encoding="utf-8")
    source = {"path": str(root), "table": str(root / "val.txt")}
    listing = read_source(Entry("mine", "mine", "own", 2, 8, "none", "listed", source), None)
    assert listing.class_names == ("owl", "\u00e9") and list(listing.labels[-2:]) == [1, 1]


def test_files_that_are_spelled_otherwise(fill):
    root = fill({"a/b": 4})
    for number in range(4):
        (root / f"a/b/{number:04}.jpg").rename(root / f"a/b/e\u0301{number}.jpg")
    names = ("a/b/\u00e90.jpg", "\u00e91.jpg", "\u00e92", "a\\b\\\u00e93.jpg")
    lines = ["image,label", *(f"{name},{number % 2}" for number, name in enumerate(names))]
    listing = found(written(root / "table.csv", "\n".join(lines)))
    assert listing.notes == ()
    for index in range(4):
        listing.images.open(index).close()


def test_suffixes_in_small_letters_and_in_large_ones(fill):
    root = fill({"a": 4}, suffix=".JPG")
    lines = ["image,label", "a/0000.jpg,cat", "0001.jpg,dog", "0002,cat", "a\\0003.JPG,dog"]
    listing = found(written(root / "table.csv", "\n".join(lines)))
    assert sorted(listing.images.names) == [f"a/{n:04}.JPG" for n in range(4)] and listing.notes == ()


def test_ids_of_images_in_a_folder_that_is_linked(fill, tmp_path):
    root, away = fill({"a": 2}), fill({"deep": 2}, root=tmp_path / "away")
    for number in range(2):
        (away / f"deep/{number:04}.jpg").rename(away / f"deep/x{number}.jpg")
    (root / "more").symlink_to(away)
    listing = found(written(root / "table.csv", "image,label\n0000,cat\n0001,dog\nx0,cat\nx1,dog\n"))
    assert listing.notes == () and "more/deep/x0.jpg" in listing.images.names


def test_images_that_a_table_does_not_name_are_told_where_their_folder_is_given(fill):
    root = fill({"a": 6})
    path = written(root / "table.csv", "image,label\n" + "".join(f"a/{n:04}.jpg,{n % 2}\n" for n in range(4)))
    told = f"2 images that table.csv does not name were left out, {root}/a/0004.jpg for one"
    assert found(path, images=str(root)).notes == (told,) and found(path).notes == ()


def test_images_that_stand_in_several_rows_are_told(fill):
    root = fill({"a": 4})
    rows = ["a/0000.jpg,cat", "0001,dog", "a/0001.jpg,cat", "./a/0003.jpg,dog", "0003.jpg,dog"]
    path = written(root / "table.csv", "\n".join(["image,label", *rows]))
    assert found(path).notes == ("2 images in more than one row, a/0001.jpg for one",)


def test_images_that_stand_in_a_list_twice_are_told(fill):
    root = fill({"train/a": 3, "train/b": 3, "val": 2})
    path = written(root / "val.txt", "0000.jpg a\n0000.jpg b\n0001.jpg b\n")
    source = {"path": str(root), "table": str(path)}
    listing = read_source(Entry("mine", "mine", "own", 2, 8, "none", "listed", source), None)
    assert listing.notes == ("1 image in more than one row, val/0000.jpg for one",)


def test_an_id_of_two_images_of_one_size_and_time(fill):
    root = fill({"a": 2, "b": 2}, suffix=".bmp")
    for file in root.rglob("*.bmp"):
        os.utime(file, (1.6e9, 1.6e9))
    path = written(root / "table.csv", "image,label\n0000,cat\n0001,dog\n")
    with pytest.raises(UserError, match=r"'0000' may be a/0000\.bmp or b/0000\.bmp: write the path"):
        found(path)


def test_a_folder_that_cannot_be_read_is_told_with_what_is_missing(fill, monkeypatch):
    root = fill({"a": 2, "b": 2})
    path = written(root / "table.csv", "image,label\n0000,cat\n0007,dog\n")
    (root / "b" / "0000.jpg").unlink()

    def scandir(place, scan=os.scandir):
        if str(place) == str(root / "b"):
            raise PermissionError(13, "Permission denied", str(place))
        return scan(place)

    monkeypatch.setattr(os, "scandir", scandir)
    told = f"1 of 2 images are not there, '0007' the first; {root}/b: cannot be read: Permission denied"
    assert found(path).notes == (told,)


def parquet(path, labels, **columns):
    pq.write_table(pa.table({"image": [b"x"] * len(labels), "label": labels, **columns}), path)
    return path


@pytest.mark.parametrize(
    ("labels", "words"),
    [
        (["a", " ", "b"], "row 1 has no label"),
        ([0.0, np.nan, 1.0], "row 1 has no label"),
        ([[0], [0, 1], [1]], "row 0 has a label of several values: one is expected"),
        ([{"x": 1}, {"x": 2}, {"x": 3}], "row 0 has a label of several values: one is expected"),
        ([b"a", b"\xff", b"\xfe"], "row 1 has a label that is not UTF-8 text"),
    ],
)
def test_labels_of_parquet_that_are_refused(tmp_path, labels, words):
    with pytest.raises(UserError, match=rf"all\.parquet: {words}$"):
        found(parquet(tmp_path / "all.parquet", labels), "parquet")


def test_blanks_around_labels_of_parquet_are_none_of_them(tmp_path):
    path = parquet(tmp_path / "all.parquet", ["cat", "cat ", " dog"], patient=["1", "1 ", "2"])
    listing = found(path, "parquet", group="patient")
    assert listing.class_names == ("cat", "dog") and list(listing.groups) == ["1", "1", "2"]
