"""Exporting a trained network: a file for the device, checked before it is there."""

from __future__ import annotations

import dataclasses
import os
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from archlab.deploy.agreement import Agreement, Images, agreement, images_of
from archlab.deploy.drop import Drop, paired_drop
from archlab.deploy.extras import require
from archlab.deploy.formats import FORMATS
from archlab.deploy.loading import LoadedNetwork
from archlab.deploy.mending import Mending, outputs_of
from archlab.foundation import UserError, check_file, write_file

LEAST_AGREEMENT = 0.999  # of float files
CALIBRATION = 256  # images


@dataclass(frozen=True)
class Exported:
    """A file, and how it does on images, the run's test images where no others were given.

    Attributes:
        format: One of `archlab.deploy.formats.FORMATS`.
        precision: "float" or "int8".
        accuracy: Of the file on the images of `agreement`; None where these are made up.
        drop: Of an int8 file, what it loses of the float network's accuracy.
        mending: How an int8 file came to be.
    """

    file: Path
    format: str
    precision: str
    bytes: int
    agreement: Agreement
    accuracy: float | None
    drop: Drop | None = None
    mending: Mending | None = None

    def document(self) -> dict[str, Any]:
        told: dict[str, Any] = {
            "file": str(self.file),
            "format": self.format,
            "precision": self.precision,
            "bytes": self.bytes,
            "accuracy": self.accuracy,
            "agreement": self.agreement.document(),
        }
        if drop := self.drop:
            told["drop"] = {
                "value": drop.value,
                "low": drop.low,
                "high": drop.high,
                "float_accuracy": drop.float_accuracy,
            }
        if mending := self.mending:
            told["way"] = mending.way
            told["judged_on"] = mending.judged_on
            told["tried"] = [dataclasses.asdict(each) for each in mending.tried]
            told["layers"] = [{"layer": layer, "moved_alone": moved} for layer, moved in mending.layers]
        return told


def export(network: LoadedNetwork, file: Path, *, format: str = "onnx", int8: bool = False) -> Exported:
    """Writes the network, which is on the CPU, in one of `archlab.deploy.formats.FORMATS`.

    Raises UserError where it cannot be exported, the float file would give other classes than the network, or there are no
    training images to calibrate int8 on.
    """
    require(FORMATS[format].extra)
    return Exporting(network, format).write(file, int8=int8)


class Exporting:
    """Writes files of one network in one format; the float file is made and held against the network once.

    Args:
        images: That files are held against the network on; the run's test images without.
    """

    def __init__(self, network: LoadedNetwork, format: str, images: Images | None = None):
        self.network, self.format, self._given = network, format, images
        self.exporter = FORMATS[format].exporter(network)

    def write(self, file: Path, *, int8: bool) -> Exported:
        """Raises as `export` does."""
        _check(file, self.format)
        calibration = training_images(self.network) if int8 else None
        in_float, drop, mending = self._in_float, None, None
        content, found = self.exporter.in_float, in_float
        if calibration is not None:
            content, mending = self.in_int8(calibration)
            found = self._agreement(content)
            if in_float.right is not None and found.right is not None:
                drop = paired_drop(in_float.right, found.right)
        write_file(file, content)
        precision = "int8" if int8 else "float"
        return Exported(file, self.format, precision, len(content), found, found.accuracy, drop, mending)

    def in_int8(self, calibration: np.ndarray) -> tuple[bytes, Mending]:
        """The int8 file, not held against the network, and how it came to be. Raises as `export` does.

        Args:
            calibration: As `training_images` gives it.
        """
        split, images = judging_images(self.network)
        content, mending = self.exporter.in_int8(calibration, images)
        mending.judged_on = split
        return content, mending

    @cached_property
    def _images(self) -> Images:
        return self._given or images_of(self.network)

    def _agreement(self, content: bytes) -> Agreement:
        images = self._images
        found = outputs_of(content, images.pixels, self.exporter.probabilities, FORMATS[self.format].name)
        return agreement(self.network, found, images)

    @cached_property
    def _in_float(self) -> Agreement:
        found = self._agreement(self.exporter.in_float)
        if found.share < LEAST_AGREEMENT and not found.within_rounding:  # of few images one tie is much
            raise UserError(
                f"the exported network gives another class on {found.images - found.same_class} of {found.images} images, such "
                f"as {', '.join(found.exceptions[:3])}: a block does not export as it computes, and nothing is written"
            )
        return found


def training_images(network: LoadedNetwork) -> np.ndarray:
    """Some, at random. Raises UserError where there are none."""
    prepared, dataset = network.test_data(), network.origin["dataset"]
    if prepared is None:
        raise UserError(f"int8 is calibrated on training images, and {dataset}, as the run had it, is not here")
    images = prepared.images("train")
    if not len(images):
        raise UserError(f"int8 is calibrated on training images, and {dataset} has none")
    chosen = np.random.default_rng(0).permutation(len(images))[:CALIBRATION]
    return images[np.sort(chosen)]


def judging_images(network: LoadedNetwork) -> tuple[str, Images]:
    """A split and images of it, with labels, to choose a way of quantising by: those of validation, unless there are none that
    training has not seen; then of training."""
    if not network.origin["recipe"].get("with_validation"):
        images = images_of(network, "validation")
        if images.labels is not None:
            return "validation", images
    return "train", images_of(network, "train")


def _check(file: Path, format: str) -> None:
    """Raises UserError where no such file can be written, before anything is computed."""
    if check_file(file).is_dir():
        raise UserError("is a folder: name a file", where=str(file))
    if not file.parent.is_dir():
        raise UserError("there is no such folder", where=str(file.parent))
    if not os.access(file.parent, os.W_OK):
        raise UserError("this folder must not be written to", where=str(file.parent))
    ending = file.suffix[1:].lower()
    if ending in FORMATS and ending != format:
        raise UserError(
            f"this is to be a file of {FORMATS[format].name}: --format {ending}, or another name", where=str(file)
        )
