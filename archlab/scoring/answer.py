"""A study's answer in one sentence a choice, which follows from the effects alone, also where nothing is decided."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

import pandas as pd

from archlab.scoring.effects import Effects
from archlab.scoring.reading import points

KIND_IN_WORDS = {"equal_budget": "At equal budget", "raw": "With the edit alone, parameters as they fall"}


def answer(effects: Effects) -> str:
    """For each choice: the option with the highest xScore, and whether that is decided against each other option.

    Effects at equal budget are used where there are such, else the raw ones.
    """
    rows = effects.rows
    if rows.empty:
        return "No answer: no option can be held against the base yet."
    rows = rows[rows["dataset"].isna() & (rows["of"] != "interaction")]
    if (rows["measure"] == "xscore").any():
        rows = rows[rows["measure"] == "xscore"]
    metric, unit = effects.metric, points(effects.metric)
    of_metric = "" if metric.name == "accuracy" else f" of {metric.words}"
    better = f"{unit}{of_metric} over" if metric.higher_is_better else f"{unit} less {metric.words} than"
    rows = rows.assign(unit=rows["measure"].map({"xscore": f"of xScore{of_metric} over", "points": better}))
    return " ".join(_sentence(choice, part) for choice, part in rows.groupby("choice", sort=False))


def _sentence(choice: Any, rows: pd.DataFrame) -> str:
    kind = "equal_budget" if (rows["kind"] == "equal_budget").any() else "raw"
    differences = list(_both_ways(rows[rows["kind"] == kind]))
    options = dict.fromkeys(row["option"] for row in differences)
    best = max(options, key=lambda option: min(row["difference"] for row in differences if row["option"] == option))
    against = [row for row in differences if row["option"] == best]
    decided = [row for row in against if row["decided"]]
    open_ = [row for row in against if not row["decided"]]
    start = f"{KIND_IN_WORDS[kind]}, {choice}={best}"
    if not decided:
        return f"{start} scores highest ({_listed(map(_size, open_))}), but this is undecided: {_why_undecided(open_)}."
    better = f"{start} is better than {_listed(map(_in_words, decided))}"
    if not open_:
        return f"{better}."
    return f"{better}; the rest ({_listed(map(_size, open_))}) is undecided: {_why_undecided(open_)}."


def _both_ways(rows: pd.DataFrame) -> Iterator[dict]:
    """Every pair of options, each way round."""
    for row in rows.to_dict("records"):
        yield row
        turned = {"difference": -row["difference"], "low": -row["high"], "high": -row["low"]}
        yield row | turned | {"option": row["against"], "against": row["option"]}


def _size(row: dict[str, Any]) -> str:
    return f"{_number(row, 'difference')} {row['unit']} {row['against']}"


def _in_words(row: dict[str, Any]) -> str:
    interval = f"95 % {_number(row, 'low')} to {_number(row, 'high')}"
    unit = row["unit"].rpartition(" ")[0]
    return f"{row['against']} ({_number(row, 'difference')} {unit}, {interval})"


def _why_undecided(rows: list[dict[str, Any]]) -> str:
    unknown = [row for row in rows if pd.isna(row["low"])]
    if unknown:
        one = any(row["seeds"] == 1 for row in unknown)
        seeds = "one seed cannot tell" if one else "seeds that agree to the last digit cannot tell"
        return f"{seeds} whether it is more than noise"
    needed = max(rows, key=lambda row: float("inf") if pd.isna(row["seeds_needed"]) else row["seeds_needed"])
    if pd.isna(needed["seeds_needed"]):
        return f"beside the noise of seeds, the difference to {needed['against']} is too small to decide"
    return f"about {needed['seeds_needed']:.0f} seeds would be needed to decide a difference as small as this"


def _number(row: dict[str, Any], name: str) -> str:
    return format(row[name], "+.2f" if row["unit"].startswith("points") else "+.3f")


def _listed(parts: Iterable[str]) -> str:
    """`a`, `a and b`, `a, b and c`."""
    *rest, last = parts
    return f"{', '.join(rest)} and {last}" if rest else last
