"""The score table of a results table: a frame, a score for each complete model, a reason for each other."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd

from archlab.foundation import UserError
from archlab.foundation.metric import Metric
from archlab.scoring.chance import at_chance, chance_in_words
from archlab.scoring.frame import FEWEST_DATASETS, LAMBDA, Frame, xscore
from archlab.scoring.image_noise import ImageNoise
from archlab.scoring.intervals import score_intervals
from archlab.scoring.noise import seed_noise
from archlab.scoring.reading import points
from archlab.scoring.stability import first_few, unrewarded
from archlab.scoring.tidy import cells, plain, seed_means, the_split

NO_FRAME = "no scores: the frame needs two complete models and two datasets that tell them apart"
COLUMNS = ["mean", "variance", "xscore", "xscore_low", "xscore_high"]
INCOMPLETE = "incomplete"
FEW_MODELS = 3  # that span a frame: one of them moves all scores


@dataclass(frozen=True)
class Scores:
    """Scores in one frame.

    Args:
        lam: Weight of the variance.
        frame: What normalised the accuracies; None where there were too few complete models or datasets.
        models: Indexed by model, best first, incomplete ones last: mean, variance, xscore, its 95 % interval for
            seed noise (xscore_low, xscore_high: NaN with one seed), and `reason` (why xscore is missing, else "").
        warnings: Sentences for the user: a frame of few models, datasets dropped, weak datasets, models at chance, accuracies
            that the xScore does not reward.
        own: Columns of `models` that hold scores of the user's own.
        at_chance: As `archlab.scoring.at_chance` has it, where the test images are known.
    """

    lam: float
    frame: Frame | None
    models: pd.DataFrame
    warnings: tuple[str, ...] = ()
    own: tuple[str, ...] = ()
    at_chance: dict[str, list[str]] = field(default_factory=dict)

    def document(self) -> dict[str, Any]:
        """As plain JSON values: lambda, frame, models (best first; null where a number is not known, `at_chance` the datasets
        on which they are)."""
        models = [
            {
                "model": model,
                **{key: plain(row[key]) for key in (*COLUMNS, *self.own)},
                "at_chance": self.at_chance.get(str(model), []),
                **_reason(row),
            }
            for model, row in self.models.iterrows()
        ]
        return {"lambda": self.lam, "frame": self.frame.document() if self.frame else None, "models": models}


def make_frame(
    table: pd.DataFrame,
    models: Sequence[str] | None = None,
    split: str | None = None,
    *,
    datasets: Sequence[str] | None = None,
    seeds: Sequence[int] | None = None,
    metric: Metric | str = "accuracy",
) -> Frame | None:
    """The frame that `models` span (kind `references`), or all models of the table (kind `cohort`).

    Minimum and maximum are over the seed means of those models that are complete: a value for every dataset of
    `datasets` (else of the table), from every seed of `seeds` (else from any). Of a `metric` that is better when lower the
    maximum is the worst. A dataset whose minimum and maximum are
    equal is dropped; one whose span is under twice the seed deviation, pooled over all models, is weak.

    Returns None where fewer than two complete models or two datasets remain.
    """
    rows = cells(table, split, metric)
    known = list(dict.fromkeys(rows["model"]))
    for model in models or ():
        if model not in known:
            raise UserError(f"the table has no model {model!r} for the frame", name=model, known=known)
    datasets = list(datasets) if datasets is not None else list(dict.fromkeys(rows["dataset"]))
    missing = missing_cells(rows, datasets, seeds)
    spanning = [model for model in (models if models is not None else known) if model not in missing]
    if len(spanning) < 2:
        return None
    means = seed_means(rows).loc[spanning, datasets]
    low, high = means.min(), means.max()
    worst, best = (low, high) if Metric.of(metric).higher_is_better else (high, low)
    noise = seed_noise(rows, datasets=datasets)
    limit = 2 * np.sqrt(noise.variance)
    spans = {name: (float(worst[name]), float(best[name])) for name in datasets if low[name] < high[name]}
    if len(spans) < FEWEST_DATASETS:
        return None
    return Frame(
        kind="cohort" if models is None else "references",
        models=tuple(spanning),
        split=the_split(table, split),
        datasets=spans,
        dropped=tuple(name for name in datasets if name not in spans),
        weak=tuple(name for name, (a, b) in spans.items() if abs(b - a) < limit[name]),
    )


def score_table(
    table: pd.DataFrame,
    references: Sequence[str] | None = None,
    split: str | None = None,
    lam: float = LAMBDA,
    *,
    frame: Frame | None = None,
    datasets: Sequence[str] | None = None,
    seeds: Sequence[int] | None = None,
    metric: Metric | str = "accuracy",
    images: ImageNoise | None = None,
    classes: Mapping[str, Sequence[int]] | None = None,
) -> Scores:
    """Scores every model of a tidy results table in `frame`, else in the one that `make_frame` finds.

    `references`, `split`, `datasets`, `seeds` and `metric` are as in `make_frame`. With `images` intervals cover the
    finite test set beside the seeds, where it knows all models; `classes` gives the test images of each class by dataset, and
    so the models at chance. A model that is not complete gets no score but a reason, and takes no part in the frame.
    """
    rows = cells(table, split, metric)
    datasets = list(datasets) if datasets is not None else list(dict.fromkeys(rows["dataset"]))
    missing = missing_cells(rows, datasets, seeds)
    if frame is None:
        frame = make_frame(table, references, split, datasets=datasets, seeds=seeds, metric=metric)
    models = list(dict.fromkeys(rows["model"]))
    scored = pd.DataFrame(index=pd.Index(models, name="model"), columns=COLUMNS, dtype=float)
    complete = [model for model in models if model not in missing]
    means = seed_means(rows).reindex(index=complete, columns=datasets)
    if frame is None:
        reasons = dict.fromkeys(models, "fewer than two complete references, or two datasets that tell them apart")
    else:
        reasons = {}
        found = xscore(means, lam, frame)
        scored.loc[complete, COLUMNS] = found.join(score_intervals(rows, found["xscore"], frame, lam, images))
    reasons |= {
        model: f"{INCOMPLETE}: no {Metric.of(metric).words} on {', '.join(gaps)}" for model, gaps in missing.items()
    }
    scored["reason"] = [reasons.get(model, "") for model in models]
    scored = scored.sort_values("xscore", ascending=False, kind="stable")
    lost = at_chance(seed_means(rows), classes or {}, metric)
    said = chance_in_words(lost, len(models))
    if frame is None:
        by_all = references is not None and make_frame(
            table, None, split, datasets=datasets, seeds=seeds, metric=metric
        )
        no_frame = f"{NO_FRAME}; all models together have one (--frame all)" if by_all else NO_FRAME
        return Scores(lam, None, scored, (no_frame, *said), at_chance=lost)
    warnings = [
        *_warnings(frame, Metric.of(metric)),
        *_fragile(frame, len(complete), Metric.of(metric)),
        *_without_intervals(rows, complete, frame),
        *said,
        *unrewarded(means.drop(index=list(lost), errors="ignore"), frame, lam),  # of theirs all is said
    ]
    return Scores(lam, frame, scored, tuple(warnings), at_chance=lost)


def missing_cells(
    rows: pd.DataFrame, datasets: Sequence[str], seeds: Sequence[int] | None = None
) -> dict[str, list[str]]:
    """For each incomplete model, what it lacks: datasets, or `dataset (seed 1, 2)` where only some seeds are there."""
    have: dict[tuple[str, str], set] = {}
    for model, dataset, seed in rows[["model", "dataset", "seed"]].itertuples(index=False):
        have.setdefault((model, dataset), set()).add(seed)
    lacking: dict[str, list[str]] = {}
    for model in dict.fromkeys(rows["model"]):
        for dataset in datasets:
            found = have.get((model, dataset), set())
            gone = [seed for seed in seeds or () if seed not in found]
            if not found:
                lacking.setdefault(model, []).append(dataset)
            elif gone:
                lacking.setdefault(model, []).append(f"{dataset} (seed {', '.join(map(str, gone))})")
    return lacking


def _warnings(frame: Frame, metric: Metric) -> list[str]:
    dropped = [
        f"{name} is left out of the score: all models that span the frame have the same {metric.words} on it"
        for name in frame.dropped
    ]
    spans = {name: abs(best - worst) for name, (worst, best) in frame.datasets.items()}
    weak = [
        f"{name} is weak: the frame's span of {spans[name]:.4g} is under twice the deviation between seeds"
        for name in frame.weak
    ]
    return [*first_few(dropped), *first_few(weak)]


def _fragile(frame: Frame, models: int, metric: Metric) -> list[str]:
    """What to do about a frame of few references, of so many models that are complete."""
    if frame.kind != "references" or len(frame.models) > FEW_MODELS:
        return []
    others = "more references" if models <= len(frame.models) else "all models (--frame all)"
    return [
        f"the frame is spanned by {', '.join(frame.models)} alone: what is noise in these {len(frame.models)} moves every "
        f"xScore, so read differences in {points(metric)}, or span it by {others}"
    ]


def _without_intervals(rows: pd.DataFrame, models: list[str], frame: Frame) -> list[str]:
    """Why there are no intervals although there are several seeds."""
    reason = seed_noise(rows, models, list(frame.datasets), paired=frame.kind != "file").unknown_because
    return [f"no intervals: {reason}"] if reason and rows["seed"].nunique() > 1 else []


def _reason(row: pd.Series) -> dict[str, str]:
    return {"reason": row["reason"]} if row["reason"] else {}
