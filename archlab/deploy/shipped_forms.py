"""A trained network in each form that it can ship in: what it weighs, how right it is and how long it takes."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch

from archlab.budget import peak_elements
from archlab.deploy.agreement import Images, batches, images_of
from archlab.deploy.deployed import Deployed
from archlab.deploy.exporting import Exporting
from archlab.deploy.extras import missing
from archlab.deploy.formats import FORMATS
from archlab.deploy.loading import LoadedNetwork
from archlab.deploy.mending import IN_FLOAT
from archlab.deploy.timing import Latency, in_turns, latency_of, one_thread
from archlab.foundation import UserError
from archlab.foundation.machine import cpu_name
from archlab.foundation.words import counted

SECONDS = 1.0  # of timing a form
FLOAT, INT8 = 4, 1  # bytes of a value


@dataclass(frozen=True)
class ShippedForm:
    """One form.

    Attributes:
        format: One of `archlab.deploy.formats.FORMATS`, or "torch" for the fused network as torch runs it operator by operator.
        precision: "float" or "int8".
        bytes: Of the file; None for torch.
        accuracy: On the run's test images, of which there are `images`; None where these are not here.
        same_class: The share of images that get the class that the network gives them in torch.
        latency: For one image of the pixels that the run's are stored at, on one thread of this machine's CPU.
        peak_memory: Bytes of the feature maps that are alive at once, see `archlab.budget.peak_elements`; None where layers of
            an int8 file are in float.
    """

    format: str
    precision: str
    bytes: int | None
    accuracy: float | None
    images: int
    same_class: float
    latency: Latency
    peak_memory: int | None

    def document(self) -> dict[str, Any]:
        names = ("format", "precision", "bytes", "accuracy", "images", "same_class", "peak_memory")
        timed = ("median_ms", "low_ms", "high_ms", "n", "hardware")
        return {name: getattr(self, name) for name in names} | {name: getattr(self.latency, name) for name in timed}


def shipped_forms(network: LoadedNetwork, note: Callable[[str], object] = lambda words: None) -> list[ShippedForm]:
    """Exports the network, which is on the CPU, in every format whose extra is installed and every precision, and times all
    forms in turns.

    `note` hears what is being done, and why a form is left out. Raises UserError where the network cannot be exported at all.
    """
    images = images_of(network)
    one = np.zeros((1, *images.pixels.shape[1:]), dtype=np.uint8)
    right = None if images.labels is None else float((_classes(network, images) == images.labels).mean())
    eager = partial(Deployed(network, network.preprocessing).eval(), torch.from_numpy(one))
    found = [_Form("torch", "float", None, right, 1.0, eager)]
    for format in FORMATS:
        found += _of_format(network, format, one, note)
    note(f"timing {counted(len(found), 'form')} in turns")
    with torch.inference_mode(), one_thread():
        times = in_turns([form.call for form in found], SECONDS)
    side, hardware = network.run.resolution, f"{cpu_name()}, one thread"
    values = peak_elements(network.fuse(), torch.zeros(1, 3, side, side))
    return [
        ShippedForm(
            form.format,
            form.precision,
            form.bytes,
            form.accuracy,
            len(images.pixels),
            form.same_class,
            latency_of(milliseconds, hardware),
            form.value_bytes and form.value_bytes * values,
        )
        for form, milliseconds in zip(found, times, strict=True)
    ]


@dataclass(frozen=True)
class _Form:
    """One form before it is timed by `call`; `value_bytes`: of a value of its feature maps, None where that differs."""

    format: str
    precision: str
    bytes: int | None
    accuracy: float | None
    same_class: float
    call: Callable[[], object]
    value_bytes: int | None = FLOAT


def _of_format(network: LoadedNetwork, format: str, one: np.ndarray, note: Callable[[str], object]) -> list[_Form]:
    """In both precisions, ready for the image `one`. Raises UserError where the network cannot be exported to ONNX."""
    kind, found = FORMATS[format], list[_Form]()
    if lacking := missing(kind.extra):
        note(f"{kind.name} is left out: it needs {' and '.join(lacking)}: pip install 'archlab[{kind.extra}]'")
        return found
    exporting = Exporting(network, format)
    with tempfile.TemporaryDirectory() as folder:
        for precision in ("float", "int8"):
            file = Path(folder) / f"{precision}.{format}"
            note(f"exporting {network.origin['model']} to {kind.name} in {precision}")
            try:
                exported = exporting.write(file, int8=precision == "int8")
                call = exporting.exporter.ready(file.read_bytes(), one)
            except UserError as error:
                if (format, precision) == ("onnx", "float"):
                    raise
                note(f"{kind.name} in {precision} is left out: {error}")
                if precision == "float":
                    break
                continue
            way = exported.mending.way if exported.mending else ""
            size = FLOAT if precision == "float" else None if way.endswith(IN_FLOAT) else INT8
            if size is None:
                note(f"{kind.name} in int8 has layers in float ({way}), so the memory of its feature maps is not known")
            share = exported.agreement.share
            found.append(_Form(format, precision, exported.bytes, exported.accuracy, share, call, size))
    return found


def _classes(network: LoadedNetwork, images: Images) -> np.ndarray:
    """int64 (N,)"""
    rows = batches(images.pixels, network.preprocessing.pixels)
    found = [network.probabilities(torch.from_numpy(images.pixels[each])).argmax(1) for each in rows]
    return torch.cat(found).numpy()
