"""The way of quantising that costs little enough, found on validation images: the first that does, of those known."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from archlab.deploy.agreement import Images, run_onnx
from archlab.deploy.equalising import equalised
from archlab.deploy.quantising import MIN_MAX, PERCENTILE, Quantiser

ENOUGH = 0.01  # of accuracy on validation images: what no more is done about
ROUNDING = 1e-9
IN_FLOAT = (1, 2, 4)  # worst layers
SHOWN = 256  # images that single layers are judged by


@dataclass
class Mending:
    """What was tried, in order, and what it cost.

    Attributes:
        tried: Of each way its name and the drop of accuracy on validation images; None where there are none.
        layers: Where the first way costs too much: of each layer, quantised alone, the share of validation images that get
            another class; the worst first.
        way: The one that was taken: the first that costs little enough, else the one that costs least.
    """

    tried: list[tuple[str, float | None]] = field(default_factory=list)
    layers: list[tuple[str, float]] = field(default_factory=list)
    way: str = ""

    @property
    def gave_up(self) -> bool:
        return all(drop is not None and drop > ENOUGH + ROUNDING for _, drop in self.tried)


def mended(core: Any, calibration: np.ndarray, validation: Images | None) -> tuple[bytes, Mending]:
    """The int8 graph, and how it came to be.

    Args:
        calibration: Training images, uint8 (N, R, R, 3).
        validation: Images with labels to choose by; None: the first way is taken.
    """
    quantiser, found = Quantiser(core, calibration), Mending()
    if validation is None:
        found.tried.append((MIN_MAX, None))
        found.way = MIN_MAX
        return quantiser.quantised(MIN_MAX), found
    expected = run_onnx(core.SerializeToString(), validation.pixels)
    best: tuple[float, bytes] | None = None
    for way, content in _ways(core, quantiser, calibration, validation, expected, found):
        drop = _accuracy(expected, validation) - _accuracy(run_onnx(content, validation.pixels), validation)
        found.tried.append((way, drop))
        if best is None or drop < best[0]:
            best, found.way = (drop, content), way
        if drop <= ENOUGH + ROUNDING:
            break
    assert best is not None
    return best[1], found


def _ways(
    core: Any, quantiser: Quantiser, calibration: np.ndarray, validation: Images, expected: np.ndarray, found: Mending
) -> Iterator[tuple[str, bytes]]:
    """In the order in which they are tried; what comes later is computed only where it is asked for."""
    yield MIN_MAX, quantiser.quantised(MIN_MAX)
    found.layers = worst_layers(quantiser, validation.pixels[:SHOWN], expected[:SHOWN])
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


def _accuracy(probabilities: np.ndarray, images: Images) -> float:
    return float(np.mean(probabilities.argmax(1) == images.labels))
