"""What each option of a study did: differences with intervals and verdicts, and what would decide the rest."""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np
import pandas as pd

from archlab.foundation import UserError
from archlab.foundation.metric import METRICS, Metric
from archlab.scoring.allocation import seed_shares
from archlab.scoring.contrasts import Contrast, asked, contrasts
from archlab.scoring.deciding import Needed, chance_left, fixed_needed, soonest, what_would_decide
from archlab.scoring.estimates import DRAWS, Estimate, estimates
from archlab.scoring.frame import LAMBDA, Frame
from archlab.scoring.image_noise import ImageNoise
from archlab.scoring.intervals import LEVEL
from archlab.scoring.noise import Noise, seed_noise
from archlab.scoring.reading import percent_factor
from archlab.scoring.sequential import information_fraction
from archlab.scoring.tidy import cells
from archlab.scoring.verdicts import UNDECIDED, Look, Verdict, verdicts

DRAWS_BEFORE = 4_000  # of looks that others came after


@dataclass(frozen=True)
class Matters:
    """The least difference that matters, in percentage points and in xScore; None: not said.

    Where one is said, what the study is about are the effects and comparisons over all datasets in that measure, at equal
    budget where a choice has such: their p-values are adjusted among themselves, and those of all other rows among
    themselves. A study that goes on until it is decided, and has not said it, is about the xScore, else about points.
    """

    points: float | None = None
    xscore: float | None = None

    def of(self, measure: str) -> float | None:
        return self.xscore if measure == "xscore" else self.points

    def about(self, estimates: Sequence[Estimate], rounds: Rounds | None, asked: Collection[Contrast]) -> np.ndarray:
        """Of each estimate, whether it is what the study is about: a contrast of those asked for, over all datasets."""
        there = {each.measure for each in estimates}
        measures = {measure for measure in there if self.of(measure) is not None}
        if rounds and self == Matters():
            measures = {"xscore"} & there or {"points"}
        return np.array(
            [each.dataset is None and each.measure in measures and each.contrast in asked for each in estimates],
            dtype=bool,
        )


@dataclass(frozen=True)
class Rounds:
    """That a study was looked at after some rounds of seeds, and might have stopped there.

    Args:
        seeds: In the order of the rounds; a cell has the first so many of them.
        looks: By dataset, how many seeds each round went up to, the first round first.
        most: How many seeds a cell can have.
    """

    seeds: Sequence[int]
    looks: Sequence[Mapping[str, int]]
    most: int

    def until(self, look: Mapping[str, int], rows: pd.DataFrame) -> pd.DataFrame:
        """The rows that were there at a look."""
        places = rows["seed"].map({seed: place for place, seed in enumerate(self.seeds)})
        return rows[places < rows["dataset"].map(dict(look))]


@dataclass(frozen=True)
class Effects:
    """Effects of a study's options.

    Args:
        rows: One row an effect: of (`effect`, `comparison`, `interaction`), choice, option, against, kind, dataset (None: all),
            measure (`points`: difference of accuracies in percentage points, or in the unit of another metric; `xscore`),
            difference (positive is better, also of a metric of which less is), low, high
            (95 % interval, also under stopping), image_half (the part of its half-width that no number of seeds takes away),
            p, p_adjusted, p_same_adjusted (that the difference is as large as what matters; NaN without), verdict
            (`better`, `worse`, `same`, `undecided`), decided (no longer undecided), models (whose difference it is), seeds
            (now, the fewest of a cell), most_seeds (now, of the dataset that has most), seeds_needed (of that dataset, the
            others in proportion, that would decide it with a power of 80 % if it is as large as it looks), images_needed
            (where no number of seeds does: so many times as many test images), about (whether the study is about it), chance
            (that the most seeds decide it; in rounds alone). NaN where it is decided or not known: low, high and p are where
            a dataset has one seed only or all seeds agree exactly.
        metric: What was measured.
        covers_images: Whether intervals and verdicts are about other test images too, not other seeds alone.
        matters: What was said to matter.
        frame_models: Those whose accuracies make the frame of the xScore.
        shares: Of a study in rounds, by dataset, the seeds that it needs beside those of the noisiest, for what the study is
            about.
    """

    rows: pd.DataFrame
    metric: Metric = METRICS["accuracy"]
    covers_images: bool = False
    matters: Matters = Matters()
    frame_models: tuple[str, ...] = ()
    shares: Mapping[str, float] = field(default_factory=dict)

    def document(self) -> dict[str, list[dict[str, Any]]]:
        """As plain JSON values: effects, comparisons, interactions."""
        plain = self.rows.astype(object).where(self.rows.notna(), None).to_dict("records")
        for row in plain:
            if row.get("seeds_needed") is not None:  # a column of whole numbers and NaN is one of floats
                row["seeds_needed"] = int(row["seeds_needed"])
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
    images: ImageNoise | None = None,
    matters: Matters = Matters(),
    rounds: Rounds | None = None,
) -> Effects:
    """The effect of each option against the base's, of options against each other, and of choices on one another.

    Differences are paired by dataset and seed: what a seed does to all models alike falls out of them. The noise is pooled
    over models within each dataset; the datasets are held fixed. With `images` differences are paired by test image too, and
    what is said is about other images of the same classes. The interval of an accuracy is Student's t; that of the xScore
    comes from drawing the table anew and the frame with it.

    Args:
        table: Tidy results.
        models: The study's models: `model`, `options` (by choice), `kind`; see `contrasts`.
        base: The model whose options are the defaults.
        frame: What the scores were normalised by; without one there are no rows for the xScore.
        split, lam, metric, seeds: As in `score_table`.
        images: The noise of the test images; where it does not know all models, seeds alone count.
        matters: The least difference that matters.
        rounds: When the study was looked at, where it might have stopped before it did.
    """
    if base not in [model["model"] for model in models]:
        raise UserError(f"no model {base!r} among the study's", name=base, known=[model["model"] for model in models])
    rows = cells(table, split, metric)
    metric, found = Metric.of(metric), contrasts(models, base)
    points = percent_factor(rows["value"], metric) * (1 if metric.higher_is_better else -1)

    def estimated(rows: pd.DataFrame, draws: int) -> list[Estimate]:
        return estimates(rows, found, frame, lam, points=points, seeds=seeds, images=images, draws=draws)

    last = estimated(rows, DRAWS)
    looks = [{each.key: each for each in last}]
    for look in reversed(rounds.looks[:-1]) if rounds else ():
        assert rounds
        before = rounds.until(look, rows)
        if len(before):
            looks.insert(0, {each.key: each for each in estimated(before, DRAWS_BEFORE)})
    noise = seed_noise(rows)
    covers = noise.with_images(images).images is not None
    tested = _tested(last, looks, matters, rounds, asked(found))
    shares = _shares(tested, noise, frame) if rounds else {}
    return Effects(tested, metric, covers, matters, frame.models if frame else (), shares)


def _shares(tested: pd.DataFrame, noise: Noise, frame: Frame | None) -> dict[str, float]:
    """Of a study about points and the xScore, the larger."""
    measures = set(tested.loc[tested["about"], "measure"]) if "about" in tested else set()
    found = [seed_shares(noise)] if measures != {"xscore"} else []
    if "xscore" in measures and frame:
        found.append(seed_shares(noise, {name: frame.span(name) for name in frame.datasets}))
    return {name: max(shares[name] for shares in found) for name in found[0]}


def _tested(
    last: list[Estimate],
    looks: list[dict[tuple, Estimate]],
    matters: Matters,
    rounds: Rounds | None,
    wanted: Collection[Contrast],
) -> pd.DataFrame:
    if not last:
        return pd.DataFrame(columns=["of"])
    about = matters.about(last, rounds, wanted)
    made: dict[int, dict[str, Any]] = {}
    for family in (np.flatnonzero(about), np.flatnonzero(~about)):
        members = [last[index] for index in family]
        paths = [_path(each, looks, rounds) for each in members]
        decided = verdicts(paths, [matters.of(each.measure) for each in members])
        level = (1 - LEVEL) / max(sum(np.isfinite(each.p) for each in decided), 1)
        left = (1 - LEVEL) / max(sum(each.verdict == UNDECIDED and np.isfinite(each.p) for each in decided), 1)
        for index, estimate, verdict in zip(family, members, decided, strict=True):
            limit = matters.of(estimate.measure)
            row = _row(estimate, verdict, limit, level, rounds)
            chance = _chance(estimate, verdict, limit, left, rounds)
            made[int(index)] = row | {"about": bool(about[index]), "chance": chance}
    return pd.DataFrame([made[index] for index in range(len(last))])


def _path(last: Estimate, looks: list[dict[tuple, Estimate]], rounds: Rounds | None) -> list[Look]:
    """One look without rounds; else those at which seeds were added, as far as they are known."""
    if rounds is None:
        return [Look(last.difference, last.error, last.freedom)]
    path = []
    for look in looks:
        each = look.get(last.key)
        if each is None or not math.isfinite(each.error) or len(each.one_seed) < len(last.one_seed):
            continue
        seeds = last.seeds_of(each)
        exact = last.error == 0
        fraction = (
            1.0 if exact else information_fraction(last.image_error, last.seed_error, seeds, max(rounds.most, seeds))
        )
        path.append(Look(each.difference, each.error, each.seed_freedom, fraction))
    return path or [Look(last.difference, last.error, last.seed_freedom)]


def _row(
    estimate: Estimate, verdict: Verdict, matters: float | None, level: float, rounds: Rounds | None
) -> dict[str, Any]:
    contrast = estimate.contrast
    half = (verdict.high - verdict.low) / 2
    share = estimate.image_error / estimate.error if estimate.error > 0 else 0.0
    needed = Needed(None, None)
    if verdict.verdict == UNDECIDED and estimate.error > 0:
        needed = _needed(estimate, matters, level, rounds)
    return {
        **{name: getattr(contrast, name) for name in ("of", "choice", "option", "against", "kind")},
        "dataset": estimate.dataset,
        "measure": estimate.measure,
        "difference": estimate.difference,
        "low": verdict.low,
        "high": verdict.high,
        "image_half": half * share,
        "p": verdict.p,
        "p_adjusted": verdict.p_adjusted,
        "p_same_adjusted": verdict.p_same_adjusted,
        "verdict": verdict.verdict,
        "decided": verdict.verdict != UNDECIDED,
        "models": tuple(contrast.weights),
        "seeds": estimate.seeds,
        "most_seeds": math.ceil(estimate.most_seeds - 1e-9),
        **{f"{what}_needed": math.nan if value is None else value for what, value in asdict(needed).items()},
    }


def _chance(estimate: Estimate, verdict: Verdict, matters: float | None, level: float, rounds: Rounds | None) -> float:
    if rounds is None or verdict.verdict != UNDECIDED or not estimate.error > 0:
        return math.nan
    size, error = estimate.difference, estimate.error
    return chance_left(size, estimate.image_error, estimate.seed_error, error, rounds.most, matters, level)


def _needed(estimate: Estimate, matters: float | None, level: float, rounds: Rounds | None) -> Needed:
    """What decides it soonest, in one way or the other."""
    size, image, seeds = estimate.difference, estimate.image_error, math.ceil(estimate.most_seeds - 1e-9)
    if rounds is None:
        return fixed_needed(size, image, estimate.seed_error, seeds, matters, level)
    found = what_would_decide(size, image, estimate.seed_error, seeds, rounds.most, matters, level)
    return soonest([found.difference, *([found.same] if found.same else [])])
