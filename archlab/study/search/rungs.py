"""The datasets of a search in order, scores from some of them, and how well those agree with the final ones.

A design meets the datasets one after the other, and is compared after one, two, four, ... of them (up to half), by the mean of
its normalised accuracies: datasets are the resource, so every run has its full schedule and all are comparable.
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

if TYPE_CHECKING:
    from archlab.scoring import Frame

Accuracies: TypeAlias = Mapping[str, float]
"""Validation accuracies of one design, by dataset."""

LEAST_CORRELATION = 0.6
ENOUGH_TO_CORRELATE = 4  # pairs; a rank correlation of fewer says nothing
ENOUGH_TO_JUDGE = 8  # complete designs, before their rank correlation switches a rung off


@dataclass(frozen=True)
class Score:
    """As `archlab.scoring.xscore`, of one design."""

    mean: float
    variance: float
    xscore: float


@dataclass(frozen=True)
class Rungs:
    """The frame of a search, its datasets in order, the weight of the variance, and the share that goes on at a rung."""

    frame: Frame
    order: tuple[str, ...]
    weight_of_variance: float
    keep: float

    @property
    def places(self) -> list[int]:
        """After how many datasets designs are compared; none where all go on."""
        return [] if self.keep == 1 else places(len(self.order))

    def partial(self, accuracies: Accuracies, datasets: int) -> float | None:
        """The mean of the normalised accuracies on the first so many datasets; None where one is missing, or for none."""
        names = self.order[:datasets]
        if not names or any(name not in accuracies for name in names):
            return None
        return sum(self.normalised(name, accuracies[name]) for name in names) / datasets

    def score(self, accuracies: Accuracies) -> Score | None:
        """None where a dataset is missing."""
        if any(name not in accuracies for name in self.order):
            return None
        normalised = [self.normalised(name, accuracies[name]) for name in self.order]
        mean, variance = statistics.fmean(normalised), statistics.variance(normalised)
        return Score(mean, variance, mean - self.weight_of_variance * variance)

    def normalised(self, dataset: str, accuracy: float) -> float:
        """An accuracy as a share of the frame's span of a dataset."""
        low, high = self.frame.datasets[dataset]
        return (accuracy - low) / (high - low)


def places(datasets: int) -> list[int]:
    """One, two, four, ... up to half of the datasets."""
    return [2**power for power in range(datasets) if 2 * 2**power <= datasets]


def agreement(came: Sequence[tuple[float, float | None]]) -> float | None:
    """Spearman's, of early scores and final ones, as it would be over all designs that came so far.

    Only the best went on, and among them the two agree less than among all: what is measured over those that are complete is
    corrected for that restriction of range (Thorndike 1949, case 2). None where fewer than eight are complete.

    Args:
        came: The early score of each, and the final one of those that are complete.
    """
    early = [value for value, _ in came]
    complete = [(value, final) for value, final in came if final is not None]
    if len(complete) < ENOUGH_TO_JUDGE:
        return None
    kept = [value for value, _ in complete]
    measured = rank_correlation(kept, [final for _, final in complete])
    if measured is None:
        return None
    wider = max(statistics.pstdev(early) / statistics.pstdev(kept), 1.0)
    return measured * wider / math.sqrt(1 + measured**2 * (wider**2 - 1))


def says_enough(correlation: float | None) -> bool:
    """Whether designs may be stopped where early scores agree so well with final ones; None: nothing speaks against it."""
    return correlation is None or correlation >= LEAST_CORRELATION


def rank_correlation(one: list[float], two: list[float]) -> float | None:
    """Spearman's; None for fewer than four pairs or where one side is constant."""
    if len(one) < ENOUGH_TO_CORRELATE or len(set(one)) == 1 or len(set(two)) == 1:
        return None
    from scipy import stats

    return float(stats.spearmanr(one, two).statistic)


def ordered(
    frame: Frame, references: list[Accuracies], seconds: Mapping[str, float], images: Mapping[str, int], lam: float
) -> tuple[str, ...]:
    """Informative and cheap datasets first: each next one makes the partial mean of the references agree with their xScore
    about as well as any, to the deviation that rank correlations of unrelated values have, and of those tells most designs
    apart in a second of training.

    Args:
        seconds: Of a run, by dataset.
        images: That accuracies are of, by dataset.
    """
    remaining = list(frame.datasets)
    order: list[str] = []
    target = Rungs(frame, tuple(remaining), lam, 1.0)
    scores = [score.xscore for each in references if (score := target.score(each))]
    deviation = 1 / math.sqrt(max(len(scores) - 1, 1))

    def agrees(name: str) -> float:
        rungs = Rungs(frame, (*order, name), lam, 1.0)
        early = [rungs.partial(each, len(rungs.order)) for each in references]
        return rank_correlation(early, scores) or 0.0  # type: ignore[arg-type]

    def tells_a_second(name: str) -> float:
        accuracies = [each[name] for each in references if name in each]
        return steps_apart(min(accuracies), max(accuracies), images[name]) ** 2 / seconds[name]

    while remaining:
        agreements = {name: agrees(name) for name in remaining}
        best = max(agreements.values())
        alike = [name for name in remaining if agreements[name] >= best - deviation]
        order.append(max(alike, key=lambda name: (tells_a_second(name), name)))
        remaining.remove(order[-1])
    return tuple(order)


def steps_apart(low: float, high: float, images: int) -> float:
    """By how many deviations that an accuracy on so many images has by chance alone designs can differ: over what lies between
    the lowest and the highest accuracy of the references, or above it where that is less."""
    bottom, top, perfect = (2 * math.sqrt(images) * math.asin(math.sqrt(each)) for each in (low, high, 1.0))
    return min(top - bottom, perfect - top)
