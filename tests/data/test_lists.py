"""Tables that name images as people do: by id, by file name, without headings; and a flat folder with a list."""

import shutil

import pytest

from archlab.data import add_dataset, prepare
from archlab.data.own import summary
from archlab.data.readers.csv import read_rows
from archlab.foundation import UserError


def add(home, reader, **options):
    named = {"image": "image", "label": "label", **options}
    return add_dataset("mine", home, reader, {key: str(value) for key, value in named.items()}, {})


def write_csv(path, rows, delimiter=","):
    path.write_text("\n".join(delimiter.join(map(str, row)) for row in rows) + "\n")
    return path


def labels_by_name(prepared):
    return {
        name.rpartition("/")[2]: prepared.class_names[label]
        for split in ("train", "validation", "test")
        for name, label in zip(prepared.names(split), prepared.labels(split), strict=True)
    }


@pytest.fixture
def scans(tmp_path):
    """40 images in two folders whose names are ids, some with dots in them, as DICOM has."""
    from tests.data.conftest import picture

    ids = [f"ISIC_{n:07}" if n % 2 else f"1.2.840.{n}" for n in range(40)]
    for n, name in enumerate(ids):
        folder = tmp_path / "scans" / ("part_1" if n < 20 else "deep/part_2")
        folder.mkdir(parents=True, exist_ok=True)
        picture(n, (12, 10)).save(folder / f"{name}.{'jpg' if n % 3 else 'PNG'}")
    return tmp_path / "scans", ids


def test_ids_without_suffix(home, scans):
    root, ids = scans
    rows = [("image_id", "dx"), *((name, "mel" if n % 4 < 2 else "nv") for n, name in enumerate(ids))]
    table = write_csv(root.parent / "table.csv", rows)
    _, listing, splits = add(home, "csv", path=table, image="image_id", label="dx", images=root)
    assert not listing.notes and summary(listing, splits)[0] == "2 classes, 28 train, 4 validation, 8 test"
    found = labels_by_name(prepare("mine", home, resolution=8))
    assert {name.rpartition(".")[0]: label for name, label in found.items()} == dict(rows[1:])


@pytest.mark.parametrize("suffix", ["", ".jpg"])
def test_names_of_files_at_any_depth(home, fill, suffix):
    root = fill({"a/b": 20, "c": 0})
    rows = [("image", "label"), *((f"{n:04}{suffix}", n % 2) for n in range(20))]
    add(home, "csv", path=write_csv(root / "table.csv", rows))
    assert len(labels_by_name(prepare("mine", home, resolution=8))) == 20


def test_an_id_of_two_images(home, fill):
    root = fill({"a": 20, "b": 20})
    table = write_csv(root / "table.csv", [("image", "label"), *((f"{n:04}", n % 2) for n in range(20))])
    with pytest.raises(UserError, match=r"photos: '0000' may be a/0000\.jpg or b/0000\.jpg: write the path$"):
        add(home, "csv", path=table)
    shutil.rmtree(root / "b")
    shutil.copytree(root / "a", root / "b")
    add(home, "csv", path=table)
    assert all(name.startswith("a/") for name in prepare("mine", home, resolution=8).names("train"))


def test_images_that_are_not_there(home, fill, tmp_path):
    root = fill({"a": 20})
    rows = [("image", "label"), *((f"{n:04}", n % 2) for n in range(22))]
    _, listing, splits = add(home, "csv", path=write_csv(root / "table.csv", rows))
    assert "2 of 22 images are not there, '0020' the first" in summary(listing, splits)
    with pytest.raises(UserError, match=r"002[01] cannot be read"):
        prepare("mine", home, resolution=8)
    assert prepare("mine", home, resolution=8, on_unreadable="skip").manifest["skipped"]
    (tmp_path / "elsewhere").mkdir()
    elsewhere = write_csv(tmp_path / "elsewhere" / "table.csv", rows)
    with pytest.raises(UserError, match=r"table\.csv: none of its images is below .*elsewhere, '0000' the first"):
        add_dataset("other", home, "csv", {"path": str(elsewhere), "image": "image", "label": "label"}, {})


@pytest.mark.parametrize(
    ("text", "columns"),
    [
        ("a/1.jpg cat\na/2.jpg dog\n", ("image", "label")),
        ("a/1.jpg\tcat\t3\t4\na/2.jpg\tdog\t3\t4\n", ("image", "label")),
        ("cat,a/1.jpg\ndog,a/2.jpg\n", ("2", "1")),
        ("a/1.jpg,cat\r\na/2.jpg,dog\r\n", ("1", "2")),
        ("image,label\na/1.jpg,cat\na/2.jpg,dog\n", ("image", "label")),
    ],
)
def test_with_and_without_headings(tmp_path, text, columns):
    (tmp_path / "list.txt").write_text(text)
    rows = read_rows(tmp_path / "list.txt", *columns)
    assert [(row.file, row.label) for row in rows] == [("a/1.jpg", "cat"), ("a/2.jpg", "dog")]


def test_ids_without_headings_by_number(tmp_path):
    rows = read_rows(write_csv(tmp_path / "list", [("x1", "cat"), ("x2", "dog")], " "), "1", "2")
    assert [(row.file, row.label) for row in rows] == [("x1", "cat"), ("x2", "dog")]


# A flat folder with a list

KINDS = ("maple", "oak")


@pytest.fixture
def flat(fill):
    """flat("val", below) has 20 training images a class, and six images in a folder of their own."""

    def flat(part, classes=("train/maple", "train/oak")):
        return fill({**dict.fromkeys(classes, 20), part: 6})

    return flat


@pytest.mark.parametrize("label", [lambda n: KINDS[n % 2], lambda n: n % 2])
@pytest.mark.parametrize(
    ("part", "table", "name"),
    [
        ("val", "val.txt", "val/{:04}.jpg"),
        ("val", "val.txt", "{:04}.jpg"),
        ("val", "val/val.csv", "{:04}"),
        ("val/images", "val/val_annotations.txt", "{:04}.jpg"),
        ("val/images", "list.csv", "{:04}"),
        ("valid", "lists/labels.csv", "{:04}.jpg"),
    ],
)
def test_a_flat_validation_folder(home, flat, part, table, name, label):
    root = flat(part)
    (root / table).parent.mkdir(exist_ok=True)
    rows = [(name.format(n), label(n)) for n in range(6)]
    if table.endswith(".csv"):
        rows.insert(0, ("image", "label"))
    path = write_csv(root / table, rows, "," if table.endswith(".csv") else " ")
    _, listing, _ = add(home, "listed", path=root, table=path)
    prepared = prepare("mine", home, resolution=8)
    assert not listing.notes and prepared.class_names == list(KINDS)
    assert [len(prepared.labels(split)) for split in ("train", "validation", "test")] == [32, 6, 8]
    assert sorted(prepared.names("validation")) == [f"{part}/{n:04}.jpg" for n in range(6)]
    for label_index, file in zip(prepared.labels("validation"), prepared.names("validation"), strict=True):
        assert label_index == int(file[-8:-4]) % 2


def test_a_flat_test_folder_beside_a_validation_part(home, flat, fill):
    root = flat("test")
    fill({"val/maple": 3, "val/oak": 3})
    table = write_csv(
        root / "answers.csv", [("image", "label"), *((f"test/{n:04}.jpg", KINDS[n % 2]) for n in range(6))]
    )
    add(home, "listed", path=root, table=table)
    prepared = prepare("mine", home, resolution=8)
    assert [len(prepared.labels(split)) for split in ("train", "validation", "test")] == [40, 6, 6]


def test_images_that_nobody_labelled_are_left_out(home, flat, fill):
    root = flat("val/images")
    fill({"test/images": 5})
    table = write_csv(root / "val" / "val_annotations.txt", [(f"{n:04}.jpg", KINDS[n % 2]) for n in range(6)], "\t")
    add(home, "listed", path=root, table=table)
    prepared = prepare("mine", home, resolution=8)
    assert not any("test/" in name for split in ("train", "test") for name in prepared.names(split))


def test_class_folders_beside_the_flat_one(home, flat):
    root = flat("validation", KINDS)
    table = write_csv(root / "list.txt", [(f"validation/{n:04}.jpg", KINDS[n % 2]) for n in range(6)], " ")
    add(home, "listed", path=root, table=table)
    prepared = prepare("mine", home, resolution=8)
    assert prepared.class_names == list(KINDS) and len(prepared.labels("validation")) == 6


@pytest.mark.parametrize(
    ("row", "message"),
    [
        (("val/0000.jpg", "mapel"), r"list.csv: the label 'mapel' is not a class's folder, .* - did you mean 'maple'"),
        (("val/0000.jpg", "2"), r"the label '2' is not a class's folder, or a number below 2"),
        (("val/0000.jpg", "9" * 5000), r"the label '9+ .*' is not a class's folder, or a number below 2"),
        (("train/oak/0000.jpg", "oak"), r"list.csv: train/oak/0000.jpg stands in the list and in a class's folder"),
        (("nothing.jpg", "oak"), r"list.csv: none of its images is below .*photos, 'nothing.jpg' the first"),
    ],
)
def test_lists_that_are_refused(home, flat, row, message):
    root = flat("val")
    with pytest.raises(UserError, match=message):
        add(home, "listed", path=root, table=write_csv(root / "list.csv", [("image", "label"), row]))
