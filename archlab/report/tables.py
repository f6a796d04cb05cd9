"""The tables of a report: named columns, plain values, one way to write a number."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Any

import pandas as pd

from archlab.report.analysis import Analysis, percent
from archlab.scoring import ELEMENTS, records

KINDS = {"equal_budget": "equal budget", "raw": "raw"}


@dataclass(frozen=True)
class Column:
    """A column: its title, and how its values are written (`text`, `integer`, `number`, `signed`, `p`)."""

    title: str
    kind: str = "text"
    digits: int = 3

    def written(self, value: Any) -> str:
        """The value as people read it; a missing one as an en dash."""
        if value is None or (isinstance(value, float) and math.isnan(value)):
            return "–"
        if self.kind == "integer":
            return f"{round(value):,}"
        if self.kind == "p":
            return f"{value:.4f}" if value >= 0.0001 else "< 0.0001"
        if self.kind in ("number", "signed"):
            return format(value, f"{'+' if self.kind == 'signed' else ''}.{self.digits}f").replace("-", "−")
        return str(value)


@dataclass(frozen=True)
class Table:
    """A table, rows in the order of the columns.

    Args:
        name: Of its file and its anchor.
        roles: For each row `reference`, `variant` or "", where models are told apart.
    """

    name: str
    caption: str
    columns: list[Column]
    rows: list[list[Any]]
    roles: list[str] = field(default_factory=list)

    def frame(self) -> pd.DataFrame:
        """As a DataFrame of values as they are."""
        return pd.DataFrame(self.rows, columns=[column.title for column in self.columns])

    def written(self) -> list[list[str]]:
        """All values as people read them."""
        return [[column.written(value) for column, value in zip(self.columns, row, strict=True)] for row in self.rows]


def scores(analysis: Analysis) -> Table:
    """One row a model, best first."""
    models, means = analysis.models, percent(analysis.means)
    with_roles = models["role"].notna().any()
    columns = {"model": Column("model"), "role": Column("role"), "xscore": Column("xScore", "number")}
    columns |= {"xscore_low": Column("low", "number"), "xscore_high": Column("high", "number")}
    columns |= {"difference": Column("to base", "signed"), "mean": Column("mean", "number")}
    columns |= {"variance": Column("variance", "number"), "accuracy": Column("mean accuracy", "number", 1)}
    columns |= {name: Column(str(name), "number", 1) for name in means.columns}
    columns |= {"worst": Column("worst dataset")}
    columns |= {cost.column: Column(cost.head, "number", cost.digits) for cost in analysis.costs}
    values = models.join(means).assign(model=models.index, accuracy=means.mean(axis=1, skipna=False))
    kept = [name for name in columns if name in values and values[name].notna().any()]
    return Table(
        "scores",
        "Scores, best first. Accuracies in percent, the mean over seeds; mean, variance and xScore of normalised accuracies"
        + ("; low and high: 95 % interval for seed noise." if "xscore_low" in kept else "."),
        [columns[name] for name in kept],
        _rows(values[kept]),
        [str(role) for role in models["role"]] if with_roles else [],
    )


def effects(analysis: Analysis, study: str) -> list[Table]:
    """Effects over all datasets, on each dataset, options against each other, interactions: those that there are."""
    rows = analysis.effects[study].rows
    if rows.empty:
        return []
    suffix = "" if len(analysis.effects) == 1 else f"-{study}"
    over_all = rows["dataset"].isna()
    parts = {
        "effects": ("Effects of options over all datasets", (rows["of"] == "effect") & over_all),
        "effects-by-dataset": ("Effects of options on each dataset", (rows["of"] == "effect") & ~over_all),
        "comparisons": ("Options against each other", rows["of"] == "comparison"),
        "interactions": ("Interactions", rows["of"] == "interaction"),
    }
    note = "95 % intervals for seed noise; p by Holm's method over all tests of the study."
    made = [(name + suffix, f"{title}. {note}", rows[chosen]) for name, (title, chosen) in parts.items()]
    return [_effects(name, caption, part) for name, caption, part in made if len(part)]


def _effects(name: str, caption: str, rows: pd.DataFrame) -> Table:
    columns = {
        "choice": Column("choice"),
        "option": Column("option"),
        "against": Column("against"),
        "kind": Column("kind"),
    }
    columns |= {
        "dataset": Column("dataset"),
        "measure": Column("measure"),
        "difference": Column("difference", "signed"),
    }
    columns |= {
        "low": Column("low", "signed"),
        "high": Column("high", "signed"),
        "p_adjusted": Column("adjusted p", "p"),
    }
    columns |= {"decided": Column("decided"), "seeds": Column("seeds", "integer")}
    columns |= {"seeds_needed": Column("seeds needed", "integer")}
    values = rows.sort_values("kind", kind="stable").assign(
        kind=rows["kind"].map(KINDS),
        measure=rows["measure"].map({"points": "accuracy points", "xscore": "xScore"}),
        decided=rows["decided"].map({True: "yes", False: "undecided"}),
    )
    if values["dataset"].isna().all():
        del columns["dataset"]
    return Table(name, caption, list(columns.values()), _rows(values[list(columns)]))


def stability(analysis: Analysis) -> Table | None:
    """A model's rank, and what it would be under other circumstances."""
    if analysis.ranks_by_lambda is None:
        return None
    by_lambda, own = analysis.ranks_by_lambda, analysis.scores.lam
    values = pd.DataFrame({"model": by_lambda.index, "rank": by_lambda[own]}, index=by_lambda.index)
    columns = [Column("model"), Column("rank", "integer")]
    if analysis.ranks_without is not None:
        values = values.join(analysis.ranks_without)
        columns += [Column(f"without {name}", "integer") for name in analysis.ranks_without]
    for lam in by_lambda.columns:
        if lam != own:
            values[f"lambda {lam:g}"] = by_lambda[lam]
            columns.append(Column(f"lambda {lam:g}", "integer"))
    values["worst"] = analysis.models["worst"]
    columns.append(Column("worst dataset"))
    return Table(
        "stability", "Rank by xScore, with one dataset left out, and under other lambdas.", columns, _rows(values)
    )


def predictors(analysis: Analysis) -> Table | None:
    """Correlations of each dataset with each other and with the score of the others."""
    if analysis.predictors is None:
        return None
    columns = [Column("predictor"), Column("target")]
    columns += [Column(name, "number", 2) for name in ("Pearson", "low", "high", "Spearman", "low ", "high ")]
    rows = _rows(analysis.predictors.drop(columns="models"))
    models = analysis.predictors["models"].iloc[0]
    return Table("predictors", f"Correlations over {models} models, with 95 % intervals.", columns, rows)


def subsets(analysis: Analysis, most: int | None = None) -> Table | None:
    """Subsets of datasets, best validated first."""
    if analysis.subsets is None:
        return None
    rows = analysis.subsets.rows.assign(datasets=[", ".join(names) for names in analysis.subsets.rows["datasets"]])
    titles = {
        "datasets": Column("datasets"),
        "in_sample_r2": Column("in-sample R²", "number"),
        "left_out_r2": Column("left-out R²", "number"),
        "left_out_rank": Column("left-out rank correlation", "number"),
        "score_r2": Column("own xScore R²", "number"),
        "score_rank": Column("own xScore rank correlation", "number"),
    }
    shown = rows if most is None else rows.head(most)
    caption = f"{len(shown)} of {len(rows)} subsets, best validated first."
    return Table("subsets", caption, [titles[name] for name in rows.columns], _rows(shown))


def elements(analysis: Analysis) -> Table | None:
    """Effects of elements by ridge regression."""
    if analysis.elements is None:
        return None
    columns = [Column("element"), *[Column(name, "signed") for name in ("effect", "low", "high")], Column("decided")]
    rows = [
        [ELEMENTS[row["element"]], row["effect"], row["low"], row["high"], "yes" if row["decided"] else "no"]
        for row in records(analysis.elements.rows)
    ]
    caption = "Change of the xScore with one standard deviation more of an element; simultaneous 95 % intervals."
    return Table("elements", caption, columns, rows)


def failed(analysis: Analysis) -> Table | None:
    """Runs that failed, and models without a score."""
    columns = [
        Column("model"),
        Column("dataset"),
        Column("seed", "integer"),
        Column("cause"),
        Column("attempts", "integer"),
    ]
    rows = [[row[key] for key in ("model", "dataset", "seed", "cause", "attempts")] for row in analysis.failed]
    told = {row["model"] for row in analysis.failed}
    reasons = analysis.models["reason"]
    rows += [[model, "–", None, reason, None] for model, reason in reasons.items() if reason and model not in told]
    return Table("failed", "What failed.", columns, rows) if rows else None


def runs(analysis: Analysis) -> Table | None:
    """Every run behind the table, with what decides and what describes it."""
    if not analysis.runs:
        return None
    keys = ("model", "dataset", "seed", "accuracy", "seconds", "hardware", "precision", "torch", "finished", "key")
    columns = [Column("model"), Column("dataset"), Column("seed", "integer"), Column("accuracy", "number", 4)]
    columns += [Column("seconds", "number", 1), *[Column(key) for key in keys[5:]]]
    return Table("runs", f"{len(analysis.runs)} runs.", columns, [[run[key] for key in keys] for run in analysis.runs])


def _rows(values: pd.DataFrame) -> list[list[Any]]:
    return values.astype(object).where(values.notna(), None).to_numpy().tolist()
