"""The CSV in which somebody gives what a board of theirs took: a row a network, a board and a precision."""

from __future__ import annotations

import re
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Annotated, Literal

from archlab.foundation import UserError
from archlab.foundation.separated import separated, text_of
from archlab.foundation.settings import Matching, Memory, Positive, Within, read_settings

Above0 = Annotated[float, Within(0, strictly=True)]
MEASURED = ("milliseconds", "peak_memory", "flash", "energy_mj")
OF_TIMES = ("n", "low", "high")  # say something of milliseconds alone
_NUMBERS = ("milliseconds", "energy_mj", *OF_TIMES)
_NUMBER = re.compile(r"[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?")


@dataclass(frozen=True)
class BoardRow:
    """A row, by the names of its columns; an empty cell is None.

    Args:
        target: The board's name.
        run: The first digits of a run's key; or else `model` of a finished `study`, and `dataset` where the study's
            datasets make networks of it that differ.
        milliseconds: For one image, the median of `n` repeats; `low` and `high` are their quartiles.
        peak_memory, flash: Bytes.
        energy_mj: Millijoules for one image.
    """

    target: Annotated[str, Matching(r"[^\x00-\x1f]{1,60}", "a name of 1 to 60 characters")]
    run: Annotated[str, Matching("[0-9a-fA-F]{1,64}", "the first digits of a run's key")] | None = None
    model: str | None = None
    study: str | None = None
    dataset: str | None = None
    precision: Literal["float", "int8"] = "float"
    milliseconds: Above0 | None = None
    low: Above0 | None = None
    high: Above0 | None = None
    n: Positive | None = None
    peak_memory: Memory | None = None
    flash: Memory | None = None
    energy_mj: Above0 | None = None
    note: Annotated[str, Matching(r"[^\x00-\x1f]{1,300}", "at most 300 characters")] | None = None


def read_rows(file: Path) -> list[tuple[str, BoardRow]]:
    """Each row and its FILE:LINE. Commas, semicolons or tabs separate cells, or what a first line `sep=;` says; numbers have a
    decimal point.

    Raises UserError for the first thing that is wrong.
    """
    table, _ = separated(text_of(file), file, lambda heading: max(",;\t", key=heading.count))
    lines = [(at, [" ".join(cell.split()) for cell in cells]) for at, cells in table if any(cells)]
    if not lines:
        raise UserError("is empty", where=str(file))
    (at, header), *rows = lines
    _check_header(header, at)
    if not rows:
        raise UserError("holds a first line but no rows", where=str(file))
    return [(at, _row(header, cells, at)) for at, cells in rows]


def _check_header(header: list[str], at: str) -> None:
    known = [field.name for field in fields(BoardRow)]
    for index, name in enumerate(header):
        if name not in known:
            raise UserError(f"there is no column {name!r}", where=at, name=name, known=known, listed=True)
        if name in header[:index]:
            raise UserError(f"column {name!r} appears twice", where=at)
    if "target" not in header:
        raise UserError("has no column 'target', the board's name", where=at)
    if "run" not in header and not {"model", "study"} <= set(header):
        raise UserError(
            "which networks were measured? it needs a column 'run', the first digits of each run's key, or 'model' and 'study'",
            where=at,
        )
    if not set(MEASURED) & set(header):
        raise UserError(f"has none of the columns {', '.join(MEASURED)}", where=at)


def _row(header: list[str], cells: list[str], at: str) -> BoardRow:
    if len(cells) != len(header):
        raise UserError(f"{len(cells)} cells where the first line has {len(header)}", where=at)
    given = {name: _value(name, cell, at) for name, cell in zip(header, cells, strict=True) if cell}
    row = read_settings(BoardRow, given, "a measurement", at)
    if all(getattr(row, name) is None for name in MEASURED):
        raise UserError(f"nothing was measured: {', '.join(MEASURED)} are all empty", where=at)
    _check_network(row, at)
    _check_times(row, at)
    return row


def _value(name: str, cell: str, at: str) -> str | int | float:
    if name not in _NUMBERS:
        return cell
    if _NUMBER.fullmatch(cell):
        number = float(cell)
        return int(number) if number.is_integer() else number  # tables write 30 as 30.0 where another row has none
    hint = ": the decimal sign is a point, and thousands have none" if "," in cell else ""
    raise UserError(f"{name}: {cell!r} is not a number{hint}", where=at)


def _check_network(row: BoardRow, at: str) -> None:
    if row.run is None and row.model is None:
        raise UserError("which network was measured? it needs a run, or a model and a study", where=at)
    if row.run is not None and row.study is not None:
        raise UserError("the run says which network it is: leave the study empty", where=at)
    if row.run is None and row.study is None:
        raise UserError(
            f"{row.model!r} can be another network in every study: name its run, or its study too", where=at
        )


def _check_times(row: BoardRow, at: str) -> None:
    named = [name for name in OF_TIMES if getattr(row, name) is not None]
    if named and row.milliseconds is None:
        raise UserError(f"{named[0]} is of milliseconds, which are empty", where=at)
    if (row.low is None) != (row.high is None):
        raise UserError("the quartiles low and high go together", where=at)
    if row.low is None or row.high is None or row.milliseconds is None:
        return
    if not row.low <= row.milliseconds <= row.high:
        raise UserError(
            f"a median of {row.milliseconds:g} ms is not between its quartiles {row.low:g} and {row.high:g}", where=at
        )
