"""Each of the seven (CIFAR has a file of its own) prepares from a small archive in its official layout, with exact counts,
classes and splits."""

import io
import zipfile
import zlib

import numpy as np
import pytest

from archlab.data import entry, load_suite, prepare
from archlab.data.listing import SPLITS
from archlab.foundation import UserError
from tests.data.published import encoded, md5, sizes, tar


def test_imagenette(tmp_path, home, describe, make_picture):
    codes = list(entry("imagenette", home).options["class_names"])
    files = {"imagenette2-160/noisy_imagenette.csv": b"path,noisy_labels_0\n"}
    for number, code in enumerate(codes):
        for i in range(10):
            files[f"imagenette2-160/train/{code}/{code}_{i}.JPEG"] = encoded(
                make_picture, 100 * number + i, size=(200, 160)
            )
        for i in range(3):
            files[f"imagenette2-160/val/{code}/{code}_{i}.JPEG"] = encoded(make_picture, 100 * number + 50 + i)
    path = tmp_path / "imagenette2-160.tgz"
    tar(path, files, "w:gz")
    describe("little", like="imagenette", archives=[{"file": path.name, "checksum": md5(path)}])
    prepared = prepare("little", home, source=path)
    assert prepared.class_names[0] == "tench" and prepared.class_names[-1] == "parachute"
    assert sizes(prepared) == [90, 10, 30] and prepared.images("test").shape[1:] == (160, 160, 3)
    assert all(
        f"val/{codes[label]}/" in name
        for label, name in zip(prepared.labels("test"), prepared.names("test"), strict=True)
    )


HAM = "lesion_id,image_id,dx,dx_type,age,sex,localization"


def write_ham(folder, make_picture, heading=HAM, zipped=True):
    """140 images of 70 lesions, ten lesions of each diagnosis, in the archives as published."""
    diagnoses = ["akiec", "bcc", "bkl", "df", "mel", "nv", "vasc"]
    rows, images = [heading], {}
    for number in range(140):
        lesion = number // 2
        rows.append(f"HAM_{lesion:07},ISIC_{number:07},{diagnoses[lesion % 7]},histo,50.0,male,back")
        images[f"ISIC_{number:07}.jpg"] = encoded(make_picture, number, size=(60, 45))
    if "\t" in heading:
        rows = [row.replace(",", "\t") for row in rows]
    halves = list(images.items())[:70], list(images.items())[70:]
    for part, half in enumerate(halves, start=1):
        if zipped:
            with zipfile.ZipFile(folder / f"HAM10000_images_part_{part}.zip", "w") as archive:
                for name, content in half:
                    archive.writestr(name, content)
        else:
            (folder / f"HAM10000_images_part_{part}").mkdir()
            for name, content in half:
                (folder / f"HAM10000_images_part_{part}" / name).write_bytes(content)
    (folder / ("HAM10000_metadata.tab" if "\t" in heading else "HAM10000_metadata.csv")).write_text(
        "\n".join(rows) + "\n"
    )


def test_ham10000_keeps_lesions_together(tmp_path, home, make_picture):
    source = tmp_path / "ham"
    source.mkdir()
    write_ham(source, make_picture)
    prepared = prepare("ham10000", home, source=source)
    assert prepared.class_names[4:6] == ["melanoma", "melanocytic nevus"]
    assert sizes(prepared) == [112, 14, 14]
    lesions = [set(prepared.groups(split)) for split in SPLITS]
    assert sum(map(len, lesions)) == len(set.union(*lesions)) == 70
    for split in SPLITS:
        assert len(set(prepared.counts(split))) == 1


def test_ham10000_with_tabs_and_unpacked_is_the_same(tmp_path, home, make_picture):
    digests = []
    for heading, zipped in (
        (HAM, True),
        (HAM.replace(",", "\t"), True),
        (HAM, False),
    ):
        source = tmp_path / f"ham{len(digests)}"
        source.mkdir()
        write_ham(source, make_picture, heading, zipped)
        store = home / str(len(digests))
        store.mkdir()
        digests.append(prepare("ham10000", store, source=source, resolution=32).digest)
    assert digests[0] == digests[1] == digests[2]


def test_ham10000_published_is_the_study_s_split_by_image(tmp_path, home, make_picture):
    from sklearn.model_selection import train_test_split

    write_ham(tmp_path, make_picture)
    table = tmp_path / "HAM10000_metadata.csv"
    heading, *lines = table.read_text().splitlines()
    table.write_text("\n".join([heading, *reversed(lines)]) + "\n")  # the order of the table counts
    prepared = prepare("ham10000@published", home, source=tmp_path, resolution=16)
    order = np.arange(140)[::-1]
    rest, test = train_test_split(order, test_size=0.15, stratify=order // 2 % 7, random_state=42)
    train, validation = train_test_split(rest, test_size=0.15 / 0.85, stratify=rest // 2 % 7, random_state=42)
    for split, rows in (("train", train), ("validation", validation), ("test", test)):
        assert sorted(prepared.names(split)) == sorted(f"ISIC_{row:07}.jpg" for row in rows)


def test_ham10000_missing_an_archive(tmp_path, home, make_picture):
    write_ham(tmp_path, make_picture)
    (tmp_path / "HAM10000_images_part_2.zip").unlink()
    with pytest.raises(UserError, match=r"HAM10000_images_part_2\.zip is missing"):
        prepare("ham10000", home, source=tmp_path)


def write_dogs(folder, make_picture):
    """120 breeds, five images to train and two to test each."""
    from scipy.io import savemat

    def cells(paths):
        array = np.empty((len(paths), 1), object)
        array[:, 0] = paths
        return array

    parts = {"train": range(5), "test": range(5, 7)}
    images, lists = {}, {}
    breeds = [f"n{2085620 + i:08}-breed_{i}" for i in range(120)]
    for part, numbers in parts.items():
        files = [f"{breed}/{breed.split('-')[0]}_{n}.jpg" for breed in breeds for n in numbers]
        labels = np.repeat(np.arange(1, 121), len(numbers))[:, None].astype(float)
        buffer = io.BytesIO()
        savemat(
            buffer, {"file_list": cells(files), "annotation_list": cells([f[:-4] for f in files]), "labels": labels}
        )
        lists[f"{part}_list.mat"] = buffer.getvalue()
        images |= {f"Images/{file}": encoded(make_picture, zlib.crc32(file.encode()), size=(20, 16)) for file in files}
    tar(folder / "images.tar", images)
    tar(folder / "lists.tar", {"file_list.mat": b"not read", **lists})


@pytest.mark.slow
def test_stanford_dogs_by_its_lists(tmp_path, home, make_picture):
    write_dogs(tmp_path, make_picture)
    prepared = prepare("stanford_dogs", home, source=tmp_path, resolution=16)
    assert sizes(prepared) == [480, 120, 240] and prepared.class_names[7] == "breed 7"
    assert all(name.rpartition("_")[2] in ("5.jpg", "6.jpg") for name in prepared.names("test"))
    assert all(
        f"-breed_{label}/" in name
        for label, name in zip(prepared.labels("train"), prepared.names("train"), strict=True)
    )


@pytest.mark.slow
def test_stanford_dogs_published_is_at_random(tmp_path, home, make_picture):
    write_dogs(tmp_path, make_picture)
    prepared = prepare("stanford_dogs@published", home, source=tmp_path, resolution=16)
    assert sum(sizes(prepared)) == 840 and prepared.counts("test") == [1] * 120
    assert not all(name.rpartition("_")[2] in ("5.jpg", "6.jpg") for name in prepared.names("test"))


def test_indoor67(tmp_path, home, make_picture):
    scenes = [f"scene_{i:02}" for i in range(67)]
    images = {
        f"Images/{scene}/{n} é.jpg": encoded(make_picture, 10 * i + n)
        for i, scene in enumerate(scenes)
        for n in range(6)
    }
    tar(tmp_path / "indoorCVPR_09.tar", images)
    (tmp_path / "TrainImages.txt").write_text(
        "".join(f"{s}/{n} é.jpg\r\n" for s in scenes for n in range(4)), encoding="utf-8"
    )
    (tmp_path / "TestImages.txt").write_text(
        "\n".join(f"{s}/{n} é.jpg" for s in scenes for n in (4,)), encoding="utf-8"
    )
    prepared = prepare("indoor67", home, source=tmp_path / "indoorCVPR_09.tar", resolution=16)
    assert prepared.class_names == scenes and sizes(prepared) == [201, 67, 67]  # number 5 is in no list
    assert prepared.names("test")[3] == "scene_03/4 é.jpg"


def test_miniplaces(tmp_path, home, make_picture):
    categories = [f"/{'abcdefghij'[i // 10]}/scene_{i}" for i in range(98)] + ["/j/temple/asia", "/j/yard"]
    images, lists = {}, {"train": [], "val": []}
    for i, category in enumerate(categories):
        for n in range(1, 4):
            images[f"images/train{category}/{n:08}.jpg"] = encoded(make_picture, 10 * i + n, size=(16, 16))
            lists["train"].append(f"train{category}/{n:08}.jpg {i}")
        images[f"images/val/{i + 1:08}.jpg"] = encoded(make_picture, 10 * i, size=(16, 16))
        images[f"images/test/{i + 1:08}.jpg"] = b"its label is a secret"
        lists["val"].append(f"val/{i + 1:08}.jpg {i}")
    images["objects/train/a/scene_0/00000001.xml"] = b"<annotation/>"
    tar(tmp_path / "data.tar.gz", images, "w:gz")
    (tmp_path / "categories.txt").write_text("".join(f"{name} {i}\n" for i, name in enumerate(categories)))
    for part, lines in lists.items():
        (tmp_path / f"{part}.txt").write_text("\n".join(lines) + "\n")
    prepared = prepare("miniplaces", home, source=tmp_path, resolution=16)
    assert sizes(prepared) == [200, 100, 100] and prepared.class_names[98] == "temple/asia"
    assert prepared.names("test")[4] == "val/00000005.jpg" and prepared.labels("test")[4] == 4


def test_the_suite_is_the_study_s(home):
    seven = load_suite("seven", home).datasets
    assert [entry(name, home).classes for name in seven] == [10, 10, 100, 7, 120, 67, 100]
    assert [name.split("@")[0] for name in load_suite("seven@published", home).datasets] == list(seven)
    for name in seven:
        described = entry(name, home)
        assert described.licence and described.citation and described.homepage and described.archives
        assert all(archive.url for archive in described.archives)


@pytest.mark.slow
def test_checksums_are_those_of_torchvision(home):
    from torchvision.datasets import CIFAR10, CIFAR100, Imagenette

    published = {
        "cifar10": CIFAR10.tgz_md5,
        "cifar100": CIFAR100.tgz_md5,
        "imagenette": Imagenette._ARCHIVES["160px"][1],
    }
    for name, checksum in published.items():
        assert entry(name, home).archives[0].checksum == f"md5:{checksum}"
    assert entry("cifar10", home).archives[0].url == CIFAR10.url
    assert entry("imagenette", home).archives[0].url == Imagenette._ARCHIVES["160px"][0]
