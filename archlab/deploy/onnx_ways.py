"""The ways of quantising an ONNX graph, in the order in which they are tried."""

from __future__ import annotations

import math
import time
from collections.abc import Iterator
from functools import partial

import numpy as np

from archlab.deploy.agreement import Images
from archlab.deploy.equalising import equalised
from archlab.deploy.mending import IN_FLOAT, Mending, Way, distance, first_good
from archlab.deploy.onnx_runtime import run_onnx
from archlab.deploy.quantising import MIN_MAX, PERCENTILE, Quantiser

LEFT = (1, 2, 4)  # worst layers that stay in float
SHOWN = 256  # images that single layers are judged by


def quantised_graph(quantiser: Quantiser, images: Images, seconds: float = math.inf) -> tuple[bytes, Mending]:
    """The int8 graph, and how it came to be.

    Args:
        images: With labels, to choose by.
        seconds: After which no other way is begun.
    """
    found, in_float = Mending(), quantiser.core.SerializeToString()
    ways = _ways(quantiser, images, in_float, found, time.monotonic() + seconds)
    return first_good(ways, found, images, in_float, partial(run_onnx, seen=quantiser.seen), seconds), found


def _ways(quantiser: Quantiser, images: Images, in_float: bytes, found: Mending, until: float) -> Iterator[Way]:
    yield MIN_MAX, partial(quantiser.quantised, MIN_MAX)
    found.layers = worst_layers(quantiser, _spread(images.pixels), in_float, until)
    yield PERCENTILE, partial(quantiser.quantised, PERCENTILE)
    way = found.best.way
    for count in LEFT:
        if count < len(found.layers):
            worst = [layer for layer, _ in found.layers[:count]]
            yield f"{way}, {', '.join(worst)}{IN_FLOAT}", partial(quantiser.quantised, way, in_float=worst)
    model, pairs = equalised(quantiser.core)
    if pairs:
        equal = Quantiser(model, quantiser.images, quantiser.seen)
        yield f"{way}, {pairs} pairs of convolutions equalised", partial(equal.quantised, way)


def _spread(pixels: np.ndarray) -> np.ndarray:
    """SHOWN of the images at most, evenly: those of a class lie side by side."""
    return pixels[np.linspace(0, len(pixels) - 1, min(SHOWN, len(pixels))).round().astype(int)]


def worst_layers(
    quantiser: Quantiser, pixels: np.ndarray, in_float: bytes, until: float = math.inf
) -> list[tuple[str, float]]:
    """Each layer with how far the probabilities of images, uint8 (N, R, R, 3), move where it alone is quantised; as many as
    there is time for, by `time.monotonic`."""
    judged = list[tuple[str, float]]()
    if time.monotonic() > until:
        return judged
    expected = run_onnx(in_float, pixels, quantiser.seen)
    for layer in quantiser.layers:
        if time.monotonic() > until:
            break
        others = set(quantiser.layers) - {layer}
        found = run_onnx(quantiser.quantised(MIN_MAX, in_float=others), pixels, quantiser.seen)
        judged.append((layer, distance(expected, found)))
    return sorted(judged, key=lambda each: each[1], reverse=True)
