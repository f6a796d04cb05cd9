"""What a dataset may be called, and that removing one removes nothing else."""

import pytest

from archlab.data import add_dataset, prepare, remove_dataset
from archlab.data.entries import names
from archlab.foundation import UserError


def add(name, home, root):
    return add_dataset(name, home, "folder", {"path": str(root)}, {}, replace=True)


@pytest.mark.parametrize("name", ["catalogue", "Catalogue"])
def test_the_folder_of_the_entries_is_no_dataset(home, fill, name):
    with pytest.raises(UserError, match=f"^a dataset cannot be called '{name}', as the folder of the entries is$"):
        add(name, home, fill({"a": 10, "b": 10}))


def test_an_entry_called_as_the_folder_of_the_entries_removes_itself_alone(home, fill, describe):
    root = fill({"a": 10, "b": 10})
    add("mine", home, root)
    path = describe("catalogue", source={"folder": {"path": str(root)}})
    with pytest.raises(UserError, match="cannot be called 'catalogue'"):
        add("catalogue", home, root)
    with pytest.raises(UserError, match=r"cannot be called 'catalogue', .*: rename the entry"):
        prepare("catalogue", home)
    assert remove_dataset("catalogue", home) == [path]
    assert [each.name for each in path.parent.iterdir()] == ["mine.yaml"]


@pytest.mark.parametrize("name", ["Mine", "DIGITS"])
def test_names_that_differ_in_case_alone(home, fill, name):
    root = fill({"a": 10, "b": 10})
    add("mine", home, root)
    with pytest.raises(UserError, match=f"a dataset is called '{name.lower()}' already, and on many disks '{name}' is"):
        add(name, home, root)


def test_an_entry_is_written_anew_beside_one_of_before(home, fill, describe):
    root = fill({"a": 10, "b": 10})
    add("mine", home, root)
    describe("Mine", source={"folder": {"path": str(root)}})
    add("mine", home, root)
    assert {"mine", "Mine"} <= set(names(home))


def test_images_in_the_folder_of_their_dataset_are_not_removed(home, fill):
    root = fill({"a": 3, "b": 3}, root=home / "datasets" / "mine" / "photos")
    add("mine", home, root)
    with pytest.raises(
        UserError, match="photos: the images of mine are in the folder that would be removed: move them first"
    ):
        remove_dataset("mine", home)
    assert len(list(root.rglob("*.jpg"))) == 6


def test_images_of_a_table_in_the_folder_of_their_dataset_are_not_removed(home, fill, tmp_path):
    root = fill({"files": 20}, root=home / "datasets" / "mine" / "photos")
    lines = ["image,label", *(f"files/{n:04}.jpg,{n % 2}" for n in range(20))]
    (tmp_path / "scans.csv").write_text("\n".join(lines))
    columns = {"image": "image", "label": "label", "images": str(root)}
    add_dataset("mine", home, "csv", {"path": str(tmp_path / "scans.csv"), **columns}, {})
    with pytest.raises(UserError, match="photos: the images of mine are in the folder that would be removed"):
        remove_dataset("mine", home)
    assert len(list(root.rglob("*.jpg"))) == 20


def test_images_in_the_folder_of_a_dataset_whose_entry_does_not_name_them_are_not_removed(home, fill, tmp_path):
    root = fill({"a": 10, "b": 10}, root=home / "datasets" / "mine" / "photos")
    lines = ["image,label", *(f"{file},{file.parent.name}" for file in sorted(root.rglob("*.jpg")))]
    (tmp_path / "scans.csv").write_text("\n".join(lines))
    add_dataset("mine", home, "csv", {"path": str(tmp_path / "scans.csv"), "image": "image", "label": "label"}, {})
    for _ in range(2):
        with pytest.raises(UserError, match=r"0000\.jpg: the images of mine are in the folder that would be removed"):
            remove_dataset("mine", home)
        (home / "datasets/catalogue/mine.yaml").write_text("name: [")
    assert len(list(root.rglob("*.jpg"))) == 20


def test_a_link_is_removed_and_not_what_it_leads_to(home, fill, tmp_path):
    root = fill({"a": 3, "b": 3})
    add("mine", home, root)
    (home / "datasets" / "mine").symlink_to(fill({"elsewhere": 1}, root=tmp_path / "away"))
    remove_dataset("mine", home)
    assert not (home / "datasets" / "mine").exists() and (tmp_path / "away" / "elsewhere" / "0000.jpg").exists()


def test_an_entry_with_an_odd_name_removes_no_folder_above(home):
    odd = home / "datasets" / "catalogue" / "...yaml"
    odd.parent.mkdir(parents=True)
    odd.write_text("name: ..\n")
    with pytest.raises(UserError):
        remove_dataset("..", home)
    assert odd.exists()


def test_a_sheet_is_no_folder(home, tmp_path, command):
    code, _, err = command("datasets", "show", "digits", "--output", tmp_path, "--store", home)
    assert code == 2 and err == f"error: {tmp_path}: is a folder: name the PNG to write\n"
