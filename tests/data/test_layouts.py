"""HAM10000 and Stanford Dogs as people have them: repacked, unpacked, without lists, one folder deeper."""

import os
import shutil

import numpy as np
import pytest

from archlab.data import prepare
from archlab.foundation import UserError
from tests.data.conftest import picture
from tests.data.layouts import BREEDS, FEW, PACKINGS, classes_by_name, in_classes, packed, write, zipped
from tests.data.published import sizes, tar
from tests.data.test_seven import write_ham

# HAM10000


@pytest.fixture(scope="module")
def ham(tmp_path_factory):
    """140 images in two folders, and the metadata as CSV."""
    root = tmp_path_factory.mktemp("ham")
    write_ham(root, picture, zipped=False)
    return root


@pytest.fixture(scope="module")
def ham_digest(ham, tmp_path_factory):
    return prepare("ham10000", tmp_path_factory.mktemp("home"), source=ham, resolution=8).digest


@pytest.fixture
def own_ham(ham, tmp_path):
    return shutil.copytree(ham, tmp_path / "ham")


def as_dataverse_writes_it(path):
    """Tabs between, and quotes around the words."""
    rows = [line.split(",") for line in path.read_text().splitlines()]
    tab = path.with_suffix(".tab")
    tab.write_text("\n".join(["\t".join(rows[0]), *("\t".join(f'"{word}"' for word in row) for row in rows[1:])]))
    path.unlink()
    return tab


@pytest.mark.parametrize("how", FEW)
def test_ham10000_by_kaggle_holds_every_image_twice(home, own_ham, ham_digest, tmp_path, how):
    for part in ("1", "2"):
        shutil.copytree(own_ham / f"HAM10000_images_part_{part}", own_ham / f"ham10000_images_part_{part}")
    (own_ham / "hmnist_8_8_L.csv").write_text("pixel0000,label\n1,2\n")
    assert prepare("ham10000", home, source=packed(own_ham, how, tmp_path), resolution=8).digest == ham_digest


@pytest.mark.parametrize("name", ["HAM10000_metadata.tab", "HAM10000_metadata", "ham/metadata (1).tsv"])
def test_ham10000_with_tabs_in_folders(home, own_ham, ham_digest, name):
    tab = as_dataverse_writes_it(own_ham / "HAM10000_metadata.csv")
    (own_ham / name).parent.mkdir(exist_ok=True)
    tab.rename(own_ham / name)
    assert prepare("ham10000", home, source=own_ham, resolution=8).digest == ham_digest


def test_ham10000_as_dataverse_packs_all_of_it(home, own_ham, ham_digest, tmp_path):
    """One zip of the zips and the table."""
    as_dataverse_writes_it(own_ham / "HAM10000_metadata.csv")
    for part in ("1", "2"):
        folder = own_ham / f"HAM10000_images_part_{part}"
        zipped(folder, folder.with_suffix(".zip"))
        shutil.rmtree(folder)
    source = zipped(own_ham, tmp_path / "dataverse_files.zip")
    assert prepare("ham10000", home, source=source, resolution=8).digest == ham_digest


def test_ham10000_half_unpacked(home, own_ham, ham_digest):
    folder = own_ham / "HAM10000_images_part_2"
    zipped(folder, folder.with_suffix(".zip"))
    shutil.rmtree(folder)
    assert prepare("ham10000", home, source=own_ham, resolution=8).digest == ham_digest


def test_ham10000_that_cannot_be_read(home, own_ham):
    shutil.rmtree(own_ham / "HAM10000_images_part_2")
    with pytest.raises(
        UserError, match=rf"^{own_ham}: 70 of the 140 images of HAM10000_metadata.csv are missing, ISIC_"
    ):
        prepare("ham10000", home, source=own_ham, resolution=8)
    folder = own_ham / "HAM10000_images_part_1"
    zipped(folder, folder.with_suffix(".zip"))
    with pytest.raises(
        UserError, match=rf"^{own_ham}: 70 of .*; HAM10000_images_part_2.zip is missing: it is at https:"
    ):
        prepare("ham10000", home, source=own_ham, resolution=8)
    (own_ham / "HAM10000_metadata.csv").write_text("image_id,label\nISIC_0000001,1\n")
    with pytest.raises(
        UserError, match=r"no table with the columns lesion_id, image_id, dx here: HAM10000_metadata.csv"
    ):
        prepare("ham10000", home, source=own_ham, resolution=8)


# Stanford Dogs


def dogs(root):
    annotations = {f"Annotation/{breed}/{n}": b"<annotation/>" for breed in BREEDS for n in range(6)}
    return write(root, {**in_classes(BREEDS, "Images/", 10), **annotations})


def dog_lists(root):
    from scipy.io import savemat

    root.mkdir(exist_ok=True)
    for part, numbers in (("train", range(7)), ("test", range(7, 10))):
        files = [f"{breed}/{n}.png" for breed in BREEDS for n in numbers]
        cells = np.empty((len(files), 1), object)
        cells[:, 0] = files
        labels = np.repeat(np.arange(1, 4), len(numbers))[:, None].astype(float)
        savemat(root / f"{part}_list.mat", {"file_list": cells, "labels": labels})
    return root


@pytest.mark.parametrize("how", PACKINGS)
def test_dogs_without_lists_prepare_as_published(little, tmp_path, how):
    prepared = little("stanford_dogs@published", packed(dogs(tmp_path / "dogs"), how, tmp_path))
    assert sizes(prepared) == [21, 3, 6]
    assert prepared.class_names == ["Chihuahua", "Japanese spaniel", "Maltese dog"]
    for name, breed in classes_by_name(prepared).items():
        assert name.split("/")[-2].endswith(breed.replace(" ", "_"))


@pytest.mark.parametrize("how", FEW)
def test_dogs_without_lists_say_where_the_lists_are(little, tmp_path, how):
    source = packed(dogs(tmp_path / "dogs"), how, tmp_path)
    with pytest.raises(UserError) as caught:
        little("stanford_dogs", source)
    assert str(caught.value) == (
        f"{source}: train_list.mat and test_list.mat are missing: they are in lists.tar, at "
        "http://vision.stanford.edu/aditya86/ImageNetDogs/lists.tar, to be put beside the images; "
        "stanford_dogs@published needs none"
    )


@pytest.mark.parametrize("kept", ["beside", "below", "lists.tar"])
def test_dogs_with_the_lists_put_beside(little, tmp_path, kept):
    root = dogs(tmp_path / "dogs")
    lists = dog_lists(root if kept == "beside" else root / "lists")
    if kept == "lists.tar":
        tar(root / "lists.tar", {path.name: path.read_bytes() for path in lists.iterdir()})
        shutil.rmtree(lists)
    prepared = little("stanford_dogs", root)
    assert sizes(prepared) == [18, 3, 9]
    assert {name.rpartition("/")[2] for name in prepared.names("test")} == {"7.png", "8.png", "9.png"}


def test_dogs_with_pipes_for_lists(little, tmp_path):
    root = dogs(tmp_path / "dogs")
    for part in ("train", "test"):
        os.mkfifo(root / f"{part}_list.mat")
    with pytest.raises(UserError, match=r"train_list\.mat: is not a list of Stanford Dogs: .*is a pipe or a device"):
        little("stanford_dogs", root)


def test_dogs_in_parts(little, tmp_path):
    root = write(tmp_path / "cropped", {**in_classes(BREEDS, "train/", 7), **in_classes(BREEDS, "test/", 3, 7)})
    assert sizes(little("stanford_dogs", root)) == [18, 3, 9]
    assert sizes(little("stanford_dogs@published", root)) == [21, 3, 6]


def test_dogs_that_are_none(little, tmp_path):
    with pytest.raises(UserError, match=r"no Stanford Dogs here: expected a folder of images for each breed"):
        little("stanford_dogs", write(tmp_path / "pets", {"cat.png": 1, "dog.png": 2}))
