"""The prepared store: images of one size as memory-mapped arrays, and a manifest that says what they are."""

from __future__ import annotations

import dataclasses
import hashlib
import json
from collections.abc import Iterable
from functools import cached_property
from pathlib import Path
from typing import Any, Literal

import numpy as np

from archlab.data.entries import Entry, Fit, user_catalogue
from archlab.foundation import UserError, check_file
from archlab.foundation.sealed import checksum

FORMAT = 1  # of the manifest and the files beside it
WHOLE: Fit = "whole"
_NEEDED = {"resolution", "class_names", "counts", "mean", "std", "content", "settings", "notes"}  # of a manifest


def folder(home: Path, name: str, resolution: int, fit: Fit | None = None) -> Path:
    """Where a dataset stands once it is prepared; `fit`: where it is another than the catalogue's.

    Raises UserError for the name of the folder that holds the entries.
    """
    if name == user_catalogue(home).name:
        raise UserError(f"a dataset cannot be called {name!r}, as the folder of the entries is: rename the entry")
    return home / "datasets" / name / (f"{resolution}-{fit}" if fit else str(resolution))


def fitted(described: Entry, fit: Fit | None) -> Entry:
    """The entry with another fit, where one is asked for."""
    return dataclasses.replace(described, fit=fit) if fit else described


def settings(described: Entry) -> dict[str, Any]:
    """What of an entry decides its prepared store; a store whose manifest says otherwise is out of date."""
    names: tuple[str, ...] = ("source", "options", "fit", "white", "test", "validation", "seed")
    names += ("together",) if described.together else ()  # stores from before it was there stay current
    names += ("copies",) if described.copies != "left out" else ()
    return json.loads(json.dumps({name: getattr(described, name) for name in names}))


def seen(digests: bytes, shapes: np.ndarray | None) -> bytes:
    """What is digested of images: the SHA-256 of each, joined, and the shapes of whole ones."""
    return digests if shapes is None else digests + shapes.astype("<i8").tobytes()


def content_digest(resolution: int, classes: int, parts: Iterable[tuple[str, bytes, np.ndarray]]) -> str:
    """SHA-256 over images and labels. `parts`: of each split its name, what `seen` gives, and labels."""
    content = hashlib.sha256(json.dumps([resolution, classes]).encode())
    for split, digests, labels in parts:
        content.update(split.encode() + digests + labels.astype("<i8").tobytes())
    return content.hexdigest()


class DamagedDataError(UserError):
    """Prepared data are not what was prepared. The message says which; who knows the command that mends it adds it."""


def sealed(manifest: dict[str, Any]) -> dict[str, Any]:
    """The manifest with its own checksum."""
    return {**manifest, "checksum": checksum(manifest)}


class Prepared:
    """A prepared dataset. Opening one reads its manifest alone; arrays are mapped when they are asked for.

    Raises DamagedDataError for files that are not as they were written, and UserError for those of a newer archlab.
    """

    def __init__(self, path: Path, entry: Entry):
        self.path, self.entry = path, entry
        self.manifest: dict[str, Any] = self._read_manifest()

    def _read_manifest(self) -> dict[str, Any]:
        manifest = self._json("manifest.json")
        if not isinstance(manifest, dict) or not isinstance(manifest.get("format"), int):
            raise DamagedDataError("manifest.json is no manifest")
        if manifest["format"] > FORMAT:
            raise UserError("was prepared by a newer archlab: upgrade, or prepare it again", where=str(self.path))
        written = manifest.pop("checksum", None)  # those of before have none
        if (written and written != checksum(manifest)) or not manifest.keys() >= _NEEDED:
            raise DamagedDataError("manifest.json is not what was written")
        return manifest

    def _json(self, name: str) -> Any:
        try:
            return json.loads(check_file(self.path / name).read_text(encoding="utf-8"))
        except (OSError, ValueError, RecursionError, UserError) as error:
            raise DamagedDataError(f"{name} cannot be read: {error}") from None

    def _array(self, name: str, mmap_mode: Literal["r"] | None = None) -> np.ndarray:
        try:
            return np.load(check_file(self.path / name), mmap_mode=mmap_mode)
        except Exception as error:  # a damaged heading makes NumPy raise nearly anything
            raise DamagedDataError(f"{name} cannot be read: {error}") from None

    @property
    def name(self) -> str:
        return self.entry.name

    @property
    def resolution(self) -> int:
        return self.manifest["resolution"]

    @property
    def class_names(self) -> list[str]:
        return self.manifest["class_names"]

    @property
    def num_classes(self) -> int:
        return len(self.class_names)

    @property
    def mean(self) -> tuple[float, ...]:
        """Mean of the training images, red, green, blue, in [0, 1], unless the catalogue says otherwise."""
        return self.entry.normalisation.mean if self.entry.normalisation else tuple(self.manifest["mean"])

    @property
    def std(self) -> tuple[float, ...]:
        """Standard deviation of the training images, likewise."""
        return self.entry.normalisation.std if self.entry.normalisation else tuple(self.manifest["std"])

    @cached_property
    def digest(self) -> str:
        """SHA-256 over all that decides training: images, labels, splits, resolution, normalisation, flips."""
        parts = [self.manifest["content"], self.mean, self.std, self.entry.flip]
        return hashlib.sha256(json.dumps(parts).encode()).hexdigest()

    @property
    def notes(self) -> list[str]:
        """What was remarkable when it was prepared."""
        return self.manifest["notes"]

    def counts(self, split: str) -> list[int]:
        """Images of each class."""
        return self.manifest["counts"][split]

    def images(self, split: str) -> np.ndarray:
        """uint8 (N, R, R, 3), memory-mapped, read-only."""
        return self._array(f"{split}.images.npy", "r")

    def labels(self, split: str) -> np.ndarray:
        """int64 (N,)."""
        return self._array(f"{split}.labels.npy")

    def shapes(self, split: str) -> np.ndarray | None:
        """int64 (N, 2): height and width of images that are stored whole, before they were stretched; else None."""
        name = f"{split}.shapes.npy"
        return self._array(name) if (self.path / name).exists() else None

    def groups(self, split: str) -> np.ndarray | None:
        """int64 (N,): equal where two images belong together, over all splits; None where the source has no groups."""
        name = f"{split}.groups.npy"
        return self._array(name) if (self.path / name).exists() else None

    def twins(self, split: str) -> np.ndarray | None:
        """int64 (N,): equal where images of any split were found to be one, or nearly, or others join them; None where nearly
        identical ones are not kept together."""
        name = f"{split}.twins.npy"
        return self._array(name) if (self.path / name).exists() else None

    def digests(self, split: str) -> np.ndarray:
        """uint8 (N, 32): SHA-256 of every image's pixels."""
        return self._array(f"{split}.digests.npy")

    def names(self, split: str) -> list[str]:
        """What each image was called in its source."""
        return self._json(f"{split}.names.json")


def open_current(described: Entry, path: Path) -> Prepared | None:
    """The store at `path`, where there is one and the catalogue's entry has not changed since."""
    if not (path / "manifest.json").exists():
        return None
    found = Prepared(path, described)
    return found if found.manifest["settings"] == settings(described) else None
