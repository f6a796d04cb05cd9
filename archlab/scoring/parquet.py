"""Cells of a Parquet file as text, whatever program wrote it and whatever that has noted in it."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

from archlab.foundation import UserError

if TYPE_CHECKING:
    import pyarrow

MOST_CELLS = 10_000_000
_UNNAMED_INDEX = re.compile(r"__index_level_\d+__")


def read_parquet(path: Path) -> tuple[list[str], list[list[str]]]:
    """The names of the columns, the index that pandas noted first, and the rows. Raises UserError."""
    import pyarrow
    import pyarrow.parquet

    try:
        with path.open("rb") as file, pyarrow.parquet.ParquetFile(file) as parquet:
            if parquet.metadata.num_rows * parquet.metadata.num_columns > MOST_CELLS:
                raise UserError(f"holds more than {MOST_CELLS:,} cells", where=str(path))
            table = parquet.read()
    except (pyarrow.ArrowException, ValueError) as error:
        raise UserError(f"not a Parquet file: {error}", where=str(path)) from None
    except OSError as error:
        if error.errno:
            raise
        raise UserError(f"not a Parquet file: {error}", where=str(path)) from None  # its pages are damaged
    try:
        names = list(table.schema.names)
    except UnicodeDecodeError:
        raise UserError("the name of a column is not UTF-8 text", where=str(path)) from None
    header, columns = [], []
    for at in _in_order(names, table.schema.metadata):
        name = names[at]
        header.append("index" if _UNNAMED_INDEX.fullmatch(name) else name)
        columns.append(_text(table.column(at), name, path))
    return header, [list(row) for row in zip(*columns, strict=True)]


def _in_order(names: list[str], metadata: dict[bytes, bytes] | None) -> list[int]:
    """The places of the columns, those first that pandas says are the index. What it says otherwise counts for nothing."""
    try:
        noted = json.loads((metadata or {})[b"pandas"])["index_columns"]
        index = [name for name in noted if isinstance(name, str)]
    except (KeyError, TypeError, ValueError, RecursionError):
        index = []
    return sorted(range(len(names)), key=lambda at: names[at] not in index)


def _text(column: pyarrow.ChunkedArray, name: str, path: Path) -> list[str]:
    import pyarrow

    try:
        if pyarrow.types.is_floating(column.type):  # in its own precision: 0.9 is 0.9
            return ["" if value != value else str(value) for value in column.to_numpy()]
        return [_cell(value) for value in column.to_pylist()]
    except UnicodeDecodeError:
        raise UserError(f"column {name!r} is not UTF-8 text", where=str(path)) from None
    except (pyarrow.ArrowException, ValueError, OverflowError) as error:
        raise UserError(f"column {name!r} cannot be read: {error}", where=str(path)) from None


def _cell(value: Any) -> str:
    return "" if value is None else value.decode() if isinstance(value, bytes) else str(value)
