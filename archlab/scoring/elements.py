"""Which elements of the architectures carry the score? A ridge regression that refuses to conclude from too few models."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.resources import files
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from archlab.foundation import UserError
from archlab.scoring.tidy import records

if TYPE_CHECKING:
    from sklearn.pipeline import Pipeline

ELEMENTS = {
    "channel_attention": "channel attention (share of blocks)",
    "token_attention": "token attention (share of blocks)",
    "isotropic": "isotropic layout (share of blocks in the longest run of one size)",
    "resolution": "resolution of the last map (log2 of its share of the input)",
    "shuffle": "channel shuffle (share of blocks)",
    "kernel": "kernel (mean size)",
    "depth": "depth (blocks)",
    "macs": "multiply-accumulates (log10)",
}
PLAIN = {"conv", "patch", "norm", "pool"}  # layers between blocks
FEWEST_MODELS = 6
PENALTIES = np.logspace(-2, 3, 21)  # per model
RESAMPLES = 2000
ALPHA = 0.05


@dataclass(frozen=True)
class Elements:
    """What a ridge regression of the xScore on elements can tell.

    Args:
        rows: One row an element: element, effect (on the xScore, of one standard deviation more of it), low, high (interval
            from resampling models, at 95 % for all elements together), decided. NaN for elements in which the models do not
            differ.
        left_out_r2: Each model predicted from the others alone, the penalty chosen without it too.
        p: How often models with shuffled scores are predicted as well.
        conclusion: In words.
    """

    rows: pd.DataFrame
    left_out_r2: float
    p: float
    conclusion: str


def elements(scores: pd.Series, features: pd.DataFrame) -> Elements:
    """Regresses scores (by model) on features (models x ELEMENTS; `macs` in any unit).

    An element is decided only where the regression predicts models that it has not seen (left_out_r2 above 0, p under 5 %)
    and its own interval excludes 0. It stays a correlation: only an ablation changes one element alone.

    Raises UserError for fewer than six models with both a score and features, and where they differ in no element.
    """
    models = [model for model in scores.dropna().index if model in features.index]
    if len(models) < FEWEST_MODELS:
        raise UserError(f"{len(models)} models say nothing about elements: at least {FEWEST_MODELS} are needed")
    target = scores[models].to_numpy(dtype=float)
    given = features.loc[models].assign(macs=np.log10(features.loc[models, "macs"].to_numpy(dtype=float)))
    varying = [name for name in ELEMENTS if given[name].nunique() > 1]
    if not varying:
        raise UserError("the models do not differ in any element")
    design = given[varying].to_numpy(dtype=float)
    model = _ridge(len(models)).fit(design, target)
    left_out, p = _nested_r2(design, target), _permutation_p(design, target)
    low, high = _resampled(design, target, model[-1].alpha_, level=1 - ALPHA / len(varying))
    rows = pd.DataFrame({"element": varying, "effect": model[-1].coef_, "low": low, "high": high})
    trusted = left_out > 0 and p < ALPHA
    rows["decided"] = trusted & ((rows["low"] > 0) | (rows["high"] < 0))
    rows = rows.set_index("element").reindex(list(ELEMENTS)).reset_index()
    rows["decided"] = rows["decided"].eq(True)
    return Elements(rows, left_out, p, _in_words(rows, left_out, p, len(models), design))


def architecture_elements(
    canonical: Mapping[str, Any], macs: float, strides: Sequence[int] | None = None
) -> dict[str, float]:
    """The elements of an architecture's canonical form; `strides`: of its layers as they ran, None for the published ones."""
    blocks, runs, stride = [], [], 1.0
    for index, layer in enumerate(canonical["layers"]):
        arguments = layer["arguments"]
        published = layer["stride"] * (arguments["size"] if layer["block"] == "patch" and layer["stride"] == 1 else 1)
        stride *= strides[index] if strides else published
        if layer["block"] in PLAIN:
            continue
        blocks += [(layer["block"], arguments)] * layer["repeat"]
        runs += [(stride, arguments.get("out"))] * layer["repeat"]
    count = max(len(blocks), 1)
    kernels = [np.mean(arguments["kernel"]) for _, arguments in blocks if arguments.get("kernel")]
    return {
        "channel_attention": sum(bool(arguments.get("channel_attention")) for _, arguments in blocks) / count,
        "token_attention": sum("heads" in arguments or "mobilevit" in block for block, arguments in blocks) / count,
        "isotropic": max((runs.count(run) for run in set(runs)), default=0) / count,
        "resolution": -math.log2(stride),
        "shuffle": sum(bool(arguments.get("shuffle")) for _, arguments in blocks) / count,
        "kernel": float(np.mean(kernels)) if kernels else 1.0,
        "depth": float(len(blocks)),
        "macs": float(macs),
    }


def published_elements(name: str) -> pd.DataFrame:
    """Models x ELEMENTS of a shipped table, as its authors ran them; macs and, beside them, params in millions."""
    with (files("archlab.scoring") / "tables" / "elements" / f"{name}.csv").open() as file:
        return pd.read_csv(file, index_col="model")


def _ridge(models: int) -> Pipeline:
    """Of standardised elements, with the penalty that predicts each of so many models best from the others."""
    from sklearn.linear_model import RidgeCV
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    return make_pipeline(StandardScaler(), RidgeCV(PENALTIES * models, alpha_per_target=True))


def _nested_r2(design: np.ndarray, target: np.ndarray) -> float:
    from sklearn.metrics import r2_score
    from sklearn.model_selection import LeaveOneOut, cross_val_predict

    predicted = cross_val_predict(_ridge(len(target) - 1), design, target, cv=LeaveOneOut())
    return float(r2_score(target, predicted))


def _permutation_p(design: np.ndarray, target: np.ndarray) -> float:
    """The penalty is chosen anew for every shuffle, so choosing it is paid for."""
    rng = np.random.default_rng(0)
    shuffled = rng.permuted(np.repeat(target[:, None], RESAMPLES, axis=1), axis=0)
    scores = _ridge(len(target)).fit(design, np.column_stack([target, shuffled]))[-1].best_score_
    return float((1 + (scores[1:] >= scores[0]).sum()) / (1 + RESAMPLES))


def _resampled(design: np.ndarray, target: np.ndarray, penalty: float, level: float) -> np.ndarray:
    from sklearn.linear_model import ridge_regression

    scaled, samples = design / design.std(axis=0), []
    for rows in np.random.default_rng(0).integers(0, len(target), (RESAMPLES, len(target))):
        centred = scaled[rows] - scaled[rows].mean(axis=0)
        samples.append(ridge_regression(centred, target[rows], penalty, solver="cholesky", check_input=False))
    tail = 50 * (1 - level)
    return np.percentile(samples, [tail, 100 - tail], axis=0)


def _in_words(rows: pd.DataFrame, left_out: float, p: float, models: int, design: np.ndarray) -> str:
    decided = rows[rows["decided"]]
    quality = f"left-out R2 {left_out:.2f}, permutation p {p:.2g}"
    constant = [ELEMENTS[str(name)].split(" (")[0] for name in rows.loc[rows["effect"].isna(), "element"]]
    unknown = (
        f" Nothing at all can be said of {', '.join(constant)}: the models do not differ in it." if constant else ""
    )
    if decided.empty:
        return (
            f"No conclusion: {models} models cannot tell {design.shape[1]} elements apart ({quality}). "
            f"An ablation, which changes one element alone, can.{unknown}"
        )
    found = [
        f"{ELEMENTS[row['element']].split(' (')[0]} ({row['effect']:+.3f} a standard deviation)"
        for row in records(decided)
    ]
    return f"Over {models} models, the xScore goes with {', '.join(found)} ({quality}); a correlation, not a cause.{unknown}"
