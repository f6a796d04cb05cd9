"""The table of all finished runs, one row each. The index that makes it fast is a cache; the directories are the truth.

The index is an Arrow file behind its own SHA-256: where it is not as it was written, it is made anew.
"""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Any

from archlab.foundation import UserError, read_file, write_file
from archlab.foundation.metric import METRICS
from archlab.runs.code import code_digest
from archlab.runs.run import digest, is_of_try
from archlab.runs.store import Store
from archlab.runs.stored import DamagedRunError

if TYPE_CHECKING:
    import pyarrow

SPLITS = ("validation", "test")
COLUMNS = {
    "key": "string",
    "model": "string",
    "dataset": "string",
    "dataset_digest": "string",
    "seed": "int64",
    "is_try": "bool",
    "resolution": "int32",
    "width": "float64",
    "smallest_map": "int32",
    "architecture": "string",  # digest, as the next
    "recipe": "string",
    "code": "string",
    "epochs": "int32",
    "steps": "int64",
    **{f"{split}_{metric}": "float64" for split in SPLITS for metric in METRICS},
    "seconds": "float64",
    "peak_memory": "int64",
    "device": "string",
    "hardware": "string",
    "finished": "string",
}
"""Names and types. `architecture` and `recipe` are digests of the canonical forms; seconds and bytes as recorded.
`is_try`: it reads no test image, as it only helps to choose."""

VERSION = 4
INDEX = f"runs.v{VERSION}.index"
DIGEST = 32  # bytes
ENOUGH_TO_WRITE = 50  # new rows; fewer are quicker read again than written


@dataclass(frozen=True)
class Listing:
    """All runs that can be read, the latest last, and why the others cannot."""

    table: pyarrow.Table
    unreadable: dict[str, str]


def list_runs(store: Store) -> Listing:
    """Reads the index and the directories that it does not know, and brings the index up to date."""
    import pyarrow

    known = _read_index(store)
    there = set(store.keys())
    indexed = known.column("key").to_pylist()
    rows, unreadable = read_rows(store, sorted(there.difference(indexed)))
    gone = set(indexed) - there
    if gone:
        import pyarrow.compute

        known = known.filter(pyarrow.compute.is_in(known.column("key"), pyarrow.array(sorted(there), pyarrow.string())))
    table = pyarrow.concat_tables([known, _table_of(rows, unreadable)]) if rows else known
    table = table.sort_by([("finished", "ascending"), ("key", "ascending")])
    if gone or len(rows) >= ENOUGH_TO_WRITE:
        _write_index(store, table)
    return Listing(table, unreadable)


def of_old_code(store: Store, rows: list[dict[str, Any]]) -> list[str]:
    """Keys of the runs, given by their rows in a listing, whose code is not what their architectures get now.

    The users' own code is left aside: several versions of it may be in use.
    """
    old: dict[tuple[str, str], bool] = {}
    found = []
    for row in rows:
        kind = row["architecture"], row["code"].partition("+")[0]
        if kind not in old and (document := store.get(row["key"])):
            old[kind] = code_digest(document["run"]["architecture"]) != kind[1]
        if old.get(kind):
            found.append(row["key"])
    return found


def read_rows(store: Store, keys: Iterable[str]) -> tuple[list[dict[str, Any]], dict[str, str]]:
    """The rows of runs, and why others have none."""
    rows, unreadable = [], {}
    for key in keys:
        try:
            rows.append(row_of(store.read(key)))
        except (DamagedRunError, UserError) as error:
            unreadable[key] = getattr(error, "message", str(error))
        except (KeyError, TypeError, AttributeError) as error:
            unreadable[key] = f"not the document of a run: {type(error).__name__}: {error}"
    return rows, unreadable


def _table_of(rows: list[dict[str, Any]], unreadable: dict[str, str]) -> pyarrow.Table:
    """The rows that fit into the columns; `unreadable` takes the others."""
    import pyarrow

    try:
        return pyarrow.Table.from_pylist(rows, schema=_schema())
    except (OverflowError, pyarrow.ArrowException):
        pass
    fitting = []
    for row in rows:
        try:
            pyarrow.Table.from_pylist([row], schema=_schema())
            fitting.append(row)
        except (OverflowError, pyarrow.ArrowException) as error:
            unreadable[row["key"]] = f"a value does not fit into the table: {error}"
    return pyarrow.Table.from_pylist(fitting, schema=_schema())


def row_of(document: dict[str, Any]) -> dict[str, Any]:
    """The row of a stored document, by the names of COLUMNS."""
    run, history = document["run"], document["history"]
    taken = ("model", "dataset", "dataset_digest", "seed", "resolution", "width", "smallest_map", "code")
    row = {name: run[name] for name in taken}
    row |= {name: document[name] for name in ("key", "seconds", "peak_memory", "finished")}
    for split in SPLITS:
        for metric in METRICS:
            row[f"{split}_{metric}"] = document["metrics"].get(split, {}).get(metric)
    return row | {
        "architecture": digest(run["architecture"]),
        "recipe": digest(run["recipe"]),
        "is_try": is_of_try(run["recipe"]),
        "epochs": len(history),
        "steps": history[-1].get("steps") if history else 0,
        "device": document["mode"].get("device"),
        "hardware": document["mode"].get("hardware"),
    }


def _schema() -> pyarrow.Schema:
    import pyarrow

    return pyarrow.schema([(name, pyarrow.type_for_alias(kind)) for name, kind in COLUMNS.items()])


def _path(store: Store) -> Path:
    return store.home / "cache" / INDEX


def _read_index(store: Store) -> pyarrow.Table:
    import pyarrow

    with suppress(OSError):  # it is not there: the directories have everything
        content = memoryview(read_file(_path(store)))
        checksum, rows = content[:DIGEST], content[DIGEST:]
        if sha256(rows).digest() == checksum:
            with pyarrow.ipc.open_file(pyarrow.py_buffer(rows)) as reader:
                if reader.schema.equals(_schema()):
                    return reader.read_all()
    return _schema().empty_table()


def _write_index(store: Store, table: pyarrow.Table) -> None:
    import pyarrow

    options = pyarrow.ipc.IpcWriteOptions(compression="zstd")
    rows = pyarrow.BufferOutputStream()
    with pyarrow.ipc.new_file(rows, table.schema, options=options) as writer:
        writer.write_table(table)
    content = rows.getvalue()
    with suppress(OSError):  # without an index, listing takes longer
        write_file(_path(store), sha256(content).digest() + content.to_pybytes())


def tidy_table(table: pyarrow.Table) -> pyarrow.Table:
    """The metrics of a listing's table, a row each: key, model, dataset, seed, split, metric, value."""
    import pyarrow

    parts = []
    for split in SPLITS:
        for metric in METRICS:
            part = table.select(["key", "model", "dataset", "seed"])
            for name, word in (("split", split), ("metric", metric)):
                part = part.append_column(name, pyarrow.array([word] * table.num_rows, pyarrow.string()))
            parts.append(part.append_column("value", table[f"{split}_{metric}"]))
    return pyarrow.concat_tables(parts).drop_null()
