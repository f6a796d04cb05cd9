"""What the models of a study are worth in int8, in the frame of the float networks."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import pandas as pd

from archlab.report.material import Material
from archlab.scoring import Scores, records, xscore

POINTS = 100  # of a share


@dataclass(frozen=True)
class Quantised:
    """Models after quantisation.

    Attributes:
        models: Best in int8 first: xscore and rank, float_xscore and float_rank (of these models), and what is lost of
            accuracy, in points: drop with its 95 % interval over test images, low and high, and by dataset the worst, as words.
        causes: Of each model without scores in int8 the first reason.
    """

    models: pd.DataFrame
    causes: dict[str, str]

    def document(self) -> list[dict[str, Any]]:
        return records(self.models.reset_index())


def quantised(material: Material, scores: Scores) -> Quantised | None:
    """None of a study that did not ask for it, or has no frame."""
    if not material.int8 or scores.frame is None:
        return None
    rows = pd.DataFrame(material.int8).reindex(columns=["model", "dataset", "int8", "drop", "low", "high", "cause"])
    wanted = list(scores.frame.datasets)
    rows = rows[rows["dataset"].isin(wanted)]
    lacking = rows[rows["int8"].isna()].drop_duplicates("model")
    causes = dict(zip(lacking["model"], lacking["cause"].fillna("the metric is not defined"), strict=True))
    rows = rows[~rows["model"].isin(list(causes))]
    means = rows.groupby(["model", "dataset"])["int8"].mean().unstack().reindex(columns=wanted).dropna()
    known = [
        str(model) for model in scores.models.index if model in means.index and scores.models["reason"][model] == ""
    ]
    if not known:
        return Quantised(pd.DataFrame(columns=["xscore"]), causes)
    found = pd.DataFrame(index=pd.Index(known, name="model"))
    found["xscore"] = xscore(means.loc[known], material.lam, scores.frame)["xscore"]
    found["float_xscore"] = scores.models["xscore"].loc[known]
    for column in ("xscore", "float_xscore"):
        found[column.replace("xscore", "rank")] = found[column].rank(ascending=False, method="min").astype(int)
    lost = [_lost(rows[rows["model"] == model]) for model in known]
    found = found.join(pd.DataFrame(lost, index=found.index))
    return Quantised(found.sort_values("xscore", ascending=False), causes)


def _lost(rows: pd.DataFrame) -> dict[str, Any]:
    """Of one model. Seeds see the same images, so their intervals do not narrow each other; datasets do."""
    rows = rows.assign(centre=(rows["low"] + rows["high"]) / 2, half=(rows["high"] - rows["low"]) / 2)
    each = POINTS * rows.groupby("dataset")[["drop", "centre", "half"]].mean()
    centre, half = each["centre"].mean(), math.sqrt((each["half"] ** 2).sum()) / len(each)
    worst = str(each["drop"].idxmax())
    ends = {"low": centre - half, "high": centre + half}
    return {"drop": each["drop"].mean(), **ends, "worst": f"{worst}: {each['drop'][worst]:.1f}"}
