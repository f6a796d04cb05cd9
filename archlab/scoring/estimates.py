"""What each contrast of a study is estimated at, in points and in xScore, and how far that may be from the truth."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy.special import stdtrit

from archlab.scoring.contrasts import Contrast
from archlab.scoring.frame import Frame, xscore
from archlab.scoring.image_noise import ImageNoise
from archlab.scoring.intervals import LEVEL, draw_lasting_scores, draw_scores
from archlab.scoring.noise import Noise, seed_noise
from archlab.scoring.scores import missing_cells

DRAWS = 20_000  # the 95 % quantile of their distances is known to 1 %


@dataclass(frozen=True)
class Estimate:
    """Of one contrast, on one dataset or over all.

    Args:
        dataset: None: over all.
        measure: `points` (a difference of accuracies in percentage points, or in the metric's own unit) or `xscore`.
        difference, error: In that unit; the standard error is NaN where the noise is not known.
        image_error: The part of the error that no number of seeds takes away; 0 where the test images' noise is not known.
        freedom: Degrees of freedom of the error (Satterthwaite); seed_freedom: of the seeds' part alone.
        seeds: The fewest of a cell.
        one_seed: By dataset, what one seed of each model would leave of the squared error; of an xScore up to a factor.
        effective_seeds: By dataset, so many seeds of each model leave what is left.
    """

    contrast: Contrast
    dataset: str | None
    measure: str
    difference: float
    error: float
    image_error: float
    freedom: float
    seed_freedom: float
    seeds: int
    one_seed: tuple[float, ...]
    effective_seeds: tuple[float, ...]

    @property
    def most_seeds(self) -> float:
        """Effective seeds of the dataset that has most; those of the others go along in proportion."""
        return max(self.effective_seeds)

    @property
    def seed_error(self) -> float:
        """What one seed of each model leaves of the error beside the test images' part; with n times the seeds it is divided
        by the root of n."""
        return math.sqrt(max(self.error**2 - self.image_error**2, 0.0) * self.most_seeds)

    def seeds_of(self, earlier: Estimate) -> float:
        """What an earlier table had, told in `most_seeds`: by the noise that is known now."""
        now, before = (
            sum(part / seeds for part, seeds in zip(self.one_seed, each.effective_seeds, strict=True))
            for each in (self, earlier)
        )
        return self.most_seeds * now / before if before > 0 else max(earlier.effective_seeds)

    @property
    def key(self) -> tuple:
        """By which it is found again among those of another table of the study."""
        contrast = self.contrast
        return (
            contrast.of,
            contrast.choice,
            contrast.option,
            contrast.against,
            contrast.kind,
            self.dataset,
            self.measure,
        )


def estimates(
    rows: pd.DataFrame,
    found: Sequence[Contrast],
    frame: Frame | None,
    lam: float,
    *,
    points: float = 100,
    seeds: Sequence[int] | None = None,
    images: ImageNoise | None = None,
    draws: int = DRAWS,
) -> list[Estimate]:
    """Of all contrasts that the cells (model, dataset, seed, value) allow: on each dataset (effects alone), in the mean over
    the datasets, and in the xScore.

    Args:
        points: Makes points of values.
        seeds: Every seed that a model must have to be scored.
        images: The noise of the test images. Where it is not known for all models, that of seeds stands alone.
    """
    noise = seed_noise(rows).with_images(images)
    score = _Score(rows, frame, lam, seeds, images, draws) if frame is not None else None
    made: list[Estimate] = []
    for contrast in found:
        if set(contrast.weights) <= set(noise.means.index):
            made += _in_points(contrast, noise, points)
        if score is not None and set(contrast.weights) <= set(score.noise.means.index):
            made.append(score.estimate(contrast))
    return made


def _in_points(contrast: Contrast, noise: Noise, points: float) -> Iterator[Estimate]:
    at = noise.means.index.get_indexer(pd.Index(contrast.weights))
    weights, counts = np.array(list(contrast.weights.values())), noise.counts.to_numpy()[at]
    differences = points * weights @ noise.means.to_numpy()[at]
    parts = _Parts(contrast, noise, points)
    for index, dataset in enumerate(map(str, noise.means) if contrast.of == "effect" else ()):
        if counts[:, index].all():
            yield parts.estimate(dataset, differences[index], [index])
    if counts.all():
        yield parts.estimate(None, differences.mean(), list(range(len(differences))))


class _Parts:
    """The variances of a contrast on each dataset: of the seeds, and of the test images."""

    def __init__(self, contrast: Contrast, noise: Noise, points: float):
        at = noise.means.index.get_indexer(pd.Index(contrast.weights))
        weights = points * np.array(list(contrast.weights.values()))
        self.contrast, self.counts = contrast, noise.counts.to_numpy()[at]
        shares = weights**2 @ (1 / np.maximum(self.counts, 1))
        self.seeds, self.freedom = noise.variance.to_numpy() * shares, noise.freedom.to_numpy()
        self.effective_seeds = (weights**2).sum() / shares
        self.images, self.image_freedom = np.zeros(len(self.seeds)), np.ones(len(self.seeds))
        if noise.images is not None and noise.image_freedom is not None:
            pairs = noise.images[np.ix_(np.arange(len(self.seeds)), at, at)]
            self.images = np.einsum("i,dij,j->d", weights, pairs, weights)
            self.image_freedom = np.maximum(noise.image_freedom.to_numpy(), 1)

    def estimate(self, dataset: str | None, difference: float, of: list[int]) -> Estimate:
        seeds, images = (part[of].sum() / len(of) ** 2 for part in (self.seeds, self.images))
        return Estimate(
            contrast=self.contrast,
            dataset=dataset,
            measure="points",
            difference=float(difference),
            error=math.sqrt(seeds + images),
            image_error=math.sqrt(images),
            freedom=self.pooled_freedom(of, with_images=True),
            seed_freedom=self.pooled_freedom(of, with_images=False),
            seeds=int(self.counts[:, of].min()),
            **self.of_seeds(of, len(of)),
        )

    def of_seeds(self, of: list[int], divisors: float | np.ndarray) -> dict[str, tuple[float, ...]]:
        """The parts of an estimate that say what seeds leave; `divisors` of the datasets' values."""
        effective = self.effective_seeds[of]
        one_seed = self.seeds[of] * effective / divisors**2
        return {"one_seed": tuple(one_seed.tolist()), "effective_seeds": tuple(effective.tolist())}

    def pooled_freedom(self, of: list[int], *, with_images: bool) -> float:
        """Satterthwaite's degrees of freedom."""
        with np.errstate(divide="ignore", invalid="ignore"):
            total, parts = self.seeds[of].sum(), (self.seeds[of] ** 2 / self.freedom[of]).sum()
            if with_images:
                total, parts = (
                    total + self.images[of].sum(),
                    parts + (self.images[of] ** 2 / self.image_freedom[of]).sum(),
                )
            return float(total**2 / parts)


class _Score:
    """The complete models' xScores, and those of tables drawn anew."""

    def __init__(
        self,
        rows: pd.DataFrame,
        frame: Frame,
        lam: float,
        seeds: Sequence[int] | None,
        images: ImageNoise | None,
        draws: int,
    ):
        datasets = list(frame.datasets)
        missing = missing_cells(rows, [*datasets, *frame.dropped], seeds)
        complete = [model for model in dict.fromkeys(rows["model"]) if model not in missing]
        self.noise = seed_noise(rows, complete, datasets).with_images(images)
        models = self.noise.means.index
        self.spans = np.array([frame.span(str(name)) for name in self.noise.means])
        self.scores = xscore(self.noise.means, lam, frame)["xscore"]
        self.drawn = self.lasting = None
        if self.noise.known:
            self.drawn = pd.DataFrame(draw_scores(self.noise, frame, lam, draws), columns=models)
        if self.noise.images is not None:
            self.lasting = pd.DataFrame(draw_lasting_scores(self.noise, frame, lam, draws), columns=models)

    def estimate(self, contrast: Contrast) -> Estimate:
        """Its error is that of which Student's t gives the half-width that 95 % of the drawn differences keep to."""
        models, weights = list(contrast.weights), np.array(list(contrast.weights.values()))
        difference = float(self.scores[models].to_numpy() @ weights)

        def error(drawn: pd.DataFrame, freedom: float) -> float:
            half = np.quantile(np.abs(drawn[models].to_numpy() @ weights - difference), LEVEL)
            return float(half / stdtrit(freedom, (1 + LEVEL) / 2))

        parts = _Parts(contrast, self.noise, 1.0)
        everywhere = list(range(len(parts.seeds)))
        freedom = parts.pooled_freedom(everywhere, with_images=True)
        whole = error(self.drawn, freedom) if self.drawn is not None else math.nan
        images = min(error(self.lasting, math.inf), whole) if self.lasting is not None else 0.0
        return Estimate(
            contrast=contrast,
            dataset=None,
            measure="xscore",
            difference=difference,
            error=whole,
            image_error=images,
            freedom=freedom,
            seed_freedom=parts.pooled_freedom(everywhere, with_images=False),
            seeds=int(parts.counts.min()),
            **parts.of_seeds(everywhere, self.spans),
        )
