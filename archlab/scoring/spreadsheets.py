"""CSV of which a spreadsheet runs nothing."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pandas as pd

if TYPE_CHECKING:
    import pyarrow

_FORMULA = re.compile(r"'*[=+@\t\r-]")


def for_csv(frame: pd.DataFrame, *, index: bool = False) -> str:
    """The table as CSV. A text that a spreadsheet would take for a formula begins with an apostrophe."""
    guarded = frame.rename(columns=guarded_cell)
    if index:
        guarded = guarded.rename(index=guarded_cell)
    for name in guarded.select_dtypes(exclude="number").columns:
        guarded[name] = guarded[name].map(guarded_cell)
    return guarded.to_csv(index=index)


def guarded(table: pyarrow.Table) -> pyarrow.Table:
    """As `for_csv` does, of a table that is too long for Python."""
    import pyarrow
    from pyarrow import compute

    for at, (name, column) in enumerate(zip(table.column_names, table.columns, strict=True)):
        if pyarrow.types.is_string(column.type):
            acts = compute.match_substring_regex(column, f"^{_FORMULA.pattern}")
            safe = compute.if_else(acts, compute.binary_join_element_wise("'", column, ""), column)
            table = table.set_column(at, name, safe)
    return table


def from_csv(cell: str) -> str:
    """What `for_csv` was given."""
    return cell[1:] if cell.startswith("'") and _FORMULA.match(cell[1:]) else cell


def guarded_cell(value: object) -> object:
    """A text that a spreadsheet would take for a formula with an apostrophe before it; anything else as it is."""
    return f"'{value}" if isinstance(value, str) and _FORMULA.match(value) else value
