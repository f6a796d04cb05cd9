"""A cheap and a dear protocol over the same models: how alike they rank, and what each costs."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import pandas as pd

from archlab.foundation import UserError
from archlab.foundation.metric import Metric
from archlab.report.held_against import on_common_names
from archlab.report.material import Material
from archlab.scoring import SCORES, Agreement, agreement, records
from archlab.scoring.agreement import SIDES


@dataclass(frozen=True)
class Agreeing:
    """What was found.

    Args:
        cheap, dear: The names of the studies or tables; nobody asks which costs more.
        matched: Of datasets, by the dear one's name, the cheap one's.
        found: The agreement, under the dear one's names.
        costs: By what a row of `found` is about: cheap_seconds and dear_seconds (of one run, as the stored ones took; of a
            score, one of every dataset), seconds_ratio (of the cheap runs that tell as much as one dear run, to that one).
            None where not known, the ratio also where no number of cheap runs is enough.
        hardware: On what the runs of each were timed.
    """

    cheap: str
    dear: str
    metric: Metric
    matched: dict[str, str]
    found: Agreement
    costs: dict[str, dict[str, float | None]]
    hardware: tuple[tuple[str, ...], tuple[str, ...]]

    def document(self) -> dict[str, Any]:
        """As plain JSON values: cheap, dear, metric, matched, rows (with their costs), xscores, models, datasets, left_out."""
        found = self.found.document()
        named = {"cheap": self.cheap, "dear": self.dear, "metric": self.metric.name, "matched": self.matched}
        rows = [row | self.costs[row["by"]] for row in found["rows"]]
        return named | found | {"rows": rows, "hardware": dict(zip(SIDES, map(list, self.hardware), strict=True))}


def agree(cheap: Material, dear: Material) -> Agreeing:
    """The agreement of two studies or tables, matched as `hold_against` does.

    Raises UserError where they share too little to compare an order.
    """
    if cheap.name == dear.name:
        raise UserError(f"--agreement compares two studies or tables, and {cheap.name} is named twice")
    metric, names, theirs, ours = on_common_names(dear, cheap)
    try:
        sign = 1 if metric.higher_is_better else -1
        gained = [rows.assign(value=sign * rows["value"]) for rows in (ours, theirs)]
        found = agreement(gained[0], gained[1], dear.lam)
    except UserError as error:
        raise UserError(f"{cheap.name} and {dear.name}: {error.message}") from None
    matched = names["dataset"]
    shared = list(found.datasets)
    seconds = (
        _seconds(cheap, [matched[name] for name in shared] or None, {there: own for own, there in matched.items()}),
        _seconds(dear, shared or None, {}),
    )
    costs = {row["by"]: _cost(row, *seconds) for row in records(found.rows)}
    hardware = tuple(tuple(sorted({str(run["hardware"]) for run in each.runs})) for each in (cheap, dear))
    return Agreeing(cheap.name, dear.name, metric, matched, found, costs, hardware)  # type: ignore[arg-type]


def _seconds(material: Material, datasets: list[str] | None, renamed: dict[str, str]) -> dict[str, float]:
    """The mean seconds of a run by dataset, of those listed, else of all; of the models that are scored."""
    scored = set(material.scored["model"])
    runs = pd.DataFrame([run for run in material.runs if run["model"] in scored], columns=["dataset", "seconds"])
    means = runs.groupby("dataset", sort=False)["seconds"].mean().to_dict()
    return {renamed.get(name, name): means.get(name, math.nan) for name in (datasets or map(str, means))}


def _cost(row: dict[str, Any], cheap: dict[str, float], dear: dict[str, float]) -> dict[str, float | None]:
    of_one = [
        sum(seconds.values()) if row["by"] in SCORES else seconds.get(row["by"], math.nan) for seconds in (cheap, dear)
    ]
    known = [seconds if seconds > 0 else None for seconds in of_one]  # NaN is not
    needed = row["runs_for_one"]
    paid = None if None in known or math.isnan(needed) or math.isinf(needed) else of_one[0] * needed / of_one[1]
    return {"cheap_seconds": known[0], "dear_seconds": known[1], "seconds_ratio": paid}
