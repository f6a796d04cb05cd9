"""Folders for `tests.comparisons.picks`, of images in Debian packages: `python -m tests.comparisons.pick_folders OUT PACKAGES`.

PACKAGES is where dataset-fashion-mnist, openclipart-png, tuxpaint-stamps-default and wesnoth-1.18-data were unpacked:

    apt-get download dataset-fashion-mnist openclipart-png tuxpaint-stamps-default wesnoth-1.18-data
    for package in *.deb; do dpkg -x $package PACKAGES; done

- `fashion`: clothes, Fashion-MNIST, grey, 28 pixels, 1,000 images to learn from and 1,000 to test with;
- `units`: the peoples of Battle for Wesnoth, frames of animations of 72 pixels, 1,000 each, no figure in both parts;
- `terrain`, its kinds of ground, parts of a hexagonal map, `clipart`, drawings by subject, 2,000 images each, and `stamps`,
  900 photographs and drawings by subject: three without parts.

So few, since what two cores do with small networks in minutes should be to them what an hour is to a network of 2.5 million
parameters and a few thousand.
"""

from __future__ import annotations

import gzip
import re
import shutil
from collections import defaultdict
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import click
import numpy as np
from PIL import Image

IMAGES, WITHOUT_PARTS = 1000, 2000  # of a part, or of a folder without parts
FEWEST = 20  # of a class
SEED = 1
CLOTHES = ["top", "trouser", "pullover", "dress", "coat", "sandal", "shirt", "sneaker", "bag", "boot"]
PEOPLES = [
    "drakes",
    "dwarves",
    "elves-wood",
    "human-loyalists",
    "monsters",
    "orcs",
    "saurians",
    "undead",
    "undead-skeletal",
]
GROUNDS = [
    "bridge",
    "castle",
    "cave",
    "forest",
    "hills",
    "interior",
    "mountains",
    "sand",
    "swamp",
    "unwalkable",
    "village",
    "walls",
    "water",
]
SUBJECTS = ["animals", "computer", "food", "people", "recreation", "shapes", "signs_and_symbols", "transportation"]


@dataclass(frozen=True)
class Example:
    """An image of a class, which `write` writes to a path of that suffix; those of one group are alike."""

    of: str
    suffix: str
    write: Callable[[Path], object]
    group: str = ""


@click.command()
@click.argument("out", type=click.Path(path_type=Path))
@click.argument("packages", type=click.Path(path_type=Path, exists=True, file_okay=False))
def main(out: Path, packages: Path) -> None:
    """Writes them into OUT."""
    share = packages / "usr" / "share"
    images = share / "games" / "wesnoth" / "1.18" / "data" / "core" / "images"
    for part, name in (("train", "train"), ("test", "t10k")):
        _write(_clothes(share / "datasets" / "fashion-mnist", name), out / "fashion" / part, IMAGES)
    for part, half in _halves(_files(images / "units", PEOPLES)).items():
        _write(half, out / "units" / part, IMAGES)
    stamps = share / "tuxpaint" / "stamps"
    kinds = sorted(each.name for each in stamps.iterdir())
    _write(_files(images / "terrain", GROUNDS), out / "terrain", WITHOUT_PARTS)
    _write(_files(share / "openclipart" / "png", SUBJECTS), out / "clipart", WITHOUT_PARTS)
    _write(_files(stamps, kinds), out / "stamps", WITHOUT_PARTS)


def _clothes(folder: Path, name: str) -> list[Example]:
    """Of Fashion-MNIST's files, whose headers have 16 and 8 bytes."""
    pixels, labels = (
        np.frombuffer(gzip.decompress((folder / f"{name}-{kind}.gz").read_bytes()), np.uint8)[header:]
        for kind, header in (("images-idx3-ubyte", 16), ("labels-idx1-ubyte", 8))
    )
    pairs = zip(pixels.reshape(-1, 28, 28), labels, strict=True)
    return [Example(CLOTHES[label], ".png", Image.fromarray(image).save) for image, label in pairs]


def _files(folder: Path, classes: Iterable[str]) -> list[Example]:
    """The PNG files below each class; those are a group whose names, or whose folder's, begin with the same word."""
    found = []
    for name in classes:
        for file in sorted((folder / name).rglob("*.png")):
            first = file.relative_to(folder / name).parts[0]
            group = re.match("[a-z]*", first.lower())
            assert group
            found.append(Example(name, file.suffix, partial(shutil.copy, file), group[0]))
    return found


def _halves(examples: list[Example]) -> dict[str, list[Example]]:
    """To learn from and to test with: half of the groups of each class each."""
    groups = defaultdict(set)
    for each in examples:
        groups[each.of].add(each.group)
    halves: dict[str, list[Example]] = {"train": [], "test": []}
    for name, own in groups.items():
        shuffled = np.random.default_rng(SEED).permutation(sorted(own))
        learned = set(shuffled[::2])
        for each in examples:
            if each.of == name:
                halves["train" if each.group in learned else "test"].append(each)
    return halves


def _write(examples: Iterable[Example], folder: Path, images: int) -> None:
    by_class: defaultdict[str, list[Example]] = defaultdict(list)
    for example in examples:
        by_class[example.of].append(example)
    kept = {name: each for name, each in by_class.items() if len(each) >= FEWEST}
    share = min(images / sum(map(len, kept.values())), 1.0)
    for name, each in kept.items():
        (folder / name).mkdir(parents=True)
        chosen = np.random.default_rng(SEED).permutation(len(each))[: max(round(share * len(each)), 1)]
        for number in chosen:
            each[number].write(folder / name / f"{number}{each[number].suffix}")


if __name__ == "__main__":
    main()
