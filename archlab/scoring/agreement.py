"""Does one protocol rank models as another does? Two tables of the same models and datasets, seed by seed."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from archlab.foundation import UserError
from archlab.scoring.attenuation import LEVEL, corrected, rank_scale, repeats, runs_for_one
from archlab.scoring.frame import FEWEST_DATASETS, LAMBDA, normalised_scores
from archlab.scoring.noise import NO_NOISE
from archlab.scoring.predictors import FEWEST_MODELS, fisher_interval
from archlab.scoring.tidy import records

SIDES = ("cheap", "dear")
SCORES = ("xscore", "mean")
NUMBERS = (
    *("spearman", "low", "high", "corrected", "corrected_low", "corrected_high"),
    *("cheap_reliability", "dear_reliability", "runs_for_one", "runs_for_one_low", "runs_for_one_high"),
)


@dataclass(frozen=True)
class Agreement:
    """How alike a cheap and a dear protocol rank models.

    Args:
        rows: A row a score (`xscore`, `mean`) and dataset, called `by`: models, cheap_seeds, dear_seeds (how many);
            spearman, low, high (of the seed means as they are, with a 95 % interval over models; NaN for equal orders);
            corrected, corrected_low, corrected_high (without the noise of both, see `archlab.scoring.attenuation`);
            cheap_reliability, dear_reliability (of one run, on the scale of normal scores); runs_for_one (how many of the
            cheap protocol tell as much about the dear order as one dear run; infinite where no number does) with its 95 %
            interval; reason, why numbers are missing, "" where none are. A run of a score is one seed of every dataset.
        models: Those of the scores.
        xscores: Models x SIDES, means over seeds: what the correlation by xScore is of. No rows where a side has none.
        datasets: Those that both have; without any, the scores are each of its own datasets.
        left_out: Models and datasets that one of the tables has not, or not in full.
    """

    rows: pd.DataFrame
    models: tuple[str, ...]
    xscores: pd.DataFrame
    datasets: tuple[str, ...]
    left_out: tuple[str, ...]

    def document(self) -> dict[str, Any]:
        """As plain JSON values: rows, xscores, models, datasets, left_out. Null where a number is not known; "infinite" where
        no number of cheap runs is enough."""
        rows = [
            {name: _plain(value) if name in NUMBERS else value for name, value in row.items()}
            for row in records(self.rows)
        ]
        listed = {name: list(getattr(self, name)) for name in ("models", "datasets", "left_out")}
        xscores = records(self.xscores.reset_index())
        return {"rows": [{**row, "reason": row["reason"] or None} for row in rows], "xscores": xscores, **listed}


def agreement(cheap: pd.DataFrame, dear: pd.DataFrame, lam: float = LAMBDA) -> Agreement:
    """The agreement of two tables (model, dataset, seed, value; better is higher) on the models that both have.

    A seed counts where at least half of the models have it, a model where it has every seed that counts. xScores are in each
    table's own frame, which those models span. Where no dataset is in both, each has its scores on its own.

    Raises UserError where fewer than four models are in both.
    """
    tables = [_wide(rows) for rows in (cheap, dear)]
    datasets = [name for name in tables[0] if name in tables[1]]
    blocks = {name: _blocks([{name: table[name]} for table in tables]) for name in datasets}
    suite = _blocks([{name: table[name] for name in datasets or table} for table in tables])
    if not any(len(block[0].models) >= FEWEST_MODELS for block in [suite, *blocks.values()]):
        raise UserError(f"an order of models is compared over at least {FEWEST_MODELS} that both tables have in full")
    scores = {score: _scores(suite, score, lam) for score in SCORES}
    rows = [{"by": score, **_row(*both)} for score, both in scores.items()]
    rows += [{"by": name, **_row(*blocks[name])} for name in datasets]
    columns = ["by", "models", "cheap_seeds", "dear_seeds", *NUMBERS, "reason"]
    found, models = pd.DataFrame(rows, columns=columns), suite[0].models
    left_out = _left_out(tables, datasets, models)
    return Agreement(found, tuple(models), _means(scores["xscore"]), tuple(datasets), left_out)


@dataclass(frozen=True)
class _Block:
    """Values of seeds x models x datasets, none missing; of a score, its values in the place of the datasets'."""

    models: list[str]
    seeds: list[Any]
    values: np.ndarray
    reason: str = ""

    @property
    def of_runs(self) -> np.ndarray:
        """Seeds x models: the mean over datasets."""
        return self.values.mean(axis=2)


def _wide(rows: pd.DataFrame) -> dict[str, pd.DataFrame]:
    """By dataset: models x seeds."""
    return {
        str(name): part.pivot(index="model", columns="seed", values="value").loc[part["model"].unique()]
        for name, part in rows.groupby("dataset", sort=False)
    }


def _blocks(tables: Sequence[dict[str, pd.DataFrame]]) -> tuple[_Block, _Block]:
    """Of both tables, on all their datasets, the same models in full."""
    there = [list(table.values()) for table in tables]
    order = [model for model in there[0][0].index if all(model in each.index for both in there for each in both)]
    seeds, models = [], set(order)
    for parts in there:
        common = [seed for seed in parts[0] if all(seed in part for part in parts)]
        have = {
            seed: pd.concat([part[seed].loc[order] for part in parts], axis=1).notna().all(axis=1) for seed in common
        }
        counted = [seed for seed in common if have[seed].sum() * 2 >= len(order) and len(order)]
        seeds.append(counted)
        models &= {model for model in order if counted and all(have[seed][model] for seed in counted)}
    kept = [model for model in order if model in models]
    one, two = (
        _Block(kept, counted, np.array([[part[seed].loc[kept] for part in parts] for seed in counted]).swapaxes(1, 2))
        if kept
        else _Block([], [], np.empty((0, 0, len(parts))))
        for parts, counted in zip(there, seeds, strict=True)
    )
    return one, two


def _scores(blocks: tuple[_Block, _Block], score: str, lam: float) -> tuple[_Block, _Block]:
    """A score of every seed in the place of its accuracies."""
    if score == "mean" or not blocks[0].models:
        return blocks
    one, two = (_xscores(block, lam) for block in blocks)
    return one, two


def _xscores(block: _Block, lam: float) -> _Block:
    """Of every seed, in the frame of the seed means; datasets that tell no models apart are left out."""
    means = block.values.mean(axis=0)
    low, high = means.min(axis=0), means.max(axis=0)
    told = high > low
    if told.sum() < FEWEST_DATASETS:
        return dataclasses.replace(block, reason="an xScore needs two datasets that tell the models apart")
    scores = normalised_scores(block.values[:, :, told], low[told], high[told], lam)[2]
    return dataclasses.replace(block, values=scores[:, :, None])


def _means(blocks: tuple[_Block, _Block]) -> pd.DataFrame:
    """Of all seeds, models x SIDES; no rows where a side has none."""
    index = pd.Index(blocks[0].models, name="model")
    if index.empty or blocks[0].reason or blocks[1].reason:
        return pd.DataFrame(columns=list(SIDES), index=index[:0], dtype=float)
    return pd.DataFrame({side: block.of_runs.mean(axis=0) for side, block in zip(SIDES, blocks, strict=True)}, index)


def _row(cheap: _Block, dear: _Block) -> dict[str, Any]:
    blocks = cheap, dear
    counts = {"models": len(cheap.models), "cheap_seeds": len(cheap.seeds), "dear_seeds": len(dear.seeds)}
    few = f"both have only {len(cheap.models)} models in full, and an order takes {FEWEST_MODELS}"
    if reason := few if len(cheap.models) < FEWEST_MODELS else cheap.reason or dear.reason:
        return {**counts, "reason": reason}
    runs = [block.of_runs for block in blocks]
    row = counts | _observed(*(each.mean(axis=0) for each in runs))
    if reason := _refused(runs):
        return {**row, "reason": reason}
    different = np.array([[float(one != two) for two in dear.seeds] for one in cheap.seeds])
    found = corrected(runs[0], runs[1], different)
    needed = runs_for_one(*(np.array(value) for value in (found.correlation, *found.reliabilities)))
    ends = np.quantile(runs_for_one(*found.redrawn.T), [(1 - LEVEL) / 2, (1 + LEVEL) / 2], method="nearest")
    return {
        **row,
        "corrected": rank_scale(found.correlation),
        "corrected_low": rank_scale(found.low),
        "corrected_high": rank_scale(found.high),
        "cheap_reliability": found.reliabilities[0],
        "dear_reliability": found.reliabilities[1],
        "runs_for_one": float(needed),
        "runs_for_one_low": float(ends[0]),
        "runs_for_one_high": float(ends[1]),
        "reason": "",
    }


def _observed(cheap: np.ndarray, dear: np.ndarray) -> dict[str, float]:
    from scipy import stats

    if len(set(cheap)) < 2 or len(set(dear)) < 2:
        return {}
    r = float(stats.spearmanr(cheap, dear).statistic)
    low, high = fisher_interval(r, len(cheap), 1 + r * r / 2)
    return {"spearman": r, "low": low, "high": high}


def _refused(runs: Sequence[np.ndarray]) -> str:
    """Why there is no correction for noise; "" where there is one."""
    for side, values in zip(SIDES, runs, strict=True):
        if len(values) < 2:
            return f"the {side} protocol has one seed, which says nothing about its noise"
    for side, values in zip(SIDES, runs, strict=True):
        if np.ptp(values, axis=0).max() <= NO_NOISE:
            return f"all seeds of the {side} protocol agree to the last digit, which says nothing about its noise"
        alike, more_than_chance = repeats(values)
        if math.isnan(alike):
            return f"all models are equal in a seed of the {side} protocol"
        if not more_than_chance:
            return (
                f"the {len(values)} seeds of the {side} protocol rank the models alike by {alike:.2f} on average, no more than "
                "chance may: there is no order to correct for"
            )
    return ""


def _left_out(tables: Sequence[dict[str, pd.DataFrame]], datasets: list[str], models: Sequence[str]) -> tuple[str, ...]:
    names = dict.fromkeys(str(model) for table in tables for part in table.values() for model in part.index)
    others = dict.fromkeys(name for table in tables for name in table if datasets and name not in datasets)
    return (*(name for name in names if name not in models), *others)


def _plain(value: Any) -> float | str | None:
    if value is None or math.isnan(value):
        return None
    return "infinite" if math.isinf(value) else float(value)
