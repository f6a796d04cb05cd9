"""Exporting a trained network: a file for the device, checked before it is there."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from archlab.deploy.agreement import Agreement, Images, agreement, images_of
from archlab.deploy.drop import Drop, paired_drop
from archlab.deploy.extras import require
from archlab.deploy.loading import LoadedNetwork
from archlab.deploy.mending import Mending, mended
from archlab.deploy.onnx_export import core_graph, with_resizing
from archlab.foundation import UserError, write_atomically

FORMAT = "onnx"
LEAST_AGREEMENT = 0.999  # of float files
CALIBRATION = 256  # images


@dataclass(frozen=True)
class Exported:
    """A file, and how it does on the run's test images.

    Attributes:
        precision: "float" or "int8".
        accuracy: Of the file on the images of `agreement`; None where these are made up.
        drop: Of an int8 file, what it loses of the float network's accuracy.
        mending: How an int8 file came to be.
    """

    file: Path
    precision: str
    bytes: int
    agreement: Agreement
    accuracy: float | None
    drop: Drop | None = None
    mending: Mending | None = None

    def document(self) -> dict[str, Any]:
        told: dict[str, Any] = {
            "file": str(self.file),
            "format": FORMAT,
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
            told["tried"] = [{"way": way, "validation_drop": cost} for way, cost in mending.tried]
            told["layers"] = [{"layer": layer, "changed_alone": changed} for layer, changed in mending.layers]
        return told


def export(network: LoadedNetwork, file: Path, *, int8: bool = False) -> Exported:
    """Writes the network, which is on the CPU, as ONNX.

    Raises UserError where it cannot be exported, the float file would give other classes than the network, or there are no
    training images to calibrate int8 on.
    """
    require(FORMAT)
    _check(file)
    calibration = training_images(network) if int8 else None
    core = core_graph(network)
    content = with_resizing(core, network).SerializeToString()
    images = images_of(network)
    found = agreement(network, content, images)
    if found.share < LEAST_AGREEMENT:
        raise UserError(
            f"the exported network gives another class on {found.images - found.same_class} of {found.images} images, such as "
            f"{', '.join(found.exceptions[:3])}: a block does not export as it computes, and nothing is written"
        )
    if calibration is not None:
        return _export_int8(network, core, found, calibration, images, file)
    write(file, content)
    return Exported(file, "float", len(content), found, found.accuracy)


def _export_int8(
    network: LoadedNetwork, core: Any, in_float: Agreement, calibration: np.ndarray, images: Images, file: Path
) -> Exported:
    import onnx

    quantised, mending = mended(core, calibration, unseen_validation_images(network))
    mending.layers = [(_with_block(layer, network), changed) for layer, changed in mending.layers]
    content = with_resizing(onnx.load_from_string(quantised), network).SerializeToString()
    found = agreement(network, content, images)
    drop = None if in_float.right is None or found.right is None else paired_drop(in_float.right, found.right)
    write(file, content)
    return Exported(file, "int8", len(content), found, found.accuracy, drop, mending)


def _with_block(layer: str, network: LoadedNetwork) -> str:
    """`layers.3` as `layers.3 (inverted_residual)`."""
    blocks = [each.block for each in network.architecture.layers for _ in range(each.repeat)]
    return f"{layer} ({blocks[int(layer.rpartition('.')[2])]})" if layer.startswith("layers.") else layer


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


def unseen_validation_images(network: LoadedNetwork) -> Images | None:
    """With labels; None where there are none that training has not seen."""
    if network.origin["recipe"].get("with_validation"):
        return None
    images = images_of(network, "validation")
    return images if images.labels is not None else None


def write(file: Path, content: bytes) -> None:
    with write_atomically(file) as temporary:
        temporary.write_bytes(content)


def _check(file: Path) -> None:
    """Raises UserError where no such file can be written, before anything is computed."""
    if file.is_dir():
        raise UserError("is a folder: name a file", where=str(file))
    if not file.parent.is_dir():
        raise UserError("there is no such folder", where=str(file.parent))
