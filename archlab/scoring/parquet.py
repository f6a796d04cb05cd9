"""Parquet tables as text, whoever has written them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

from archlab.foundation import UserError

if TYPE_CHECKING:
    import pyarrow

MOST_CELLS = 10_000_000  # a small file may unpack to any size


def read_parquet(path: Path) -> tuple[list[str], list[list[str]]]:
    """Names of the columns, those of a pandas index first, and the cells of each row as text; empty ones are missing.

    Raises OSError where the file cannot be opened, and UserError where it holds no such table.
    """
    import pyarrow.parquet

    with path.open("rb") as opened:
        try:
            with pyarrow.parquet.ParquetFile(opened) as file:
                cells = file.metadata.num_rows * file.metadata.num_columns
                table = file.read(use_pandas_metadata=False) if cells <= MOST_CELLS else None
        except Exception as error:  # whatever a file that nobody of archlab wrote makes Arrow raise
            raise UserError(f"not a Parquet file: {error}", where=str(path)) from None
    if table is None:
        raise UserError(f"holds {cells:,} cells, and a table has at most {MOST_CELLS:,}", where=str(path))
    index = _index_of(table.schema.metadata)
    order = sorted(range(table.num_columns), key=lambda at: table.column_names[at] not in index)
    columns = [_texts(table.column_names[at], table.column(at), path) for at in order]
    return [table.column_names[at] for at in order], [list(row) for row in zip(*columns, strict=True)]


def _texts(name: str, column: pyarrow.ChunkedArray, path: Path) -> list[str]:
    from pyarrow import types

    kind = column.type.value_type if types.is_dictionary(column.type) else column.type
    known = (types.is_integer, types.is_floating, types.is_decimal, types.is_string, types.is_large_string, types.is_null)
    if not any(is_known(kind) for is_known in known):
        raise UserError(f"column {name!r} holds {kind}, neither numbers nor words", where=str(path))
    try:
        return ["" if value is None else str(value) for value in column.to_pylist()]
    except UnicodeDecodeError:
        raise UserError(f"column {name!r} is not UTF-8 text", where=str(path)) from None


def _index_of(metadata: dict[bytes, bytes] | None) -> list[str]:
    """The columns that pandas has as an index; none where what stands there is not as pandas writes it."""
    try:
        names = json.loads((metadata or {})[b"pandas"])["index_columns"]
        return [name for name in names if isinstance(name, str)]
    except (KeyError, TypeError, ValueError, RecursionError):
        return []
