"""`archlab datasets`, as a user calls it."""

import json
import os
import shutil
from functools import partial

import numpy as np
import pytest
from PIL import Image

from archlab.foundation import read_yaml


@pytest.fixture
def call(command, monkeypatch, tmp_path):
    """call("list") is `archlab datasets list`, in an empty folder."""
    monkeypatch.setenv("ARCHLAB_HOME", str(tmp_path / "home"))
    monkeypatch.chdir(tmp_path)
    return partial(command, "datasets")


@pytest.fixture
def photos(tmp_path):
    root = tmp_path / "photos"
    for part, count in (("train", 20), ("test", 5)):
        for seed, name in enumerate(("maple", "oak")):
            (root / part / name).mkdir(parents=True)
            for number in range(count):
                random = np.random.RandomState(1000 * seed + number + 100 * (part == "test"))
                pixels = Image.fromarray(random.randint(0, 256, (5, 5, 3), dtype=np.uint8))
                pixels.resize((32, 32), Image.Resampling.BICUBIC).save(root / part / name / f"{number}.png")
    return root


def test_list(call, tmp_path):
    code, out, _ = call("list")
    assert code == 0 and "stanford_dogs" in out and "CC BY-NC 4.0" in out and "on use" in out
    code, out, err = call("list", "--json")
    rows = {row["name"]: row for row in json.loads(out)}
    assert code == 0 and err == f"nothing is stored in {tmp_path / 'home'} yet\n" and not list(tmp_path.iterdir())
    assert rows["cifar10"]["classes"] == 10 and rows["cifar10"]["images"] == {"train": 50000, "test": 10000}
    assert rows["cifar10"]["prepared"] == [] and rows["digits"]["sample"]


def test_list_goes_on_where_an_entry_cannot_be_read(call, tmp_path):
    entry = tmp_path / "home/datasets/catalogue/leaves.yaml"
    entry.parent.mkdir(parents=True)
    entry.write_text("name: leaves\ntitel: Leaves\n")
    code, out, err = call("list", "--json")
    assert code == 0 and {"digits", "cifar10"} <= {row["name"] for row in json.loads(out)}
    assert err.startswith(f"warning: the dataset leaves is left out: {entry}:2: ") and err.count("\n") == 1


@pytest.mark.slow
def test_a_folder_from_adding_to_looking(call, photos, tmp_path):
    code, out, _ = call("add", "leaves", "--folder", photos, "--title", "Leaves", "--licence", "mine", "--no-flip")
    assert code == 0 and "2 classes, 36 train, 4 validation, 10 test" in out
    assert "next: archlab datasets prepare leaves" in out
    code, out, _ = call("prepare", "leaves", "--workers", 2)
    assert code == 0 and "leaves: 36 train, 4 validation, 10 test; 2 classes, 32 pixels" in out
    assert call("prepare", "leaves")[1] == out
    code, out, _ = call("check", "leaves")
    assert code == 0 and "leaks: none found" in out
    code, out, _ = call("show", "leaves")
    sheet = Image.open(tmp_path / "leaves.png")
    assert code == 0 and sheet.format == "PNG" and sheet.width > 8 * 64 and sheet.height > 2 * 64
    row = next(row for row in json.loads(call("list", "--json")[1]) if row["name"] == "leaves")
    assert row["title"] == "Leaves" and row["licence"] == "mine" and row["prepared"] == [32]


def test_what_is_taken_for_white_is_told(call, photos):
    for path in photos.rglob("*.png"):
        Image.fromarray(np.asarray(Image.open(path).convert("L")).astype(np.uint16) * 16).save(path)
    told = "16-bit images with values up to 4,095: that is taken for white (--white says another value)\n"
    assert told in call("add", "leaves", "--folder", photos)[1]
    assert told not in call("add", "leaves", "--folder", photos, "--white", 4095, "--replace")[1]


def test_the_next_command_is_on_the_same_store(call, photos, tmp_path):
    store = tmp_path / "my store"
    out = call("add", "leaves", "--folder", photos, "--store", store)[1]
    assert out.endswith(f"next: archlab datasets prepare leaves --store '{store}'\n")


def test_the_sheet_shows_the_images(call, photos, tmp_path):
    call("add", "leaves", "--folder", photos)
    call("prepare", "leaves")
    call("show", "leaves", "--split", "test", "--per-class", 5, "--output", tmp_path / "sheet.png")
    sheet = np.asarray(Image.open(tmp_path / "sheet.png"))
    first = np.asarray(Image.open(photos / "test/maple/0.png").resize((64, 64), Image.Resampling.NEAREST))
    found = [
        (top, left)
        for top in range(sheet.shape[0] - 63)
        for left in range(160, 180)
        if np.array_equal(sheet[top : top + 64, left : left + 64], first)
    ]
    assert len(found) == 1


@pytest.mark.slow
@pytest.mark.parametrize("name", ["two\nlines", "a\x1b[31m\u202eb\u2028c", b"\xff\xfe", "x" * 200])
def test_classes_may_be_called_as_a_folder_can(call, photos, tmp_path, name):
    for part in ("train", "test"):
        (photos / part / "maple").rename(photos / part / os.fsdecode(name))
    for verb in (("add", "leaves", "--folder", photos), ("prepare", "leaves"), ("check", "leaves"), ("show", "leaves")):
        code, out, err = call(*verb)
        assert code == 0 and "\x1b" not in out + err, err
    assert (tmp_path / "leaves.png").exists()


@pytest.mark.slow
def test_check_and_show_take_the_resolution_that_is_there(call, photos):
    call("add", "leaves", "--folder", photos)
    call("prepare", "leaves", "--resolution", 16)
    assert call("check", "leaves")[0] == call("show", "leaves")[0] == 0
    assert call("check", "leaves", "--resolution", 24)[0] != 0


def test_what_is_prepared_with_another_fit_is_listed_checked_and_shown(call, photos, tmp_path):
    call("add", "leaves", "--folder", photos)
    call("prepare", "leaves", "--resolution", 16, "--fit", "whole")
    row = next(row for row in json.loads(call("list", "--json")[1]) if row["name"] == "leaves")
    assert row["prepared"] == [] and row["stores"] == ["16-whole"]
    assert "16-whole" in call("list")[1]
    assert call("check", "leaves", "--fit", "whole")[0] == call("show", "leaves", "--fit", "whole")[0] == 0
    assert (tmp_path / "leaves.png").exists()
    code, _, err = call("check", "leaves", "--fit", "stretch")
    assert code == 2 and "archlab datasets prepare leaves --fit stretch" in err


@pytest.mark.slow
def test_check_says_leak_and_what_mends_it(call, photos, tmp_path):
    (photos / "test/oak/3.png").write_bytes((photos / "train/oak/7.png").read_bytes())
    call("add", "leaves", "--folder", photos)
    call("prepare", "leaves")
    code, out, _ = call("check", "leaves")
    assert code == 1 and "identical images in different parts: 1" in out and "leaks: yes" in out
    entry = tmp_path / "home/datasets/catalogue/leaves.yaml"
    assert (
        f"remedy: `together: identical` in {entry} keeps them on one side; then: archlab datasets prepare leaves" in out
    )
    code, out, _ = call("check", "leaves", "--json")
    assert code == 1 and json.loads(out)["duplicates"][0]["labels"] == ["oak", "oak"]
    assert json.loads(out)["remedy"].startswith("remedy: ")
    call("add", "leaves", "--folder", photos, "--together", "identical", "--replace")
    code, _, err = call("prepare", "leaves")
    assert code == 0 and "1 images left out: copies of such in the test or the validation part" in err
    code, out, _ = call("check", "leaves")
    assert code == 0 and "identical images in different parts: 0" in out and "remedy" not in out


@pytest.mark.slow
def test_a_table(call, photos, tmp_path):
    lines = ["file;dx;patient"]
    lines += [
        f"{path.relative_to(tmp_path)};{path.parent.name};{n // 2}"
        for n, path in enumerate(sorted(photos.rglob("*.png")))
    ]
    (tmp_path / "scans.csv").write_text("\n".join(lines))
    columns = ("--image-column", "file", "--label-column", "dx", "--group-column", "patient")
    code, out, _ = call("add", "scans", "--csv", "scans.csv", *columns)
    assert code == 0 and "2 classes" in out
    code, out, _ = call("prepare", "scans")
    assert code == 0
    assert call("check", "scans")[1].count("groups with images in different parts: 0") == 1


@pytest.mark.slow
def test_a_table_of_ids_and_a_flat_folder_with_a_list(call, photos, tmp_path):
    for path in sorted((photos / "train/oak").iterdir()):
        path.rename(path.with_stem(f"oak_{path.stem}"))
    ids = [f"{path.stem},{path.parent.name}" for path in sorted((photos / "train").rglob("*.png"))]
    (tmp_path / "scans.csv").write_text("\n".join(["image_id,dx", *ids]))
    columns = ("--image-column", "image_id", "--label-column", "dx", "--image-folder", photos / "train")
    code, out, _ = call("add", "scans", "--csv", "scans.csv", *columns)
    assert code == 0 and "2 classes, 28 train, 4 validation, 8 test" in out
    assert call("prepare", "scans")[0] == 0

    shutil.rmtree(photos / "test")
    (photos / "val").mkdir()
    for number, path in enumerate(sorted((photos / "train/oak").iterdir())[:4]):
        path.rename(photos / "val" / f"{number}.png")
    (photos / "val.txt").write_text("".join(f"val/{number}.png 1\n" for number in range(4)))
    code, out, _ = call("add", "leaves", "--folder", photos, "--csv", photos / "val.txt")
    assert code == 0 and "2 classes, 29 train, 4 validation, 7 test" in out
    assert "leaves: 29 train, 4 validation, 7 test" in call("prepare", "leaves")[1]


def test_a_folder_with_metadata(call, photos):
    for part in ("train", "test"):
        files = sorted((photos / part).rglob("*.png"))
        lines = ["file_name,kind", *(f"{file.relative_to(photos / part)},{n % 2}" for n, file in enumerate(files))]
        (photos / part / "metadata.csv").write_text("\n".join(lines))
    code, out, _ = call("add", "kinds", "--folder", photos, "--label-column", "kind")
    assert code == 0 and "2 classes, 36 train, 4 validation, 10 test" in out


@pytest.mark.slow
def test_a_reader_of_one_s_own(own_code_forgotten, call, photos, tmp_path):
    (tmp_path / "my_reader.py").write_text(
        "from pathlib import Path\n"
        "import numpy as np\n"
        "from archlab.data import ImageFiles, Listing\n"
        "def read(root: Path | None, *, path: Path, kinds: list[str]) -> Listing:\n"
        "    files = [str(file) for file in sorted(path.rglob('*.png'))]\n"
        "    labels = np.array([kinds.index(Path(file).parent.name) for file in files])\n"
        "    return Listing(tuple(kinds), ImageFiles(path, files), labels, np.full(len(files), ''))\n"
    )
    reader = ("--reader", "my_reader.py:read", "--option", "path=photos")
    code, _, err = call("add", "leaves", *reader)
    assert code == 2 and err == "error: source my_reader.py:read needs the key 'kinds'\n"
    code, out, _ = call("add", "leaves", *reader, "--option", "kinds=[oak, maple]", "--seed", 3)
    assert code == 0 and "2 classes, 36 train, 4 validation, 10 test" in out
    code, out, _ = call("prepare", "leaves")
    assert code == 0 and "leaves: 36 train, 4 validation, 10 test; 2 classes, 32 pixels" in out
    assert call("check", "leaves")[0] == call("show", "leaves")[0] == 0


@pytest.mark.slow
def test_remove(call, photos, tmp_path):
    call("add", "leaves", "--folder", photos)
    call("prepare", "leaves")
    call("prepare", "leaves", "--resolution", 8)
    entries = tmp_path / "home/datasets/catalogue"
    (entries / "more.yaml").write_text("name: more\nlike: leaves\nseed: 3\n")
    code, _, err = call("remove", "leaves")
    assert code == 2 and "leaves is what more is like: remove that first" in err
    assert call("remove", "more")[0] == 0
    code, out, _ = call("remove", "leaves")
    assert code == 0 and out.count("removed ") == 2 and not (entries / "leaves.yaml").exists()
    assert not (tmp_path / "home/datasets/leaves").exists() and len(list(photos.rglob("*.png"))) == 50
    assert call("add", "leaves", "--folder", photos)[0] == 0
    code, _, err = call("remove", "leavse")
    assert code == 2 and "no dataset is called 'leavse' - did you mean 'leaves'?" in err
    code, _, err = call("remove", "cifar10")
    assert code == 2 and "cifar10 comes with archlab, and nothing of it is prepared" in err
    (entries / "leaves.yaml").write_text("name: [")
    assert call("remove", "leaves")[0] == 0 and not (entries / "leaves.yaml").exists()
    assert call("remove", "../catalogue")[0] == 2


def test_unreadable(call, photos):
    (photos / "train/oak/7.png").write_bytes(b"not an image")
    call("add", "leaves", "--folder", photos)
    code, _, err = call("prepare", "leaves")
    assert code == 2 and "error: train/oak/7.png cannot be read" in err and "--on-unreadable skip" in err
    code, _, err = call("prepare", "leaves", "--on-unreadable", "skip")
    assert code == 0 and "note: 1 unreadable images left out: train/oak/7.png" in err


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("prepare", "digit"), "no dataset is called 'digit' - did you mean 'digits'?"),
        (("prepare", "cifar10", "--from", "nowhere"), "nowhere: there is no such file or folder"),
        (("prepare", "cifar10", "--from", "."), "no folder here holds batches.meta"),
        (("prepare", "digits", "--from", "."), "comes inside an installed package"),
        (("check", "cifar10"), "cifar10 is not prepared at 32 pixels: archlab datasets prepare cifar10 --from PATH"),
        (("show", "cifar10", "--resolution", "64"), "archlab datasets prepare cifar10 --resolution 64 --from PATH"),
        (("add", "x"), "say where the images are"),
        (("add", "x", "--folder", "a", "--parquet", "b"), "one of --folder, --csv, --parquet and --reader"),
        (("add", "x", "--folder", ".", "--image-folder", "b"), "--image-folder goes with --csv"),
        (("add", "x", "--folder", ".", "--csv", "none.csv"), "none.csv: there is no such file or folder"),
        (("add", "x", "--folder", ".", "--option", "a=1"), "--option is for a --reader of your own"),
        (("add", "x", "--reader", "a.py:read", "--group-column", "b"), "columns are those of a table: what a --reader"),
        (
            ("add", "x", "--reader", "a.py:read", "--series"),
            "--series is for folders of classes: a --reader of your own",
        ),
        (
            ("add", "x", "--parquet", ".", "--series"),
            "--series is for folders of classes alone: a table of all images has",
        ),
        (("add", "x", "--reader", "folder"), "own code is named FILE.py:NAME, not 'folder'"),
        (("add", "x", "--reader", "none.py:read"), "none.py cannot be read: No such file"),
        (("add", "x", "--reader", "none.py:read", "--option", "a"), "--option is written KEY=VALUE, not 'a'"),
        (("add", "x", "--folder", "nowhere"), "nowhere: there is no such file or folder"),
        (("prepare", "digits", "--resolution", "0"), "resolution"),
        (("prepare", "digits", "--worker", "1"), "did you mean '--workers'?"),
    ],
)
def test_mistakes_are_one_line(call, arguments, message):
    code, out, err = call(*arguments)
    assert code == 2 and not out
    assert err.startswith("error: ") and err.count("\n") == 1 and message in err


def test_what_is_said_of_a_dataset_stands_in_its_entry(call, photos, tmp_path):
    about = {"domain": "plants", "citation": "Me 2026", "white": 4095, "test": 0.25, "seed": 3}
    options = [word for name, value in about.items() for word in (f"--{name}", value)]
    code, out, err = call("add", "leaves", "--folder", photos / "train", *options)
    assert code == 0 and "10 test" in out, err
    entry = read_yaml(tmp_path / "home/datasets/catalogue/leaves.yaml")
    assert {name: entry[name] for name in about} == about


def test_a_table_may_say_what_is_for_training_and_what_for_testing(call, photos, tmp_path):
    files = [path.relative_to(tmp_path) for path in sorted(photos.rglob("*.png"))]
    lines = ["image,label,part", *(f"{file},{file.parts[2]},{file.parts[1]}" for file in files)]
    (tmp_path / "scans.csv").write_text("\n".join(lines))
    code, out, _ = call("add", "scans", "--csv", "scans.csv", "--split-column", "part")
    assert code == 0 and "2 classes, 36 train, 4 validation, 10 test" in out


@pytest.mark.slow
def test_images_of_another_dataset(call, photos, tmp_path):
    others = tmp_path / "others"
    shutil.copytree(photos / "test", others / "train")
    shutil.copytree(photos / "train", others / "test")
    for name, folder in (("leaves", photos), ("trees", others)):
        call("add", name, "--folder", folder)
        call("prepare", name)
    code, out, _ = call("check", "leaves", "--against", "trees")
    assert code == 1 and "shared test images: 10" in out and "test test/maple/0.png (maple) = " in out
    code, out, _ = call("check", "leaves", "--against", "trees", "--json")
    document = json.loads(out)
    assert code == 1 and document["shared"]["test"] == {"images": 10, "identical": 10, "near_duplicates": 0}
    assert (document["dataset"], document["against"], document["resolution"]) == ("leaves", "trees", 32)
    assert {"splits", "names", "labels"} == set(document["identical"][0])
    assert call("check", "leaves", "--against", "digits")[0] == 0
    code, _, err = call("check", "leaves", "--against", "leaves")
    assert code == 2 and "shares all images with itself" in err
