"""The images of a measurement as files, for programs that read folders."""

from __future__ import annotations

from pathlib import Path

from PIL import Image

from archlab.bench.material import Cut


def write_folders(images: Cut, folder: Path) -> None:
    """The training images as JPEG files, a folder a class."""
    for number, (image, label) in enumerate(zip(images.images("train"), images.labels("train"), strict=True)):
        path = folder / f"{label:03}" / f"{number:05}.jpg"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(image).save(path, quality=90)
