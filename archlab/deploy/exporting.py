"""Exporting a trained network: a file for the device, checked before it is there."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from archlab.deploy.agreement import Agreement, Images, agreement, images_of, run_onnx
from archlab.deploy.extras import require
from archlab.deploy.loading import LoadedNetwork
from archlab.deploy.onnx_export import core_graph, with_resizing
from archlab.foundation import UserError, write_atomically

FORMATS = ("onnx",)
LEAST_AGREEMENT = 0.999  # of float files


@dataclass(frozen=True)
class Exported:
    """A file, and how it does on the run's test images.

    Attributes:
        accuracy: Of the file on the images of `agreement`; None where these are made up.
    """

    file: Path
    format: str
    precision: str
    bytes: int
    agreement: Agreement
    accuracy: float | None

    def document(self) -> dict[str, Any]:
        return {
            "file": str(self.file),
            "format": self.format,
            "precision": self.precision,
            "bytes": self.bytes,
            "accuracy": self.accuracy,
            "agreement": self.agreement.document(),
        }


def export(network: LoadedNetwork, file: Path) -> Exported:
    """Writes the network as ONNX. Raises UserError where it cannot be exported, or the file would give other classes."""
    require("onnx")
    _check(file)
    content = with_resizing(core_graph(network), network).SerializeToString()
    images = images_of(network)
    found = agreement(network, content, images)
    if found.share < LEAST_AGREEMENT:
        raise UserError(
            f"the exported network gives another class on {found.images - found.same_class} of {found.images} images, such as "
            f"{', '.join(found.exceptions[:3])}: a block does not export as it computes, and nothing is written"
        )
    write(file, content)
    return Exported(file, "onnx", "float", len(content), found, accuracy_of(content, images))


def accuracy_of(content: bytes, images: Images) -> float | None:
    if images.labels is None:
        return None
    return float(np.mean(run_onnx(content, images.pixels).argmax(1) == images.labels))


def write(file: Path, content: bytes) -> None:
    with write_atomically(file) as temporary:
        temporary.write_bytes(content)


def _check(file: Path) -> None:
    """Raises UserError where no such file can be written, before anything is computed."""
    if file.is_dir():
        raise UserError("is a folder: name a file", where=str(file))
    if not file.parent.is_dir():
        raise UserError("there is no such folder", where=str(file.parent))
