"""Searches replayed on a recorded landscape, against random search at full fidelity."""

from __future__ import annotations

import math
from collections.abc import Callable, Collection
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np

from archlab.bench.landscape import Landscape
from archlab.bench.replay import RecordedDesigns, RecordedStore, recorded_basis, replay
from archlab.scoring import make_frame, xscore

TOP = 0.1  # share of the designs that is to be found, one at least
AT_MOST = 0.5  # of the epochs of random search
QUARTILES = (0.25, 0.5, 0.75)


@dataclass(frozen=True)
class Quartiles:
    """Of `n` searches (None where they are not measured but follow from chance); None where so many did not come to it."""

    low: float | None
    median: float | None
    high: float | None
    n: int | None


@dataclass
class SearchBench:
    """Epochs of training until one of the truly best designs has been trained on all datasets for all epochs.

    The truth is the xScore of seed means on validation data at full fidelity, in the frame of the references' seed means; a
    search sees one seed. Random search takes the designs in random order, and trains each on all datasets for all epochs.
    Neither trains a design twice; both need the references for the frame, which are not counted.

    Attributes:
        designs, top: How many there are, and how many of them count as the best.
        full: Epochs of a design at full fidelity.
        epochs: Of each search; None where it stopped all of the truly best early.
    """

    designs: int
    top: int
    full: int
    epochs: list[int | None]
    origin: dict[str, Any] = field(default_factory=dict)

    @property
    def search(self) -> Quartiles:
        counted = [math.inf if spent is None else spent for spent in self.epochs]
        found = np.quantile(counted, QUARTILES, method="inverted_cdf")
        low, median, high = (float(value) if math.isfinite(value) else None for value in found)
        return Quartiles(low, median, high, len(self.epochs))

    @property
    def never(self) -> int:
        """Searches that stopped all of the truly best early."""
        return self.epochs.count(None)

    @property
    def random(self) -> Quartiles:
        """Exactly: how many designs are drawn before the first of the best is hypergeometric."""
        from scipy.stats import nhypergeom

        before = nhypergeom(self.designs, self.designs - self.top, 1)
        low, median, high = (float(self.full * (1 + before.ppf(share))) for share in QUARTILES)
        return Quartiles(low, median, high, None)

    @property
    def ratio(self) -> float | None:
        """Of the medians; None where half of the searches did not come to it."""
        search, random = self.search.median, self.random.median
        return None if search is None or random is None else search / random

    def document(self) -> dict[str, Any]:
        spreads = {"search": asdict(self.search), "random": asdict(self.random)}
        return {**asdict(self), "never": self.never, "spreads": spreads, "ratio": self.ratio, "at_most": AT_MOST}


def bench_search(
    landscape: Landscape,
    *,
    repeats: int,
    progress: Callable[[str], None] = lambda words: None,
    without: Collection[str] = (),
) -> SearchBench:
    """Each repeat has a sampler's seed of its own, 0, 1, ...; they take the recorded seeds in turn.

    `without` some of `archlab.bench.replay.MECHANISMS`, it shows what those are worth.
    """
    sides = [_Side(landscape, seed, without) for seed in landscape.study.seeds]
    best = truly_best(landscape)
    epochs: list[int | None] = []
    for repeat in range(repeats):
        side = sides[repeat % len(sides)]
        found, spent = replay(side.designs, side.store, side.basis, repeat, best, without)
        epochs.append(spent if found else None)
        progress(f"search {repeat + 1} of {repeats}: {spent} epochs{'' if found else ', none of the best'}")
    return SearchBench(len(sides[0].designs.all), len(best), sides[0].full, epochs, landscape.origin)


def truly_best(landscape: Landscape) -> set[str]:
    """The names of the best designs, by the xScore of their seed means."""
    names = [design.name for design in landscape.study.compare]
    table = landscape.final()
    frame = make_frame(table, names)
    assert frame is not None
    means = table.pivot_table(index="model", columns="dataset", values="value")
    scores = xscore(
        means.drop(index=[*names, *landscape.study.bases], errors="ignore"), landscape.study.weight_of_variance, frame
    )
    return set(scores["xscore"].nlargest(max(int(TOP * len(scores)), 1)).index)


class _Side:
    """What searches of one recorded seed share."""

    def __init__(self, landscape: Landscape, seed: int, without: Collection[str]):
        self.designs = RecordedDesigns(landscape, seed)
        self.store = RecordedStore(self.designs)
        self.basis = recorded_basis(self.designs, self.store, without)
        histories, first = landscape.histories, self.designs.references[0].name
        self.full = sum(len(histories[first, name, seed]) for name in landscape.study.suite.datasets)
