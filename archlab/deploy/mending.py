"""The way of quantising that costs little enough, found on validation images: the first that does, of those known."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

import numpy as np

from archlab.deploy.agreement import Images
from archlab.foundation import UserError

ENOUGH = 0.01  # of accuracy on validation images: what no more is done about
ROUNDING = 1e-9


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


def first_good(
    ways: Iterable[tuple[str, bytes]],
    found: Mending,
    validation: Images | None,
    in_float: bytes,
    run: Callable[[bytes, np.ndarray], np.ndarray],
) -> bytes:
    """The file made by the first of `ways` that costs little enough, else by the one that costs least; notes in `found` what
    was tried. A way that is impossible ends the trying; raises its UserError where it is the first.

    Args:
        ways: A name and a file each; what comes later is made only where it is asked for.
        validation: Images with labels to choose by; None: the first way is taken.
        in_float: The file that they are held against.
        run: Probabilities, by a file, of images.
    """
    if validation is None:
        found.way, content = next(iter(ways))
        found.tried.append((found.way, None))
        return content
    before = _accuracy(run(in_float, validation.pixels), validation)
    best: tuple[float, bytes] | None = None
    try:
        for way, content in ways:
            drop = before - _accuracy(run(content, validation.pixels), validation)
            found.tried.append((way, drop))
            if best is None or drop < best[0]:
                best, found.way = (drop, content), way
            if drop <= ENOUGH + ROUNDING:
                break
    except UserError:
        if best is None:
            raise
    assert best is not None
    return best[1]


def _accuracy(probabilities: np.ndarray, images: Images) -> float:
    return float(np.mean(probabilities.argmax(1) == images.labels))
