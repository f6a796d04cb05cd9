"""A store with runs of small networks on a folder of images of every kind, made in seconds."""

from __future__ import annotations

import json
import os
import shutil
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from filelock import FileLock
from PIL import Image

from archlab.architecture import SMALLEST_MAP, architecture
from archlab.architecture.own_blocks import own_blocks_alone, own_blocks_of
from archlab.data import prepare
from archlab.executors.training import train_run
from archlab.foundation import write_file
from archlab.runs import Run, Store, run_of
from archlab.training.reading import load_recipe
from archlab.training.recipe import own_files_of

GATED = '''
from torch import nn

import blocks


@blocks.register("gated_conv")
class GatedConv(blocks.Block):
    """A convolution weighed by a gate of its own input."""

    def __init__(self, *, in_channels: int, out_channels: int, stride: int = 1, kernel: int = 3):
        super().__init__()
        self.value = nn.Conv2d(in_channels, out_channels, kernel, stride, kernel // 2)
        self.gate = nn.Conv2d(in_channels, out_channels, kernel, stride, kernel // 2)
        self.norm = nn.BatchNorm2d(out_channels)

    def forward(self, x):
        return self.norm(self.value(x) * self.gate(x).sigmoid())
'''
OWN = {
    "name": "gated",
    "blocks": "my_blocks.py",
    "layers": [{"conv": {"out": 8, "stride": 2}}, {"gated_conv": {"out": 16, "stride": 2}}],
}
CLASSES = ('a "red",\none', "green", "no")


@dataclass(frozen=True)
class Place:
    """A store, the images that its dataset was prepared from, and the keys of its runs by the name of the model."""

    home: Path
    photos: Path
    keys: dict[str, str]

    @property
    def store(self) -> Store:
        return Store(self.home)


def shared_place(tmp_path_factory) -> Place:
    """That of all processes of this test session, made by the first of them."""
    root = tmp_path_factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:
        root = root.parent
    keys = root / "place" / "keys.json"
    with FileLock(root / "place.lock"):
        if not keys.exists():
            shutil.rmtree(keys.parent, ignore_errors=True)  # of one that failed half-way
            write_file(keys, json.dumps(make_place(keys.parent).keys))
    return Place(keys.parent / "home", keys.parent / "photos", json.loads(keys.read_text()))


def make_place(root: Path) -> Place:
    """Three classes of images that differ by colour and size; the dataset `shapes`, prepared at 16 pixels; two runs."""
    photos, home = root / "photos", root / "home"
    for split, count in (("train", 40), ("test", 24)):
        for label, name in enumerate(CLASSES):
            (photos / split / name).mkdir(parents=True)
            for number in range(count):
                _save(photos / split / name, label, number, seed=1000 * (split == "test") + 100 * label + number)
    (home / "datasets/catalogue").mkdir(parents=True)
    (home / "datasets/catalogue/shapes.yaml").write_text(
        f"name: shapes\ntitle: Shapes\ndomain: own\nclasses: 3\nresolution: 16\nlicence: none\n"
        f"source: {{folder: {{path: {photos}}}}}\n"
    )
    prepare("shapes", home)
    (root / "my_blocks.py").write_text(GATED)
    with own_blocks_alone({}):  # and gone afterwards
        gated = train(home, OWN, folder=root)
    keys = {"gated": gated, "mobileone": train(home, "mobileone", width=0.1)}
    return Place(home, photos, keys)


def train(
    home: Path,
    source: str | dict,
    *,
    folder: Path | None = None,
    width: float = 1.0,
    steps: int = 40,
    recipe: dict | None = None,
) -> str:
    """Trains a network on the dataset, in this process; the run's key."""
    prepared = prepare("shapes", home)
    design = architecture(source, folder=folder)
    given = {"like": "quick", "steps": steps, "batch_size": 32, **(recipe or {})}
    settled = load_recipe(given).settled(design.name, "shapes")
    run = run_of(
        design.name,
        design.canonical(),
        width,
        prepared,
        settled.canonical(),
        0,
        smallest_map=SMALLEST_MAP,
        own_files=(*own_blocks_of(design), *own_files_of(settled)),
    )
    return put(home, run)


def put(home: Path, run: Run) -> str:
    (home / "unfinished" / run.key).mkdir(parents=True, exist_ok=True)
    result = train_run(run, home=home, folder=home / "unfinished" / run.key, report=lambda **row: None, device="cpu")
    Store(home).put(run, result)
    return run.key


def _save(folder: Path, label: int, number: int, seed: int) -> None:
    """An image of the class's colour with noise, as a file of another kind each time."""
    chance = np.random.default_rng(seed)
    height, width = 14 + number % 7, 16 + number % 5
    pixels = chance.integers(0, 120, (height, width, 3), dtype=np.uint8)
    pixels[..., label] += 100
    image = Image.fromarray(pixels)
    kind = number % 6
    if kind == 0:
        image.save(folder / f"{number:03}.png")
    elif kind == 1:
        image.convert("P", palette=Image.Palette.ADAPTIVE).save(folder / f"{number:03}.gif")
    elif kind == 2:
        image.convert("CMYK").save(folder / f"{number:03}.jpg")
    elif kind == 3:
        exif = Image.Exif()
        exif[0x0112] = 6
        image.save(folder / f"{number:03}.jpeg", exif=exif)
    elif kind == 4:
        Image.fromarray(pixels[..., label].astype(np.uint16) * 257).save(folder / f"{number:03}.tiff")
    else:
        image.convert("L").save(folder / f"{number:03}.png")


BRANCHING = """
import torch
import blocks


@blocks.register("branching")
class Branching(blocks.Block):
    def __init__(self, *, in_channels: int, out_channels: int, stride: int = 1):
        super().__init__()

    def forward(self, x):
        {body}
"""
