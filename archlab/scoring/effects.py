"""What each option of a study did: differences in accuracy and xScore with intervals, tests, and the seeds still needed."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from scipy.special import ndtri, stdtr, stdtrit

from archlab.foundation import UserError
from archlab.foundation.metric import METRICS, Metric
from archlab.scoring.contrasts import Contrast, contrasts
from archlab.scoring.frame import LAMBDA, Frame, xscore
from archlab.scoring.intervals import LEVEL, draw_scores
from archlab.scoring.noise import NO_NOISE, Noise, seed_noise
from archlab.scoring.reading import percent_factor, points
from archlab.scoring.scores import missing_cells
from archlab.scoring.tidy import cells

POWER = 0.8  # of the number of seeds said to be needed
MOST_SEEDS = 10_000  # an effect that needs more is called too small to decide
DRAWS = 20_000  # tells a p-value of 5e-5 from 0


@dataclass(frozen=True)
class Effects:
    """Effects of a study's options.

    Args:
        rows: One row an effect: of (`effect`, `comparison`, `interaction`), choice, option, against, kind, dataset (None: all),
            measure (`points`: difference of accuracies in percentage points, or the unit of another metric; `xscore`),
            difference (positive is better, also where that is lower), low, high
            (95 % interval for seed noise), p, p_adjusted (Holm, over all rows), decided (p_adjusted < .05), seeds (now, the
            fewest of a cell), seeds_needed (that would decide a difference of this size with a power of 80 %; NaN where it is
            decided or not known). low, high and both p are NaN where a dataset has one seed only
            or all seeds agree exactly.
        metric: What was measured.
    """

    rows: pd.DataFrame
    metric: Metric = METRICS["accuracy"]

    def document(self) -> dict[str, list[dict[str, Any]]]:
        """As plain JSON values: effects, comparisons, interactions."""
        plain = self.rows.astype(object).where(self.rows.notna(), None).to_dict("records")
        return {
            f"{of}s": [
                {str(key): value for key, value in row.items() if key != "of"} for row in plain if row["of"] == of
            ]
            for of in ("effect", "comparison", "interaction")
        }


def effects(
    table: pd.DataFrame,
    models: Sequence[Mapping[str, Any]],
    base: str,
    frame: Frame | None,
    split: str | None = None,
    lam: float = LAMBDA,
    *,
    metric: Metric | str = "accuracy",
    seeds: Sequence[int] | None = None,
) -> Effects:
    """The effect of each option against the base's, of options against each other, and of choices on one another.

    Differences are paired by dataset and seed: what a seed does to all models alike falls out of them. The noise is pooled
    over models within each dataset; the datasets are held fixed. The interval of an accuracy is Student's t; that of the
    xScore comes from drawing the table anew and the frame with it.

    Args:
        table: Tidy results.
        models: The study's models: `model`, `options` (by choice), `kind`; see `contrasts`.
        base: The model whose options are the defaults.
        frame: What the scores were normalised by; without one there are no rows for the xScore.
        split, lam, metric, seeds: As in `score_table`.
    """
    if base not in [model["model"] for model in models]:
        raise UserError(f"no model {base!r} among the study's", name=base, known=[model["model"] for model in models])
    rows = cells(table, split, metric)
    noise = seed_noise(rows)
    metric = Metric.of(metric)
    factor = percent_factor(rows["value"], metric) * (1 if metric.higher_is_better else -1)
    draws = _score_draws(rows, frame, lam, seeds)
    found: list[dict[str, Any]] = []
    for contrast in contrasts(models, base):
        if set(contrast.weights) <= set(noise.means.index):
            found += _differences_in_points(contrast, noise, factor, points(metric))
        if draws is not None and set(contrast.weights) <= set(draws):
            found.append(_difference_in_score(contrast, noise, draws))
    return Effects(_tested(found), metric)


def _differences_in_points(contrast: Contrast, noise: Noise, factor: float, measure: str) -> list[dict[str, Any]]:
    """Differences in accuracy: of an effect on each dataset, and of any contrast in the mean over the datasets."""
    at = noise.means.index.get_indexer(pd.Index(contrast.weights))
    weights = np.array(list(contrast.weights.values()))
    counts = noise.counts.to_numpy()[at]
    differences = factor * weights @ noise.means.to_numpy()[at]
    with np.errstate(divide="ignore"):
        variances = factor**2 * noise.variance.to_numpy() * (weights**2 @ (1 / counts))
    freedom = noise.freedom.to_numpy()
    found = []
    for index, dataset in enumerate(noise.means if contrast.of == "effect" else ()):
        if counts[:, index].all():
            test = _student(differences[index], variances[index], freedom[index])
            found.append(_row(contrast, dataset, measure, differences[index], counts[:, index].min(), test))
    if counts.all():
        total = variances.sum() / len(variances) ** 2
        with np.errstate(divide="ignore", invalid="ignore"):
            pooled = variances.sum() ** 2 / (variances**2 / freedom).sum()  # Satterthwaite
        mean = differences.mean()
        found.append(_row(contrast, None, measure, mean, counts.min(), _student(mean, total, pooled)))
    return found


def _student(difference: float, variance: float, freedom: float) -> dict[str, float]:
    """Interval, p-value and standard error of a difference; empty where the variance is not known."""
    if math.isnan(variance):
        return {}
    error = math.sqrt(variance)
    if error <= NO_NOISE:
        return {} if abs(difference) > NO_NOISE else {"low": difference, "high": difference, "p": 1.0, "error": 0.0}
    half = error * float(stdtrit(freedom, (1 + LEVEL) / 2))
    p = 2 * float(stdtr(freedom, -abs(difference) / error))
    return {"low": difference - half, "high": difference + half, "p": p, "error": error}


def _score_draws(
    rows: pd.DataFrame, frame: Frame | None, lam: float, seeds: Sequence[int] | None
) -> pd.DataFrame | None:
    """Redrawn scores of the complete models, the scores themselves in the last row (alone where noise is not known)."""
    if frame is None:
        return None
    datasets = list(frame.datasets)
    missing = missing_cells(rows, [*datasets, *frame.dropped], seeds)
    noise = seed_noise(rows, [model for model in dict.fromkeys(rows["model"]) if model not in missing], datasets)
    drawn = [draw_scores(noise, frame, lam, DRAWS)] if noise.known else []
    scores = xscore(noise.means, lam, frame)["xscore"].to_numpy()
    return pd.DataFrame(np.vstack([*drawn, scores]), columns=noise.means.index)


def _difference_in_score(contrast: Contrast, noise: Noise, draws: pd.DataFrame) -> dict[str, Any]:
    """The p-value belongs to the interval: how often a redrawn difference is further from the difference than 0 is."""
    sums = draws[list(contrast.weights)].to_numpy() @ np.array(list(contrast.weights.values()))
    difference, drawn = float(sums[-1]), sums[:-1]
    test = {}
    if len(drawn):
        distance = np.abs(drawn - difference)
        half = float(np.quantile(distance, LEVEL))
        p = (1 + int((distance >= abs(difference)).sum())) / (1 + len(drawn))
        error = half / float(ndtri((1 + LEVEL) / 2))
        test = {"low": difference - half, "high": difference + half, "p": p, "error": error}
    counts = noise.counts.loc[list(contrast.weights)].to_numpy()
    return _row(contrast, None, "xscore", difference, counts.min(), test)


def _row(
    contrast: Contrast, dataset: Any, measure: str, difference: float, seeds: int, test: dict[str, float]
) -> dict[str, Any]:
    return {
        **{name: getattr(contrast, name) for name in ("of", "choice", "option", "against", "kind")},
        "dataset": dataset,
        "measure": measure,
        "difference": float(difference),
        **{name: test.get(name, math.nan) for name in ("low", "high", "p", "error")},
        "seeds": int(seeds),
    }


def _tested(found: list[dict[str, Any]]) -> pd.DataFrame:
    rows = pd.DataFrame(found, columns=None if found else ["of"])
    if rows.empty:
        return rows
    rows["p_adjusted"] = holm(rows["p"].to_numpy())
    rows["decided"] = rows["p_adjusted"] < 1 - LEVEL
    strictest = (1 - LEVEL) / max(rows["p"].count(), 1)
    critical = float(ndtri(1 - strictest / 2) + ndtri(POWER))
    needed = np.ceil(rows["seeds"] * (critical * rows["error"] / rows["difference"]) ** 2)
    needed = np.maximum(needed, rows["seeds"] + 1).where(needed <= MOST_SEEDS)
    rows["seeds_needed"] = needed.mask(rows["decided"])
    return rows.drop(columns="error")


def holm(p: np.ndarray) -> np.ndarray:
    """P-values adjusted by Holm's step-down method; NaN stays NaN and does not count.

    S. Holm: "A simple sequentially rejective multiple test procedure", Scandinavian Journal of Statistics 6, 1979.
    """
    adjusted = np.full(len(p), np.nan)
    order = np.argsort(p)[: int(np.isfinite(p).sum())]
    steps = p[order] * np.arange(len(order), 0, -1)
    adjusted[order] = np.minimum(np.maximum.accumulate(steps), 1.0)
    return adjusted
