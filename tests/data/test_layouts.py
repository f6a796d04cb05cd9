"""The archives of the published study as people have them: repacked, unpacked, without lists, one folder deeper."""

import io
import shutil
import zipfile

import numpy as np
import pytest

from archlab.data import prepare
from archlab.foundation import UserError
from tests.data.conftest import picture
from tests.data.published import sizes, tar
from tests.data.test_seven import write_ham

SCENES = ("bar", "cloister", "dining_room")
BREEDS = ("n02085620-Chihuahua", "n02085782-Japanese_spaniel", "n02085936-Maltese_dog")


def image(seed):
    buffer = io.BytesIO()
    picture(seed, (12, 10)).save(buffer, format="PNG")
    return buffer.getvalue()


def write(root, files):
    """Files by path below `root`; a number stands for an image."""
    for name, content in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(image(content) if isinstance(content, int) else content)
    return root


def in_classes(classes, below="", count=6, start=0):
    return {
        f"{below}{name}/{n}.png": start + 100 * c + n
        for c, name in enumerate(classes)
        for n in range(start, start + count)
    }


def zipped(root, path):
    with zipfile.ZipFile(path, "w") as archive:
        for file in sorted(root.rglob("*")):
            if file.is_file():
                archive.write(file, file.relative_to(root))
                archive.writestr(f"__MACOSX/{file.relative_to(root).parent}/._{file.name}", b"resource fork")
    return path


PACKINGS = ("folder", "deeper", "zip", "zip in a folder", "tar")
FEW = ("deeper", "zip")


def packed(root, how, tmp_path):
    """What somebody has of the folder `root`."""
    if how == "folder":
        return root
    if how == "deeper":
        shutil.move(root, tmp_path / "archive" / "download" / root.name)
        return tmp_path / "archive"
    files = {str(file.relative_to(root)): file.read_bytes() for file in sorted(root.rglob("*")) if file.is_file()}
    if how == "tar":
        tar(tmp_path / "all.tar.gz", {f"deeper/{name}": content for name, content in files.items()}, "w:gz")
        return tmp_path / "all.tar.gz"
    (tmp_path / "download").mkdir()
    path = zipped(root, tmp_path / "download" / "archive (1).zip")
    return path if how == "zip" else path.parent


@pytest.fixture
def little(describe, home, tmp_path):
    """little("indoor67", source, ...) prepares the dataset with three classes from what somebody has."""

    def little(name, source, *, classes=3, resolution=8, **values):
        own = f"little-{name}"
        describe(own, like=name, classes=classes, **values)
        return prepare(own, home, source=source, resolution=resolution)

    return little


def classes_by_name(prepared):
    """The class of every image, by its name in the source."""
    return {
        name: prepared.class_names[label]
        for split in ("train", "validation", "test")
        for name, label in zip(prepared.names(split), prepared.labels(split), strict=True)
    }


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


def test_dogs_in_parts(little, tmp_path):
    root = write(tmp_path / "cropped", {**in_classes(BREEDS, "train/", 7), **in_classes(BREEDS, "test/", 3, 7)})
    assert sizes(little("stanford_dogs", root)) == [18, 3, 9]
    assert sizes(little("stanford_dogs@published", root)) == [21, 3, 6]


def test_dogs_that_are_none(little, tmp_path):
    with pytest.raises(UserError, match=r"no Stanford Dogs here: expected a folder of images for each breed"):
        little("stanford_dogs", write(tmp_path / "pets", {"cat.png": 1, "dog.png": 2}))


# MIT Indoor-67


@pytest.mark.parametrize("how", FEW)
@pytest.mark.parametrize("parts", [("train", "test"), ("Training", "val")])
def test_indoor67_in_parts(little, tmp_path, how, parts):
    root = write(
        tmp_path / "indoor", {**in_classes(SCENES, f"{parts[0]}/", 10), **in_classes(SCENES, f"{parts[1]}/", 2, 10)}
    )
    prepared = little("indoor67", packed(root, how, tmp_path), images={})
    assert prepared.class_names == list(SCENES) and sizes(prepared) == [27, 3, 6] and not prepared.notes
    assert all(f"{parts[1]}/" in name for name in prepared.names("test"))


def test_indoor67_in_an_archive_for_each_part(little, tmp_path):
    """train.zip holds train/, test.zip the classes themselves."""
    (tmp_path / "indoor").mkdir()
    zipped(write(tmp_path / "a", in_classes(SCENES, "train/", 10)), tmp_path / "indoor" / "train.zip")
    zipped(write(tmp_path / "b", in_classes(SCENES, "", 2, 10)), tmp_path / "indoor" / "test.zip")
    prepared = little("indoor67", tmp_path / "indoor")
    assert prepared.class_names == list(SCENES) and sizes(prepared) == [27, 3, 6]


@pytest.mark.parametrize("how", PACKINGS)
def test_indoor67_in_class_folders(little, tmp_path, how):
    root = write(tmp_path / "indoor", in_classes(SCENES, "Images/" if how == "tar" else "", 10))
    prepared = little("indoor67", packed(root, how, tmp_path), images={})
    assert prepared.class_names == list(SCENES) and sizes(prepared) == [21, 3, 6]
    assert prepared.notes == [
        "without TrainImages.txt and TestImages.txt (http://web.mit.edu/torralba/www/) the test part is drawn at random"
    ]


@pytest.mark.parametrize("how", FEW)
def test_indoor67_in_class_folders_with_lists(little, tmp_path, how):
    lists = {
        "lists/TrainImages.txt": "\n".join(f"{scene}/{n}.png" for scene in SCENES for n in range(4)).encode(),
        "lists/TestImages.txt": "\n".join(f"{scene}/{n}.png" for scene in SCENES for n in (8, 9)).encode(),
    }
    source = packed(write(tmp_path / "indoor", {**in_classes(SCENES, "", 10), **lists}), how, tmp_path)
    prepared = little("indoor67", source, images={})
    assert sizes(prepared) == [9, 3, 6] and not prepared.notes
    assert {name.rpartition("/")[2] for name in prepared.names("test")} == {"8.png", "9.png"}


def test_indoor67_that_cannot_be_read(little, tmp_path):
    root = write(tmp_path / "indoor", {**in_classes(SCENES), "TrainImages.txt": b"bar/1.png\n"})
    with pytest.raises(UserError, match=rf"^{root}: TestImages.txt is missing beside the other list: it is at http:"):
        little("indoor67", root)
    with pytest.raises(UserError, match=r"no MIT Indoor-67 here: expected a folder of images for each scene"):
        little("indoor67", write(tmp_path / "empty", {"readme.txt": b"nothing"}))
    with pytest.raises(UserError, match=r"the catalogue says 67 classes, the source has 3"):
        little("indoor67", write(tmp_path / "three", in_classes(SCENES)), classes=67)


# MiniPlaces

PLACES = ("a/abbey", "b/bakery/shop", "y/yard")
FLAT = ("abbey", "bakery-shop", "yard")


def places(root, *lists, classes=PLACES):
    """Training images in folders, ten validation images of each category in one, in turn; and `lists` of these."""
    known = {
        "categories.txt": [f"/{name} {number}" for number, name in enumerate(classes)],
        "train.txt": [f"train/{name}/{n}.png {number}" for number, name in enumerate(classes) for n in range(10)],
        "val.txt": [f"val/{n:08}.png {n % 3}" for n in range(1, 31)],
    }
    files = {f"{where}": "\n".join(known[where.rpartition("/")[2]]).encode() for where in lists}
    validation = {f"images/val/{n:08}.png": 5000 + n for n in range(1, 31)}
    unlabelled = {f"images/test/{n:08}.png": 7000 + n for n in range(1, 4)}
    return write(root, {**in_classes(classes, "images/train/", 10), **validation, **unlabelled, **files})


def assert_places(prepared):
    assert sizes(prepared) == [27, 3, 30]
    for name, category in classes_by_name(prepared).items():
        if "val/" in name:
            expected = prepared.class_names[int(name[-12:-4]) % 3]
        else:
            expected = name.split("train/")[1].rpartition("/")[0].split("/", 1)[-1]
        assert category == expected


@pytest.mark.parametrize("how", PACKINGS)
@pytest.mark.parametrize(
    "lists",
    [("categories.txt", "train.txt", "val.txt"), ("train.txt", "val.txt"), ("kit/data/val.txt",), ("images/val.txt",)],
)
def test_miniplaces_with_fewer_lists(little, tmp_path, how, lists):
    prepared = little("miniplaces", packed(places(tmp_path / "places", *lists), how, tmp_path))
    assert prepared.class_names == ["abbey", "bakery/shop", "yard"]
    assert_places(prepared)


def test_100places_with_its_list(little, tmp_path):
    """As the authors' loader reads it: a folder a class, and val.txt beside them."""
    prepared = little("miniplaces", places(tmp_path / "100places", "images/val.txt", classes=FLAT))
    assert prepared.class_names == list(FLAT) and sizes(prepared) == [27, 3, 30]


@pytest.mark.parametrize("how", FEW)
@pytest.mark.parametrize("classes", [PLACES, FLAT])
@pytest.mark.parametrize("held_out", ["test", "val"])
def test_miniplaces_in_parts(little, tmp_path, how, classes, held_out):
    files = {**in_classes(classes, "train/", 10), **in_classes(classes, f"{held_out}/", 3, 10)}
    prepared = little("miniplaces", packed(write(tmp_path / "places", files), how, tmp_path), images={})
    assert sizes(prepared) == [27, 3, 9] and not prepared.notes
    assert prepared.class_names == [name.removeprefix("a/").removeprefix("b/").removeprefix("y/") for name in classes]


@pytest.mark.parametrize("how", FEW)
@pytest.mark.parametrize("classes", [("a/abbey", "a/airport", "b/bakery/shop"), FLAT])
def test_miniplaces_in_class_folders(little, tmp_path, how, classes):
    source = packed(write(tmp_path / "places", in_classes(classes, "", 10)), how, tmp_path)
    prepared = little("miniplaces", source, images={})
    assert len(prepared.class_names) == 3 and sizes(prepared) == [21, 3, 6]
    assert prepared.notes == ["without val/ and val.txt the test part is drawn at random"]


def test_miniplaces_that_cannot_be_read(little, tmp_path):
    root = places(tmp_path / "places", "train.txt")
    with pytest.raises(
        UserError, match=rf"^{root}: val.txt, which says what the images in val/ show, is missing: it is at"
    ):
        little("miniplaces", root)
    (root / "val.txt").write_text("val/00000001.png 3\n")
    with pytest.raises(UserError, match=r"val/00000001.png has class 3, of 3"):
        little("miniplaces", root)
    (root / "categories.txt").write_text("/a/abbey 0\n/b/bakery/shop 1\n/y/yard 3\n")
    with pytest.raises(UserError, match=r"categories.txt: the numbers of its 3 categories are not 0 to 2"):
        little("miniplaces", root)
    with pytest.raises(UserError, match=r"no MiniPlaces here: expected images/train and images/val"):
        little("miniplaces", write(tmp_path / "empty", {"readme.txt": b"nothing"}))


# Imagenette, and what is no archive of any


def test_imagenette_packed_anew(little, tmp_path):
    root = write(tmp_path / "nette", {**in_classes(SCENES, "train/", 10), **in_classes(SCENES, "val/", 3, 10)})
    assert sizes(little("imagenette", packed(root, "zip", tmp_path))) == [27, 3, 9]


def test_a_file_that_is_no_archive(little, tmp_path):
    (tmp_path / "notes.txt").write_text("nothing")
    with pytest.raises(UserError, match=r"notes\.txt: expected indoorCVPR_09\.tar"):
        little("indoor67", tmp_path / "notes.txt")
