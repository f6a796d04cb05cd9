"""Folders for `tests.comparisons.picks`: `python -m tests.comparisons.pick_folders OUT FOLDER ...`.

Four of the samples, as PNG files, and the folders that are named, with a folder of images for each class, such as those of
CIFAR-10: each with `train/` and `test/`, of up to IMAGES each, drawn of every class alike. So few, since what two cores do
with small networks in minutes should be to them what an hour is to a network of 2.5 million parameters and a few thousand.
"""

from __future__ import annotations

import shutil
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import click
import numpy as np
from PIL import Image

from archlab.data import Prepared, open_prepared

SAMPLES = ("elpv", "glyphs", "pines", "textures")  # the others were looked at while `pick` was built
IMAGES = 1000  # of a part
SEED = 1


@dataclass(frozen=True)
class Example:
    """An image of a class, which `write` writes to a path of that suffix."""

    of: str
    suffix: str
    write: Callable[[Path], object]


@click.command()
@click.argument("out", type=click.Path(path_type=Path))
@click.argument("folders", nargs=-1, type=click.Path(path_type=Path, exists=True, file_okay=False))
def main(out: Path, folders: tuple[Path, ...]) -> None:
    """Writes them into OUT."""
    for name in SAMPLES:
        data = open_prepared(name, out / ".prepared")
        _write([*_of_split(data, "train"), *_of_split(data, "validation")], out / name / "train")
        _write(_of_split(data, "test"), out / name / "test")
    for folder in folders:
        files = np.random.default_rng(SEED).permutation(sorted(map(str, folder.glob("*/*"))))
        for part, half in zip(("train", "test"), np.array_split(files, 2), strict=True):
            _write((_of_file(Path(file)) for file in half), out / folder.name / part)


def _of_split(data: Prepared, split: str) -> Iterator[Example]:
    for image, label in zip(data.images(split), data.labels(split), strict=True):
        yield Example(data.class_names[label].replace("/", "_"), ".png", Image.fromarray(np.asarray(image)).save)


def _of_file(file: Path) -> Example:
    return Example(file.parent.name, file.suffix, partial(shutil.copy, file))


def _write(examples: Iterable[Example], folder: Path) -> None:
    by_class: defaultdict[str, list[Example]] = defaultdict(list)
    for example in examples:
        by_class[example.of].append(example)
    share = min(IMAGES / sum(map(len, by_class.values())), 1.0)
    for name, each in by_class.items():
        (folder / name).mkdir(parents=True)
        chosen = np.random.default_rng(SEED).permutation(len(each))[: max(round(share * len(each)), 1)]
        for number in chosen:
            each[number].write(folder / name / f"{number}{each[number].suffix}")


if __name__ == "__main__":
    main()
