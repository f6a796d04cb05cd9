"""The order of a study's models with the values that tuning has chosen, beside that with the recipe's own."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pandas as pd

from archlab.report.material import Material
from archlab.scoring import records, score_table

FEWEST = 3  # models that a correlation needs


@dataclass(frozen=True)
class Orders:
    """Two orders of the same models.

    Attributes:
        split, measure: Of what: `xScore`, each in the frame of its own side, or where one has none the mean over datasets.
        models: Best tuned first: own and tuned (values), own_rank and tuned_rank, own_mean and tuned_mean (of the metric,
            over datasets).
        spearman, kendall: Between the two; None of fewer than three models, or where all of a side are equal.
    """

    split: str
    measure: str
    models: pd.DataFrame
    spearman: float | None
    kendall: float | None

    def document(self) -> dict[str, Any]:
        models = records(self.models.reset_index())
        return {"measure": self.measure, "models": models, "spearman": self.spearman, "kendall": self.kendall}


@dataclass(frozen=True)
class Tuning:
    """What was tuned, and what it changes: at the last rung of the tries, on validation images; and in the full runs, on test
    images, where those without tuning are stored too. `main`: what the study's own runs cost, as `tries` has it."""

    found: dict[str, Any]
    validation: Orders | None
    test: Orders | None
    main: dict[str, float]

    @property
    def tries(self) -> dict[str, float]:
        """Runs, steps and seconds of all tries."""
        return self.found["cost"]

    def document(self) -> dict[str, Any]:
        told = {key: value for key, value in self.found.items() if key != "untuned"}
        orders = {"validation": self.validation, "test": self.test}
        return {
            **told,
            "main_cost": self.main,
            "orders": {split: each.document() if each else None for split, each in orders.items()},
        }


def tuning(material: Material) -> Tuning | None:
    """None of a study that tunes nothing."""
    if not material.tuning:
        return None
    sides = [_of_tries(material, side) for side in ("own_value", "chosen_value")]
    test, untuned = None, material.untuned
    if untuned is not None:
        same_seeds = material.table["seed"].isin(untuned["seed"])
        test = _orders(material, "test", untuned, material.table[same_seeds])
    return Tuning(material.tuning, _orders(material, "validation", *sides), test, _main_cost(material))


def _of_tries(material: Material, side: str) -> pd.DataFrame:
    """The tidy table of the last rung with the recipe's own values, or the chosen ones."""
    assert material.tuning
    rows = [
        {
            **{name: choice[name] for name in ("model", "dataset")},
            **{"seed": 0, "split": "validation", "metric": material.metric.name, "value": choice[side]},
        }
        for choice in material.tuning["choices"]
    ]
    return pd.DataFrame(rows).dropna(subset="value")


def _orders(material: Material, split: str, own: pd.DataFrame, tuned: pd.DataFrame) -> Orders | None:
    """None where fewer than two models have a value on every dataset on both sides."""
    from scipy.stats import kendalltau, spearmanr

    own, tuned = _scored(material, own), _scored(material, tuned)
    if own.empty or tuned.empty:
        return None
    means = [_means(material, split, rows) for rows in (own, tuned)]
    measure, sides = "xScore", [_xscores(material, split, rows) for rows in (own, tuned)]
    if any(len(side) < 2 for side in sides):
        measure, sides = f"mean {material.metric.words}", means
    models = pd.concat(sides, axis=1, keys=["own", "tuned"], join="inner")
    if len(models) < 2:
        return None
    rising = measure != "xScore" and not material.metric.higher_is_better
    for side in ("own", "tuned"):
        models[f"{side}_rank"] = models[side].rank(ascending=rising, method="min").astype(int)
    models = models.join(pd.concat(means, axis=1, keys=["own_mean", "tuned_mean"]))
    told = len(models) >= FEWEST and models["own"].nunique() > 1 and models["tuned"].nunique() > 1
    return Orders(
        split,
        measure,
        models.sort_values("tuned_rank", kind="stable").rename_axis("model"),
        float(spearmanr(models["own"], models["tuned"]).statistic) if told else None,
        float(kendalltau(models["own"], models["tuned"]).statistic) if told else None,
    )


def _xscores(material: Material, split: str, rows: pd.DataFrame) -> pd.Series:
    """Those of the models that are complete, in a frame of these rows."""
    there = set(rows["model"])
    references = None if material.references is None else [name for name in material.references if name in there]
    datasets = material.datasets or list(dict.fromkeys(rows["dataset"]))
    found = score_table(rows, references, split, material.lam, datasets=datasets, metric=material.metric)
    return found.models["xscore"].dropna()


def _means(material: Material, split: str, rows: pd.DataFrame) -> pd.Series:
    rows = rows[(rows["split"] == split) & (rows["metric"] == material.metric.name)]
    by_dataset = rows.groupby(["model", "dataset"])["value"].mean().unstack()
    return by_dataset.reindex(columns=material.datasets or by_dataset.columns).mean(axis=1, skipna=False).dropna()


def _scored(material: Material, rows: pd.DataFrame) -> pd.DataFrame:
    return rows[rows["model"].isin(material.scored["model"])]


def _main_cost(material: Material) -> dict[str, float]:
    runs = pd.DataFrame(material.runs, columns=["model", "dataset", "seed", "key", "seconds"]).drop_duplicates("key")
    cost = {"runs": len(runs), "seconds": float(runs["seconds"].sum())}
    if material.curves is not None and "steps" in material.curves:
        steps = material.curves.groupby(["model", "dataset", "seed"])["steps"].max().rename("steps").reset_index()
        cost["steps"] = int(runs.merge(steps, on=["model", "dataset", "seed"])["steps"].sum())
    return cost
