"""The files of a network that ship: written, tested once, timed."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from archlab.deploy.agreement import Images, classes_of, images_of
from archlab.deploy.drop import paired_drop
from archlab.deploy.exporting import Exporting, judging_images, training_images
from archlab.deploy.extras import require
from archlab.deploy.loading import LoadedNetwork
from archlab.deploy.timing import in_turns, latency_of, on_cpu
from archlab.foundation import UserError
from archlab.foundation.metric import Metric
from archlab.pick.tested import NOTHING, share, tested

FORMAT = "onnx"
MODEL, INT8_MODEL = "model.onnx", "model-int8.onnx"
SECONDS = 1.0  # of timing a file
FOR_TESTS = 3.0  # seconds that testing and timing are left


@dataclass(frozen=True)
class _File:
    name: str
    precision: str
    content: bytes


def ship(
    network: LoadedNetwork,
    folder: Path,
    metric: Metric,
    largest: str,
    *,
    int8: bool,
    seconds: float,
    note: Callable[[str], object],
) -> dict[str, Any]:
    """Writes MODEL, and INT8_MODEL where it holds or is asked for, into `folder`; the network is on the CPU.

    Nothing of the test images is looked at until both are there. Gives `test`, what MODEL is worth on them, as
    `archlab.pick.tested.tested` has it; `files`, with file, format, precision, bytes, accuracy with low and high, drop (value,
    low, high; null for MODEL), latency_ms, its quartiles and hardware; and `int8`, how that came to be.

    Args:
        largest: The class that most images are of.
        seconds: That it may take, of which FOR_TESTS are left when another way of quantising than the first is begun.
        note: Hears what is being done.

    Raises:
        UserError: The network cannot be exported, or the extra is not installed.
    """
    until = time.monotonic() + seconds
    require(FORMAT)
    note("exporting to ONNX")
    exporting = Exporting(network, FORMAT, judging_images(network)[1])
    exporting.write(folder / MODEL, int8=False)
    files = [_File(MODEL, "float", exporting.exporter.in_float)]
    note("quantising to int8, the first way that holds on validation images")
    exporting.exporter.seconds = until - FOR_TESTS - time.monotonic()
    content, told = _quantised(exporting, asked=int8)
    if content:
        (folder / INT8_MODEL).write_bytes(content)
        files.append(_File(INT8_MODEL, "int8", content))
    images = images_of(network, "test", None)
    note("testing and timing the files")
    probabilities = [exporting.exporter.probabilities(each.content, images.pixels) for each in files]
    test = dict(NOTHING)
    if images.labels is not None:
        test = tested(probabilities[0], images.labels, network.class_names, metric, largest)
    right = [_right(each, images) for each in probabilities]
    times = _times(exporting, files)
    return {
        "test": test,
        "files": [_file(*each, before=right[0]) for each in zip(files, right, times, strict=True)],
        "int8": told,
    }


def _quantised(exporting: Exporting, *, asked: bool) -> tuple[bytes | None, dict[str, Any]]:
    """The int8 file, None where none is to ship; and asked, holds, way, moved (of the probabilities of the images of the split
    `judged_on`, on average) and why there is none."""
    told: dict[str, Any] = {"asked": asked, "holds": False, "way": None, "moved": None, "judged_on": None, "why": None}
    try:
        content, mending = exporting.in_int8(training_images(exporting.network))
    except UserError as error:
        return None, told | {"why": str(error)}
    except Exception as error:  # of the runtime, which raises what it likes; the float file must not be lost with it
        return None, told | {"why": f"quantising failed ({type(error).__name__}: {error})"}
    told |= {"holds": not mending.gave_up, "way": mending.way, "moved": mending.best.moved}
    told["judged_on"] = mending.judged_on
    if mending.gave_up and not asked:
        return None, told | {"why": "there was no time to try other ways" if mending.cut_short else None}
    return content, told


def _right(probabilities: np.ndarray, images: Images) -> np.ndarray | None:
    return None if images.labels is None else classes_of(probabilities) == images.labels


def _times(exporting: Exporting, files: list[_File]) -> list[dict[str, Any]]:
    """For one image of the pixels that were prepared, as predict.py reads it."""
    side = exporting.network.preprocessing.resolution
    one = np.zeros((1, side, side, 3), dtype=np.uint8)
    times = in_turns([exporting.exporter.ready(each.content, one) for each in files], SECONDS)
    found = [latency_of(milliseconds, on_cpu()) for milliseconds in times]
    return [
        {
            "latency_ms": each.median_ms,
            "latency_low_ms": each.low_ms,
            "latency_high_ms": each.high_ms,
            "hardware": each.hardware,
        }
        for each in found
    ]


def _file(file: _File, right: np.ndarray | None, time: dict[str, Any], *, before: np.ndarray | None) -> dict[str, Any]:
    accuracy = share(0, 0) if right is None else share(int(right.sum()), len(right))
    drop = None
    if file.precision == "int8" and before is not None and right is not None:
        lost = paired_drop(before, right)
        drop = {"value": lost.value, "low": lost.low, "high": lost.high}
    return {
        "file": file.name,
        "format": FORMAT,
        "precision": file.precision,
        "bytes": len(file.content),
        "accuracy": accuracy["value"],
        "low": accuracy["low"],
        "high": accuracy["high"],
        "drop": drop,
        **time,
    }
