"""What was described is found again, once and under its name."""

import os
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor

import pytest
from made_folders import fill, picture

from archlab.data import add_dataset, open_prepared, prepare, remove_dataset
from archlab.data import entry as catalogued
from archlab.pick.remembered import find_known


def test_what_has_not_changed_is_not_done_again(found, tmp_path):
    root = fill(tmp_path / "pets", {"cat": 10, "dog": 10})
    first, _ = found(root)
    written = (first.prepared.path / "manifest.json").stat().st_mtime_ns
    link = tmp_path / "link"
    link.symlink_to(root)
    for again in (root, link, tmp_path / "pets" / "." / "cat" / ".."):
        described, said = found(again)
        assert said == ["pets was described before, and has not changed."]
        assert described.facts == first.facts and described.prepared.digest == first.prepared.digest
    assert (first.prepared.path / "manifest.json").stat().st_mtime_ns == written


def test_files_that_only_have_other_times_come_to_the_same(found, tmp_path):
    root = fill(tmp_path / "pets", {"cat": 10, "dog": 10})
    first, _ = found(root)
    os.utime(root / "cat/000.png", (0, 0))
    described, said = found(root)
    assert "the times of their files" in said[0] and "have changed" in said[0]
    assert described.facts == first.facts and described.prepared.digest == first.prepared.digest
    assert found(root)[1] == ["pets was described before, and has not changed."]


def test_files_are_opened_for_their_headings_and_their_pixels_alone(found, tmp_path, monkeypatch):
    """Of a stick or another's disk each further reading takes minutes."""
    root, opened = fill(tmp_path / "pets", {"cat": 10, "dog": 10}), Counter[str]()
    plainly = open

    def counting(file, *given, **options):
        opened[str(file)] += 1
        return plainly(file, *given, **options)

    monkeypatch.setattr("builtins.open", counting)
    found(root)
    assert {opened[str(path)] for path in root.rglob("*.png")} == {3}  # for their depth, their size, their pixels


def test_an_image_that_is_written_while_they_are_prepared_is_noticed_the_next_time(found, tmp_path, monkeypatch):
    root = fill(tmp_path / "pets", {"cat": 10, "dog": 10})

    def overwriting(*given, **options):
        prepared = prepare(*given, **options)
        picture(99).save(root / "cat/000.png")
        return prepared

    with monkeypatch.context() as patch:
        patch.setattr("archlab.pick.photographs.prepare", overwriting)
        first, _ = found(root)
    described, said = found(root)
    assert "have changed" in said[0] and described.prepared.digest != first.prepared.digest


def test_what_lies_beside_the_images_is_told_anew(found, tmp_path):
    root = fill(tmp_path / "pets", {"cat": 10, "dog": 10})
    first, _ = found(root)
    (root / "cat/new.dng").write_bytes(b"")
    described, said = found(root)
    (remark,) = described.facts["remarks"]
    assert remark.startswith("Left out, since they are no images of a known format: 1 .dng; ")
    assert remark.endswith("photographs among them count once they are converted to JPEG.")
    assert "what is told of them have changed" in said[0] and described.prepared.digest == first.prepared.digest
    (root / "cat/new.dng").unlink()
    assert found(root)[0].facts == first.facts


@pytest.mark.parametrize("change", ["image", "class", "pixels"])
def test_what_has_changed_is_described_anew_under_its_name(found, tmp_path, change):
    root = fill(tmp_path / "pets", {"cat": 10, "dog": 10})
    first, _ = found(root)
    if change == "image":
        picture(99).save(root / "cat" / "new.png")
    elif change == "class":
        (root / "cat").rename(root / "lynx")
    else:
        path = root / "cat/000.png"
        picture(99).save(path)
    described, said = found(root)
    assert described.name == "pets" and "have changed" in said[0]
    assert described.prepared.digest != first.prepared.digest
    assert described.facts["classes"] == (["dog", "lynx"] if change == "class" else ["cat", "dog"])


def test_names_do_not_collide(found, empty, tmp_path):
    one, other = (fill(tmp_path / place / "photos", {"a": 10, "b": 10}, seed) for seed, place in ((0, "x"), (50, "y")))
    first, second = found(one)[0], found(other)[0]
    assert (first.name, second.name) == ("photos", "photos-2")
    assert first.prepared.digest != second.prepared.digest and found(one)[0].prepared.digest == first.prepared.digest
    assert found(fill(tmp_path / "digits", {"a": 10, "b": 10}))[0].name == "digits-2"
    add_dataset("mine", empty.home, "folder", {"path": str(one)}, {"title": "by hand"})
    described, said = found(fill(tmp_path / "mine", {"a": 10, "b": 10}))
    assert described.name == "mine-2" and said[0] == "Another dataset is called mine: this one is mine-2."
    assert catalogued("mine", empty.home).title == "by hand"
    assert found(fill(tmp_path / "catalogue", {"a": 10, "b": 10}))[0].name == "catalogue-2"


def test_folders_of_one_name_that_are_described_at_once_get_two(found, tmp_path, monkeypatch):
    def slowly(*given):
        known = find_known(*given)
        time.sleep(0.3)
        return known

    monkeypatch.setattr("archlab.pick.photographs.find_known", slowly)
    folders = [fill(tmp_path / place / "pets", {"cat": 9, "dog": 9}, seed) for seed, place in enumerate("ab")]
    with ThreadPoolExecutor() as threads:
        names = [described.name for described, _ in threads.map(found, folders)]
    assert sorted(names) == ["pets", "pets-2"]


def test_a_folder_that_was_moved_keeps_its_name(found, tmp_path):
    first, _ = found(fill(tmp_path / "x/photos", {"a": 10, "b": 10}))
    (tmp_path / "y").mkdir()
    moved = (tmp_path / "x/photos").rename(tmp_path / "y/photos")
    described, _ = found(moved)
    assert described.name == "photos" and described.prepared.digest == first.prepared.digest
    assert described.entry.options["path"] == str(moved)


@pytest.mark.parametrize(
    ("folder", "name"),
    [
        ("My  Photos (2024).", "my-photos-2024"),
        ("Äpfel & Öl", "äpfel-öl"),
        (".hidden", "hidden"),
        ("日本", "日本"),
        ("🌾", "images"),
        ("n" * 200, "n" * 40),
        ("a@b", "a-b"),
    ],
)
def test_names_of_folders(found, tmp_path, folder, name):
    root = fill(tmp_path / folder, {"a": 5, "b": 5})
    assert found(root)[0].name == name


def test_a_name_of_other_letters_is_taken(found, empty, tmp_path):
    add_dataset("Leaves", empty.home, "folder", {"path": str(fill(tmp_path / "own", {"a": 5, "b": 5}))}, {})
    assert found(fill(tmp_path / "leaves", {"a": 6, "b": 5}))[0].name == "leaves-2"


def test_what_was_interrupted_keeps_its_name(found, empty, tmp_path, monkeypatch):
    root = fill(tmp_path / "pets", {"cat": 10, "dog": 10})
    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr("archlab.pick.photographs.inspect", lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))
        found(root)
    assert found(root)[0].name == "pets"


def test_what_is_damaged_or_removed_is_prepared_anew(found, empty, tmp_path):
    root = fill(tmp_path / "pets", {"cat": 10, "dog": 10})
    first, _ = found(root)
    (first.prepared.path / "train.labels.npy").write_bytes(b"damaged")
    again, said = found(root)
    assert again.prepared.digest == first.prepared.digest and said == ["Reading 20 images at 16 x 16 pixels."]
    remove_dataset("pets", empty.home)
    assert found(root)[0].prepared.digest == first.prepared.digest
    assert open_prepared("pets", empty.home, thoroughly=True)
