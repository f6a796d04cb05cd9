"""Does what was found on the datasets seen hold on those not seen? The same differences on both, side by side."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd

from archlab.scoring.effects import Effects
from archlab.scoring.reading import POINTS, points
from archlab.scoring.tidy import plain, records

NAMES = ["choice", "option", "against", "kind"]
ENDS = ["difference", "low", "high"]
HOLDS, REVERSED, OPEN = "yes", "reversed", "undecided"
WORDS = {
    HOLDS: "it holds",
    REVERSED: "it turns round",
    OPEN: "whether it holds is undecided",
    "": "nothing was found on those seen that could hold",
}


@dataclass(frozen=True)
class Gains:
    """Gains of options over what they are held against.

    Args:
        seen, unseen: The datasets.
        unit: What the measure `points` is told in.
        rows: A row a gain over all datasets of a side: choice, option, against, kind, measure (`points`, and `xscore` where two
            unseen datasets have a frame of their own), difference, low, high on those seen, unseen_difference, unseen_low,
            unseen_high, holds. Intervals are 95 % ones, each by itself; NaN where not known.
            holds: of a gain whose interval on the seen datasets lies on one side of 0, whether that on the unseen ones lies on
            the same (`yes`), on the other (`reversed`) or on both (`undecided`); "" where nothing was found on the seen ones.
        by_dataset: A row a gain and unseen dataset, in `unit`: choice, option, against, kind, dataset, difference, low, high.
    """

    seen: tuple[str, ...]
    unseen: tuple[str, ...]
    rows: pd.DataFrame
    by_dataset: pd.DataFrame
    unit: str = POINTS

    def document(self) -> dict[str, Any]:
        """As plain JSON values: unit, seen, datasets (not seen), gains (each with seen and unseen side by side), by_dataset."""
        return {
            "unit": self.unit,
            "seen": list(self.seen),
            "datasets": list(self.unseen),
            "gains": [
                {
                    **{name: row[name] for name in (*NAMES, "measure")},
                    "seen": {end: plain(row[end]) for end in ENDS},
                    "unseen": {end: plain(row[f"unseen_{end}"]) for end in ENDS},
                    "holds": row["holds"] or None,
                }
                for row in records(self.rows)
            ],
            "by_dataset": [
                {**{name: row[name] for name in (*NAMES, "dataset")}, **{end: plain(row[end]) for end in ENDS}}
                for row in records(self.by_dataset)
            ],
        }


def side_by_side(seen: Effects | None, unseen: Effects | None, datasets: Sequence[str], others: Sequence[str]) -> Gains:
    """The effects on `datasets` beside those on `others`, which took no part in any choice; those that both have."""
    here, there = _gains(seen), _gains(unseen)
    over_all = there[there["dataset"].isna()].drop(columns="dataset")
    theirs = over_all.rename(columns={end: f"unseen_{end}" for end in ENDS})
    rows = here[here["dataset"].isna()].drop(columns="dataset").merge(theirs, on=[*NAMES, "measure"])
    rows["holds"] = [_holds(row) for row in records(rows)]
    by_dataset = there[there["dataset"].notna()].drop(columns="measure").reset_index(drop=True)
    unit = next((points(each.metric) for each in (seen, unseen) if each), POINTS)
    return Gains(tuple(datasets), tuple(others), rows, by_dataset, unit)


def gains_in_words(found: dict[str, Any]) -> list[str]:
    """The gains of a document, as `Gains.document` has it, in words."""
    several = len(found["datasets"]) > 1
    where = f"On {', '.join(found['datasets'])}, which took no part in any choice"
    if not found["gains"]:
        return [f"{where}: no gain is known, since models or seeds are missing."]
    return [
        f"{where}: {_named(gain, [other['kind'] for other in found['gains']])} "
        f"{_written(gain['unseen'], unit_of(gain, found))}{' on average' if several else ''}, where the "
        f"{len(found['seen'])} datasets seen have {_written(gain['seen'], unit_of(gain, found))}: {_verdict(gain)}."
        for gain in found["gains"]
    ]


def _gains(found: Effects | None) -> pd.DataFrame:
    columns = [*NAMES, "measure", "dataset", *ENDS]
    if found is None or found.rows.empty:
        return pd.DataFrame(columns=columns)
    return found.rows.loc[found.rows["of"] == "effect", columns]


def _holds(row: dict[str, Any]) -> str:
    found = _side(row["low"], row["high"])
    if not found:
        return ""
    there = _side(row["unseen_low"], row["unseen_high"])
    return OPEN if not there else HOLDS if there == found else REVERSED


def _side(low: float, high: float) -> int:
    """Of 0 that an interval lies on; 0 where it lies on both, or is not known."""
    return int(low > 0) - int(high < 0)


def _verdict(gain: dict[str, Any]) -> str:
    if gain["seen"]["low"] is None or gain["unseen"]["low"] is None:
        return "one seed cannot tell whether it holds"
    return WORDS[gain["holds"] or ""]


def _named(gain: dict[str, Any], kinds: list[str]) -> str:
    beside = f" ({gain['kind'].replace('_', ' ')})" if len(set(kinds)) > 1 else ""
    return f"{gain['choice']}={gain['option']} over {gain['against']}{beside}"


def unit_of(gain: dict[str, Any], found: dict[str, Any]) -> str:
    """What one of the gains of a document is told in."""
    return "of xScore" if gain["measure"] == "xscore" else found.get("unit", POINTS)


def _written(ends: dict[str, float | None], unit: str) -> str:
    form = ".2f" if unit == POINTS else ".3f"
    interval = f" (95 % {ends['low']:+{form}} to {ends['high']:+{form}})" if ends["low"] is not None else ""
    return f"{ends['difference']:+{form}} {unit}{interval}"
