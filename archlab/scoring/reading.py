"""Reads accuracies from any source: CSV or Parquet, models by datasets or tidy, and says what is wrong with them."""

from __future__ import annotations

import csv
import io
import math
import re
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from importlib.resources import files
from pathlib import Path
from typing import Any

import pandas as pd

from archlab.foundation import UserError, check_file
from archlab.foundation.metric import RENAMED, Metric
from archlab.scoring.parquet import read_parquet
from archlab.scoring.spreadsheets import from_csv
from archlab.scoring.tidy import records

EMPTY = {"", "na", "n/a", "nan", "null", "none", "-"}
PARQUET = {".parquet", ".pq"}
VALUES = {"value", "accuracy"}  # names for a tidy table's column of values
TIDY = {"model", "dataset", "seed", "split", "metric", *VALUES}
SEED = {"seed", "Seed"}  # of a table of models by datasets, of which one may be called SEED
LONGEST_NAME = 300  # characters of a model's or a dataset's
POINTS = "points"  # what differences of shares are told in
ROUNDED = 0.001  # of a share: so far a mean of rounded values may lie from one that was rounded itself


@dataclass(frozen=True)
class _Source:
    """Cells as text, and where each line of them came from."""

    name: str
    header: list[str]
    rows: list[list[str]]
    lines: list[int] | None = field(default=None)

    def where(self, row: int | None = None) -> str:
        if self.lines is None:
            return self.name if row is None else f"{self.name}, row {row + 1}"
        return f"{self.name}:{1 if row is None else self.lines[row]}"


def shipped_tables() -> list[str]:
    """Names of the published tables that come with the package."""
    folder = files("archlab.scoring") / "tables"
    return sorted(entry.name.removesuffix(".csv") for entry in folder.iterdir() if entry.name.endswith(".csv"))


def read_table(path: str | Path, split: str | None = None, metric: Metric | str = "accuracy") -> pd.DataFrame:
    """The accuracies in a CSV or Parquet file (or the shipped table of that name) as a tidy table.

    Two layouts are known: one row a model and one column a dataset (`model, cifar10, dogs, ...`, with a `seed` column
    if need be), or tidy: `model, dataset, value` with `seed`, `split` and `metric` where there are such. Of a tidy
    table, the rows of `metric` and `split` are read; `test` if it holds several splits and none is named.

    Raises:
        UserError: names the file, line and cell of what is wrong: no number, a missing cell, a cell given twice,
            a share out of range, percent mixed with fractions.
    """
    metric = Metric.of(metric)
    source = _open(path)
    tidy = "dataset" in source.header or bool(VALUES & set(source.header))
    if split and "split" not in source.header:
        raise UserError(f"has no column 'split' to choose {split!r} from", where=source.where())
    table = _tidy(source, split, metric.name) if tidy else _wide(source)
    table["value"] = [_number(source, cell, metric) for cell in records(table)]
    if table["seed"].str.fullmatch(r"-?[0-9]{1,18}").all():  # those that 64 bits hold; longer ones stay names
        table["seed"] = table["seed"].astype(int)
    _check_twice(source, table)
    if metric.is_share:
        _check_unit(source, table)
    _check_complete(source, table)
    return table.drop(columns="row")


def metric_in(path: str | Path) -> Metric:
    """What a table holds: accuracy, but of a tidy one that holds another metric alone that one. Raises UserError."""
    source = _open(path)
    if "metric" not in source.header or "value" not in source.header:
        return Metric.of("accuracy")
    at = source.header.index("metric")
    names = sorted({RENAMED.get(row[at], row[at]) for row in source.rows})
    return Metric.of(names[0] if len(names) == 1 and names[0] else "accuracy")


def in_percent(values: pd.Series) -> bool:
    """Whether accuracies are in percent rather than fractions of 1."""
    return bool(values.max() > 1)


def percent_factor(values: pd.Series, metric: Metric | str = "accuracy") -> int:
    """What values of a metric are to be multiplied by to be told: shares in percent, others as they are."""
    return 1 if in_percent(values) or not Metric.of(metric).is_share else 100


def points(metric: Metric) -> str:
    """What differences are told in."""
    return POINTS if metric.is_share else metric.unit


def decimals(metric: Metric) -> int:
    """How many of a difference are told: of points two, of anything else three."""
    return 2 if metric.is_share else 3


def column_of_means(means: pd.DataFrame, metric: Metric | str = "accuracy") -> list[str]:
    """A sentence on the one column of models x datasets that is the mean of the others; none where there is no such."""
    if not Metric.of(metric).is_share or min(means.shape) < 3:  # fewer may be so by chance
        return []
    others = means.rsub(means.sum(axis=1), axis=0) / (means.shape[1] - 1)
    away = (means - others).abs().max() / (100 if in_percent(means.max()) else 1)
    found = list(away.index[away <= ROUNDED])
    return [f"{found[0]} is the mean of all others, and counts as a dataset: leave it out"] if len(found) == 1 else []


def _open(path: str | Path) -> _Source:
    if str(path) in shipped_tables() and not Path(path).exists():
        text = (files("archlab.scoring") / "tables" / f"{path}.csv").read_text()
        return _from_csv(str(path), text)
    path = check_file(Path(path))
    try:
        if path.suffix.lower() in PARQUET:
            return _checked(_Source(str(path), *read_parquet(path)))
        return _from_csv(str(path), path.read_text(encoding="utf-8-sig"))
    except OSError as error:
        raise UserError(
            f"cannot be read: {error.strerror or error}", where=str(path), name=str(path), known=shipped_tables()
        ) from None
    except UnicodeDecodeError:
        raise UserError("is not UTF-8 text", where=str(path)) from None


def _from_csv(name: str, text: str) -> _Source:
    first = re.sub('"[^"]*"', "", text.lstrip()).split("\n", 1)[0]
    delimiter = max(",;\t", key=first.count)
    rows: list[list[str]] = []
    lines: list[int] = []
    reader = csv.reader(io.StringIO(text), delimiter=delimiter)
    try:
        for row in reader:
            if any(cell.strip() for cell in row):
                rows.append([from_csv(cell.strip()) for cell in row])
                lines.append(reader.line_num)
    except csv.Error as error:
        raise UserError(f"not a table: {error}", where=f"{name}:{reader.line_num}") from None
    if not rows:
        raise UserError("is empty", where=name)
    header, rows, lines = rows[0], rows[1:], lines[1:]
    for row, line in zip(rows, lines, strict=True):
        if len(row) != len(header):
            raise UserError(f"{len(row)} cells where the first line has {len(header)}", where=f"{name}:{line}")
    return _checked(_Source(name, header, rows, lines))


def _checked(source: _Source) -> _Source:
    if [name.casefold() for name in source.header[:2]] in (["", "model"], ["index", "model"]):  # pandas numbers rows
        source = replace(source, header=source.header[1:], rows=[row[1:] for row in source.rows])
    source = replace(source, header=_without_case(source.header))
    if not source.rows:
        raise UserError("holds a first line but no rows", where=source.where())
    for index, column in enumerate(source.header):
        if column in source.header[:index]:
            raise UserError(f"column {column!r} appears twice", where=source.where())
        if not column and index:
            raise UserError(f"column {index + 1} has no name", where=source.where())
        _check_name(column, source.where())
    return source


def _without_case(header: list[str]) -> list[str]:
    """The headings of a tidy table as archlab writes them; those of any other table as they are."""
    lower = [name.casefold() if name.casefold() in TIDY else name for name in header]
    is_tidy = {"model", "dataset"} <= set(lower) and VALUES & set(lower)
    return lower if is_tidy and len(set(lower)) == len(set(header)) else header


def _check_name(name: str, where: str) -> None:
    if len(name) > LONGEST_NAME:
        raise UserError(
            f"a name of {len(name):,} characters, and at most {LONGEST_NAME} can be shown: {name[:40]}...", where=where
        )


def _wide(source: _Source) -> pd.DataFrame:
    """One row a cell: model, dataset, seed, value (as text), row (of the source)."""
    seed_at = next((at for at, name in enumerate(source.header) if at and name in SEED), None)
    datasets = [at for at in range(1, len(source.header)) if at != seed_at]
    if not datasets:
        raise UserError("has no dataset: one column of models and one for each dataset expected", where=source.where())
    cells = [
        (row[0], source.header[at], "0" if seed_at is None else row[seed_at], row[at], number)
        for number, row in enumerate(source.rows)
        for at in datasets
    ]
    return pd.DataFrame(cells, columns=["model", "dataset", "seed", "value", "row"])


def _tidy(source: _Source, split: str | None, metric: str) -> pd.DataFrame:
    """The same of a tidy table, its rows of one metric and split, with the column split where there is one."""
    value = next((name for name in source.header if name in VALUES), "value")
    for needed, name in (("model", "model"), ("dataset", "dataset"), ("value", value)):
        if name not in source.header:
            raise UserError(
                f"a tidy table has no column {needed!r}", where=source.where(), name=needed, known=source.header
            )
    table = pd.DataFrame(source.rows, columns=pd.Index(source.header)).assign(row=range(len(source.rows)))
    if "metric" in table and value == "value":
        table["metric"] = table["metric"].replace(RENAMED)
        table = _chosen(source, table, "metric", metric)
    if "split" in table and (split is not None or table["split"].nunique() > 1):
        table = _chosen(source, table, "split", split or "test")
    table = table.assign(value=table[value], seed=table.get("seed", "0")).reset_index(drop=True)
    return table[["model", "dataset", "seed", "value", "row", *(["split"] if "split" in table else [])]]


def _chosen(source: _Source, table: pd.DataFrame, column: str, wanted: str) -> pd.DataFrame:
    found = table[table[column] == wanted]
    if found.empty:
        known: Sequence[str] = sorted(table[column].unique())
        message = f"holds no {column} {wanted!r}, only {', '.join(known)}"
        raise UserError(message, where=source.where(), name=wanted, known=known)
    return found


def _number(source: _Source, cell: dict[str, Any], metric: Metric) -> float:
    text, where = cell["value"], source.where(cell["row"])
    for what in ("model", "dataset"):
        if not cell[what]:
            raise UserError(f"a {what} has no name", where=where)
        _check_name(cell[what], where)
    _check_name(cell["seed"], where)
    named = f"{cell['model']!r} on {cell['dataset']!r}"
    if text.lower() in EMPTY:
        raise UserError(f"missing cell: no value of {named}", where=where)
    try:
        value = float("?" if "_" in text else text)  # Python reads 1_0 as 10
    except ValueError:
        raise UserError(f"{text!r} is not a number (the value of {named})", where=where) from None
    if metric.is_share and not 0 <= value <= 100:
        raise UserError(f"{text} is no {metric.words} (the value of {named}): 0 to 1, or 0 to 100", where=where)
    if not math.isfinite(value):
        raise UserError(f"{text} is no finite number (the value of {named})", where=where)
    return value


def _check_twice(source: _Source, table: pd.DataFrame) -> None:
    key = ["model", "dataset", "seed"]
    twice = table[table.duplicated(key)].to_dict("records")
    if twice:
        cell = twice[0]
        first = source.where(
            next(row["row"] for row in table.to_dict("records") if all(row[k] == cell[k] for k in key))
        )
        raise UserError(
            f"{cell['model']!r} on {cell['dataset']!r} (seed {cell['seed']}) is given twice, first at {first}",
            where=source.where(cell["row"]),
        )


def _check_unit(source: _Source, table: pd.DataFrame) -> None:
    if not in_percent(table["value"]):
        return
    cells = table[["model", "dataset", "value", "row"]].to_dict("records")
    small = [cell for cell in cells if 0 < cell["value"] <= 1]
    if small:
        cell, largest = small[0], max(cells, key=lambda cell: cell["value"])
        raise UserError(
            f"percent mixed with fractions: {cell['model']!r} on {cell['dataset']!r} is {cell['value']:g}, "
            f"{largest['model']!r} on {largest['dataset']!r} is {largest['value']:g}",
            where=source.where(cell["row"]),
        )


def _check_complete(source: _Source, table: pd.DataFrame) -> None:
    there = set(zip(table["model"], table["dataset"], strict=True))
    for model in table["model"].unique():
        for dataset in table["dataset"].unique():
            if (model, dataset) not in there:
                raise UserError(f"missing cell: no value of {model!r} on {dataset!r}", where=source.name)
