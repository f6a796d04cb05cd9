"""What boards of the user's took for the models, a table a board."""

from __future__ import annotations

import pandas as pd

from archlab.report.analysis import Analysis
from archlab.report.table import Column, Table

KIB = 1024
COLUMNS = {
    "model": Column("model"),
    "precision": Column("precision"),
    "resolution": Column("pixels", "integer"),
    "classes": Column("classes", "integer"),
    "dataset": Column("as trained on"),
    "milliseconds": Column("ms", "number", 2),
    "low": Column("low", "number", 2),
    "high": Column("high", "number", 2),
    "n": Column("n", "integer"),
    "peak_memory": Column("memory (KiB)", "number", 1),
    "flash": Column("flash (KiB)", "number", 1),
    "energy_mj": Column("energy (mJ)", "number", 3),
    "note": Column("note"),
}
NETWORK = ["model", "precision", "resolution", "classes"]
ALIKE = ("precision", "resolution", "classes", "n")  # in the caption where all rows have the same


def board_tables(analysis: Analysis) -> list[Table]:
    """Every measurement that was imported, of each board the cheapest first; no tables where there are none."""
    rows = pd.DataFrame(analysis.material.boards)
    if rows.empty:
        return []
    by_target = rows.groupby("target", sort=False)
    return [_table(f"board-{at}", str(target), own, analysis) for at, (target, own) in enumerate(by_target, 1)]


def _table(name: str, target: str, rows: pd.DataFrame, analysis: Analysis) -> Table:
    rows = rows.sort_values([*NETWORK[1:], "milliseconds", "model"]).assign(
        peak_memory=rows["peak_memory"] / KIB, flash=rows["flash"] / KIB
    )
    alike = [column for column in ALIKE if rows[column].nunique(dropna=False) == 1]
    known = {column: title for column, title in COLUMNS.items() if column not in alike and rows[column].notna().any()}
    if not rows.duplicated(NETWORK).any():  # else their networks differ in something else
        del known["dataset"]
    return Table.of(name, _caption(target, rows, alike, analysis), known, rows)


def _caption(target: str, rows: pd.DataFrame, alike: list[str], analysis: Analysis) -> str:
    first = rows.iloc[0]
    said = [f"in {first['precision']}"] if "precision" in alike else []
    said += [f"{first['resolution']} pixels"] if "resolution" in alike else []
    said += [f"{first['classes']} classes"] if "classes" in alike else []
    said += [f"n = {first['n']:.0f}"] if "n" in alike and pd.notna(first["n"]) else []
    sources = dict.fromkeys(f"{file} on {day[:10]}" for file, day in zip(rows["file"], rows["imported"], strict=True))
    caption = f"Measured on {target}{''.join(f', {each}' for each in said)}, imported from {' and '.join(sources)}"
    if rows["low"].notna().any():
        caption += "; ms: the median, low and high: the quartiles"
    measured = set(rows["model"])
    if missing := [str(model) for model in analysis.models.index if model not in measured]:
        caption += f"; {len(missing)} of {len(analysis.models)} models were not measured there"
    return f"{caption}."
