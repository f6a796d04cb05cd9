"""Images to fill datasets with: coloured noise, every one different."""

import os
from pathlib import Path

import numpy as np
import pytest
from PIL import Image


def picture(seed, size=(40, 30)):
    """A smooth random image, which JPEG hardly changes."""
    small = np.random.RandomState(seed).randint(0, 256, (5, 5, 3), dtype=np.uint8)
    return Image.fromarray(small).resize(size, Image.Resampling.BICUBIC)


@pytest.fixture
def make_picture():
    return picture


@pytest.fixture
def fill(tmp_path):
    """fill({"train/cat": 3}) writes three JPEGs into the folder train/cat below a new folder, which it returns."""

    def fill(counts, root=tmp_path / "photos", suffix=".jpg", size=(40, 30)):
        seed = 0
        for folder, count in counts.items():
            (root / folder).mkdir(parents=True, exist_ok=True)
            for number in range(count):
                picture(seed, size).save(root / folder / f"{number:04}{suffix}")
                seed += 1
        return root

    return fill


@pytest.fixture
def scanned(monkeypatch):
    """The names of folders, once for each time that one is read."""
    names = []

    def scandir(place, scan=os.scandir):
        names.append(Path(place).name)
        return scan(place)

    monkeypatch.setattr(os, "scandir", scandir)
    return names


@pytest.fixture
def home(tmp_path, monkeypatch):
    """The store that commands take by themselves."""
    path = tmp_path / "home"
    path.mkdir()
    monkeypatch.setenv("ARCHLAB_HOME", str(path))
    return path


@pytest.fixture
def describe(home):
    """describe("leaves", source=..., classes=3) writes an entry of one's own."""

    def describe(name, **values):
        import json

        about = {"title": name, "domain": "own", "classes": 2, "resolution": 16, "licence": "none"}
        if "like" in values:
            about = {}
        path = home / "datasets" / "catalogue" / f"{name}.yaml"
        path.parent.mkdir(parents=True, exist_ok=True)
        lines = [f"{key}: {json.dumps(value)}\n" for key, value in {"name": name, **about, **values}.items()]
        path.write_text("".join(lines), encoding="utf-8")
        return path

    return describe


@pytest.fixture
def little(describe, home):
    """little("indoor67", source, ...) prepares the dataset with three classes from what somebody has."""

    from archlab.data import prepare

    def little(name, source, *, classes=3, resolution=8, **values):
        own = f"little-{name}"
        describe(own, like=name, classes=classes, **values)
        return prepare(own, home, source=source, resolution=resolution)

    return little
