"""The ways of quantising an ONNX graph, in the order in which they are tried."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from archlab.deploy.agreement import Images
from archlab.deploy.equalising import equalised
from archlab.deploy.mending import Mending, first_good
from archlab.deploy.onnx_runtime import run_onnx
from archlab.deploy.quantising import MIN_MAX, PERCENTILE, Quantiser

IN_FLOAT = (1, 2, 4)  # worst layers
SHOWN = 256  # images that single layers are judged by


def quantised_graph(core: Any, calibration: np.ndarray, validation: Images | None) -> tuple[bytes, Mending]:
    """The int8 graph, and how it came to be.

    Args:
        calibration: Training images, uint8 (N, R, R, 3).
        validation: Images with labels to choose by; None: the first way is taken.
    """
    found = Mending()
    ways = _ways(core, calibration, validation, found)
    return first_good(ways, found, validation, core.SerializeToString(), run_onnx), found


def _ways(core: Any, calibration: np.ndarray, validation: Images | None, found: Mending) -> Iterator[tuple[str, bytes]]:
    quantiser = Quantiser(core, calibration)
    yield MIN_MAX, quantiser.quantised(MIN_MAX)
    assert validation
    pixels = validation.pixels[:SHOWN]
    found.layers = worst_layers(quantiser, pixels, run_onnx(core.SerializeToString(), pixels))
    yield PERCENTILE, quantiser.quantised(PERCENTILE)
    way = min(found.tried, key=lambda each: each[1] or 0.0)[0]
    for count in IN_FLOAT:
        if count < len(found.layers):
            worst = [layer for layer, _ in found.layers[:count]]
            yield f"{way}, {', '.join(worst)} in float", quantiser.quantised(way, in_float=worst)
    model, pairs = equalised(core)
    if pairs:
        yield f"{way}, {pairs} pairs of convolutions equalised", Quantiser(model, calibration).quantised(way)


def worst_layers(quantiser: Quantiser, pixels: np.ndarray, expected: np.ndarray) -> list[tuple[str, float]]:
    """Each layer, quantised alone, with the share of images that get another class; ties by how far probabilities move."""
    judged = []
    for layer in quantiser.layers:
        others = set(quantiser.layers) - {layer}
        found = run_onnx(quantiser.quantised(MIN_MAX, in_float=others), pixels)
        changed = float(np.mean(found.argmax(1) != expected.argmax(1)))
        judged.append((changed, float(np.abs(found - expected).mean()), layer))
    return [(layer, changed) for changed, _, layer in sorted(judged, reverse=True)]
