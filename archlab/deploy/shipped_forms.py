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
from archlab.deploy.agreement import Images, batches, images_of, session_of
from archlab.deploy.exporting import FORMAT, export
from archlab.deploy.loading import LoadedNetwork
from archlab.deploy.onnx_export import Deployed
from archlab.deploy.timing import Latency, in_turns, latency_of, one_thread
from archlab.foundation import UserError
from archlab.foundation.machine import cpu_name

SECONDS = 1.0  # of timing a form
FLOAT = 4  # bytes of a value


@dataclass(frozen=True)
class ShippedForm:
    """One form.

    Attributes:
        format: "onnx", or "torch" for the fused network as torch runs it operator by operator.
        precision: "float" or "int8".
        bytes: Of the file; None for torch.
        accuracy: On the run's test images, of which there are `images`; None where these are not here.
        same_class: The share of images that get the class that the network gives them in torch.
        latency: For one image that has the network's resolution already, on one thread of this machine's CPU.
        peak_memory: Bytes of the feature maps that are alive at once, see `archlab.budget.peak_elements`.
    """

    format: str
    precision: str
    bytes: int | None
    accuracy: float | None
    images: int
    same_class: float
    latency: Latency
    peak_memory: int

    def document(self) -> dict[str, Any]:
        names = ("format", "precision", "bytes", "accuracy", "images", "same_class", "peak_memory")
        timed = ("median_ms", "low_ms", "high_ms", "n", "hardware")
        return {name: getattr(self, name) for name in names} | {name: getattr(self.latency, name) for name in timed}


def shipped_forms(network: LoadedNetwork, note: Callable[[str], object] = lambda words: None) -> list[ShippedForm]:
    """Exports the network, which is on the CPU, in every precision, and times all forms in turns.

    `note` hears what is being done, and why a form is left out. Raises UserError where the network cannot be exported at all.
    """
    images = images_of(network)
    right = None if images.labels is None else float((_classes(network, images) == images.labels).mean())
    found: list[tuple[str, str, int | None, float | None, float]] = [("torch", "float", None, right, 1.0)]
    one = np.zeros((1, *images.pixels.shape[1:]), dtype=np.uint8)
    calls: list[Callable[[], object]] = [
        partial(Deployed(network, network.preprocessing).eval(), torch.from_numpy(one))
    ]
    with tempfile.TemporaryDirectory() as folder:
        for precision in ("float", "int8"):
            file = Path(folder) / f"{precision}.{FORMAT}"
            note(f"exporting {network.origin['model']} in {precision}, run on {len(images.pixels)} images")
            try:
                exported = export(network, file, int8=precision == "int8")
            except UserError as error:
                if precision == "float":
                    raise
                note(f"int8 is left out: {error}")
                continue
            found.append((FORMAT, precision, exported.bytes, exported.accuracy, exported.agreement.share))
            session = session_of(file.read_bytes(), threads=1)
            calls.append(partial(session.run, None, {session.get_inputs()[0].name: one}))
    note(f"timing {len(calls)} forms in turns")
    with torch.inference_mode(), one_thread():
        times = in_turns(calls, SECONDS)
    side = network.run.resolution
    values = peak_elements(network.fuse(), torch.zeros(1, 3, side, side))
    return [
        ShippedForm(
            kind,
            precision,
            size,
            accuracy,
            len(images.pixels),
            same_class,
            latency_of(milliseconds, f"{cpu_name()}, one thread"),
            values * (1 if precision == "int8" else FLOAT),
        )
        for (kind, precision, size, accuracy, same_class), milliseconds in zip(found, times, strict=True)
    ]


def _classes(network: LoadedNetwork, images: Images) -> np.ndarray:
    """int64 (N,)"""
    found = [network.probabilities(torch.from_numpy(images.pixels[rows])).argmax(1) for rows in batches(images.pixels)]
    return torch.cat(found).numpy()
