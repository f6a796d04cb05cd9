"""How many images a dataset tests with, and of which classes, as far as that is known."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from archlab.data.entries import entry
from archlab.data.expected import Expected
from archlab.data.prepared import settings
from archlab.foundation import UserError, read_file


@dataclass(frozen=True)
class ClassCounts:
    """The classes of a dataset, and the images that each has among those of one split."""

    classes: tuple[str, ...]
    images: tuple[int, ...]

    @property
    def all_images(self) -> int:
        return sum(self.images)

    @property
    def without(self) -> list[str]:
        """The classes that have none."""
        return [name for name, count in zip(self.classes, self.images, strict=True) if not count]

    def document(self) -> dict[str, list]:
        """As plain JSON values."""
        return {"classes": list(self.classes), "images": list(self.images)}

    @classmethod
    def from_document(cls, document: dict[str, Any]) -> ClassCounts:
        """Of what `document` gives; KeyError, TypeError or ValueError of anything else."""
        classes, images = tuple(map(str, document["classes"])), tuple(map(int, document["images"]))
        if not classes or len(classes) != len(images) or min(images) < 0:
            raise ValueError(f"{len(classes)} classes and the images of {len(images)}")
        return cls(classes, images)


def test_classes(name: str, home: Path) -> ClassCounts | None:
    """Of the test images of the dataset `name` as it is prepared, at whatever resolution; None where it is not."""
    try:
        current = _deciding(settings(entry(name, home)))
    except UserError:
        return None
    for manifest in _manifests(name, home):
        try:
            if _deciding(manifest["settings"]) == current:
                counts = {"classes": manifest["class_names"], "images": manifest["counts"]["test"]}
                return ClassCounts.from_document(counts)
        except (KeyError, TypeError, ValueError, AttributeError):
            continue
    return None


def images_to_test(name: str, home: Path) -> int | None:
    """Of the dataset `name`: as it is prepared at any resolution, else as the catalogue says; None where neither knows."""
    if counts := test_classes(name, home):
        return counts.all_images
    try:
        described = entry(name, home)
        return sum(Expected(described, described.resolution).counts("test"))
    except UserError:
        return None


def _deciding(given: dict[str, Any]) -> dict[str, Any]:
    """What of a store's settings decides its splits."""
    return {key: value for key, value in given.items() if key not in ("fit", "white")}


def _manifests(name: str, home: Path) -> Iterator[Any]:
    for path in sorted((home / "datasets" / name).glob("*/manifest.json")):
        try:
            yield json.loads(read_file(path))
        except (OSError, ValueError, RecursionError):  # damaged: preparing says so
            continue
