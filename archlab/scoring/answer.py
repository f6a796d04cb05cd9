"""A study's answer in one sentence a choice, which follows from the effects alone, "undecided" included."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pandas as pd

from archlab.scoring.effects import Effects

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
        return f"{start} scores highest, but this is undecided: {'; '.join(map(_in_words, open_))}."
    better = f"{start} is better than {', '.join(map(_in_words, decided))}"
    return f"{better}." if not open_ else f"{better}; undecided against {'; '.join(map(_in_words, open_))}."


def _both_ways(rows: pd.DataFrame) -> Iterator[dict]:
    """Every pair of options, each way round."""
    for row in rows.to_dict("records"):
        yield row
        turned = {"difference": -row["difference"], "low": -row["high"], "high": -row["low"]}
        yield row | turned | {"option": row["against"], "against": row["option"]}


def _in_words(row: dict[str, Any]) -> str:
    digits = ".3f" if row["measure"] == "xscore" else ".2f"
    unit = "of xScore" if row["measure"] == "xscore" else "points"
    size = f"{row['against']} ({row['difference']:+{digits}} {unit}"
    if pd.isna(row["low"]):
        return f"{size}; one seed gives no interval)"
    size += f", 95 % {row['low']:+{digits}} to {row['high']:+{digits}}"
    if row["decided"]:
        return f"{size}, adjusted p {max(row['p_adjusted'], 0.0005):.2g})"
    if pd.isna(row["seeds_needed"]):
        return f"{size}; too small a difference to decide)"
    return f"{size}; about {row['seeds_needed']:.0f} seeds would decide a difference of this size)"
