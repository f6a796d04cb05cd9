"""The way of quantising that changes little enough, found on images of training: the first that does, of those known.

What counts is how far the class probabilities move from those in float, by total variation distance (Levin, Peres, Wilmer,
Markov Chains and Mixing Times, 2009, section 4.1). Accuracy on a few hundred images cannot tell ways apart: of the images whose
class changes some become right and some wrong, and whether a point is lost is mostly luck.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from archlab.foundation import UserError

if TYPE_CHECKING:
    from archlab.deploy.agreement import Images  # with torch

Way = tuple[str, Callable[[], bytes]]
"""A way of quantising: its name, and what makes the file."""
ENOUGH = 0.01
"""How far probabilities may move, on average: what no more is done about."""
IN_FLOAT = " in float"
"""How the name of a way ends that leaves layers as they are."""
VERSION = 5
"""Counts how ways have been judged: what was measured of the choice of another version is measured again."""


@dataclass(frozen=True)
class Tried:
    """A way of quantising that was tried.

    Attributes:
        way: Its name.
        moved: Mean distance of the class probabilities from those in float, 0 to 1.
        drop: Of accuracy, on the same images.
    """

    way: str
    moved: float
    drop: float


@dataclass
class Mending:
    """What was tried, in order, and what it changed.

    Attributes:
        judged_on: The split whose images it was judged on.
        tried: Each way.
        layers: Where the first way changes too much: how far the probabilities move with each layer alone quantised; the worst
            first.
        way: The one that was taken: the first that changes little enough, else the one that changes least.
        cut_short: Whether the time was over before all were tried.
    """

    judged_on: str = "validation"
    tried: list[Tried] = field(default_factory=list)
    layers: list[tuple[str, float]] = field(default_factory=list)
    way: str = ""
    cut_short: bool = False

    @property
    def best(self) -> Tried:
        """The way that changes least, of those tried."""
        return min(self.tried, key=lambda each: each.moved)

    @property
    def gave_up(self) -> bool:
        return all(each.moved > ENOUGH for each in self.tried)


def first_good(
    ways: Iterable[Way],
    found: Mending,
    images: Images,
    in_float: bytes,
    run: Callable[[bytes, np.ndarray], np.ndarray],
    seconds: float = math.inf,
) -> bytes:
    """The file made by the first of `ways` that changes little enough, else by the one that changes least.

    What was tried is noted in `found`. A way that is impossible, or whose file the runtime refuses, ends the trying; raises
    its UserError where it is the first.

    Args:
        ways: In the order in which they are tried; files are made only where they are asked for.
        images: With labels, to choose by.
        in_float: The file that they are held against.
        run: Probabilities, by a file, of images.
        seconds: After which no other way is begun.
    """
    began, contents = time.monotonic(), dict[str, bytes]()
    before = run(in_float, images.pixels)
    try:
        for way, make in ways:
            if contents and time.monotonic() - began >= seconds:
                found.cut_short = True
                break
            content = make()
            after = outputs_of(content, images.pixels, run, "int8")
            found.tried.append(
                Tried(way, distance(before, after), _accuracy(before, images) - _accuracy(after, images))
            )
            contents[way] = content
            if not found.gave_up:
                break
    except UserError:
        if not contents:
            raise
    found.way = found.best.way
    return contents[found.way]


def outputs_of(
    content: bytes, pixels: np.ndarray, run: Callable[[bytes, np.ndarray], np.ndarray], form: str
) -> np.ndarray:
    """Probabilities by a file, of images. Raises UserError where the runtime refuses it; `form` as people call the file's."""
    try:
        return run(content, pixels)
    except (MemoryError, OSError):  # of the machine, not of the file
        raise
    except Exception as error:  # a runtime raises what it likes of operators that it does not have
        from archlab.deploy.deployed import refusal  # with torch

        raise refusal(error, form) from error


def distance(before: np.ndarray, after: np.ndarray) -> float:
    """Mean total variation distance of probabilities (N, classes): half the sum of the absolute differences; of an image for
    which a file gives no numbers, 1."""
    moved = np.abs(before.astype(np.float64) - after).sum(1) / 2
    return float(np.nan_to_num(moved, nan=1.0).mean())


def _accuracy(probabilities: np.ndarray, images: Images) -> float:
    from archlab.deploy.agreement import classes_of  # with torch

    return float(np.mean(classes_of(probabilities) == images.labels))
