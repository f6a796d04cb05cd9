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
        seed_error: What one seed of each model leaves of the rest.
        freedom: Degrees of freedom of the error (Satterthwaite); seed_freedom: of the seeds' part alone.
        seeds: The fewest of a cell.
        effective_seeds: So many of each model would give this error.
    """

    contrast: Contrast
    dataset: str | None
    measure: str
    difference: float
    error: float
    image_error: float
    seed_error: float
    freedom: float
    seed_freedom: float
    seeds: int
    effective_seeds: float

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
    """The variances of a contrast on each dataset: of its seeds, of the test images, and what of these lasts."""

    def __init__(self, contrast: Contrast, noise: Noise, points: float):
        at = noise.means.index.get_indexer(pd.Index(contrast.weights))
        weights = np.array(list(contrast.weights.values()))
        self.contrast, self.counts = contrast, noise.counts.to_numpy()[at]
        squares, seeds = points**2 * weights**2, np.maximum(self.counts, 1)
        self.seed = noise.between_seeds.to_numpy() * (squares @ (1 / seeds))
        self.estimated = noise.variance.to_numpy() * (squares @ (1 / seeds))
        self.freedom = noise.freedom.to_numpy()
        self.effective_seeds = squares.sum() / (squares @ (1 / seeds)).max()
        self.images = self.lasting = np.zeros(len(self.seed))
        self.image_freedom = np.ones(len(self.seed))
        if noise.images is not None and noise.image_freedom is not None:
            pairs = np.ix_(np.arange(len(self.seed)), at, at)
            self.images, self.lasting = (
                points**2 * np.einsum("i,dij,j->d", weights, matrix[pairs], weights)
                for matrix in (noise.images, noise.lasting)
            )
            self.image_freedom = np.maximum(noise.image_freedom.to_numpy(), 1)

    def estimate(self, dataset: str | None, difference: float, of: list[int]) -> Estimate:
        share = 1 / len(of) ** 2
        variance, lasting = share * (self.seed + self.images)[of].sum(), share * self.lasting[of].sum()
        return Estimate(
            contrast=self.contrast,
            dataset=dataset,
            measure="points",
            difference=float(difference),
            error=math.sqrt(variance),
            image_error=math.sqrt(lasting),
            seed_error=math.sqrt(max(variance - lasting, 0.0) * self.effective_seeds),
            freedom=self._pooled(of, with_images=True),
            seed_freedom=self._pooled(of, with_images=False),
            seeds=int(self.counts[:, of].min()),
            effective_seeds=float(self.effective_seeds),
        )

    def _pooled(self, of: list[int], *, with_images: bool) -> float:
        """Satterthwaite's degrees of freedom."""
        total = (self.seed + self.images if with_images else self.estimated)[of].sum()
        with np.errstate(divide="ignore", invalid="ignore"):
            parts = self.estimated[of] ** 2 / self.freedom[of]
            if with_images:
                parts = parts + self.images[of] ** 2 / self.image_freedom[of]
            return float(total**2 / parts.sum())


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
        self.scores = xscore(self.noise.means, lam, frame)["xscore"]
        self.drawn = self.lasting = None
        if self.noise.known:
            self.drawn = pd.DataFrame(draw_scores(self.noise, frame, lam, draws), columns=models)
        if self.noise.images is not None:
            self.lasting = pd.DataFrame(draw_lasting_scores(self.noise, frame, lam, draws), columns=models)

    def estimate(self, contrast: Contrast) -> Estimate:
        """Its error is that of which Student's t gives the half-width that 95 % of the drawn differences keep to."""
        models, weights = list(contrast.weights), np.array(list(contrast.weights.values()))
        parts = _Parts(contrast, self.noise, 1.0)
        everywhere = list(range(len(parts.seed)))
        freedom = parts._pooled(everywhere, with_images=True) if self.drawn is not None else math.nan
        difference = float(self.scores[models].to_numpy() @ weights)

        def error(drawn: pd.DataFrame | None, freedom: float, unknown: float) -> float:
            if drawn is None:
                return unknown
            half = np.quantile(np.abs(drawn[models].to_numpy() @ weights - difference), LEVEL)
            return float(half / stdtrit(freedom, (1 + LEVEL) / 2))

        whole, lasting = error(self.drawn, freedom, math.nan), error(self.lasting, math.inf, 0.0)
        return Estimate(
            contrast=contrast,
            dataset=None,
            measure="xscore",
            difference=difference,
            error=whole,
            image_error=min(lasting, whole) if math.isfinite(whole) else lasting,
            seed_error=math.sqrt(max(whole**2 - lasting**2, 0.0) * parts.effective_seeds)
            if math.isfinite(whole)
            else math.nan,
            freedom=freedom,
            seed_freedom=parts._pooled(everywhere, with_images=False) if self.drawn is not None else math.nan,
            seeds=int(parts.counts.min()),
            effective_seeds=float(parts.effective_seeds),
        )
