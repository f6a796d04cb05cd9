"""Thousands of damaged tables: each is scored, or refused in one line."""

from __future__ import annotations

import contextlib
import io
import json
import random
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet
import pytest

from tests.fuzzing import check_called, try_all
from tests.repeated import repeated

TABLES = {"csv": repeated(600), "json": repeated(400), "parquet": repeated(400)}  # how many of each
NAMES = [
    "mean",
    "variance",
    "xscore",
    "role",
    "kind",
    "width",
    "model",
    "dataset",
    "seed",
    "split",
    "a\\b",
    "\u202e",
    "=1+1",
    "x" * 3000,
    "",
]
CELLS = [
    "",
    "nan",
    "inf",
    "-inf",
    "1e400",
    "-1",
    "101",
    "0.5",
    "1e-320",
    "0x1p3",
    "9" * 500,
    "\x1b[0m",
    "\0",
    '"',
    "'",
    ";",
    "½",
    "１",
    "1_0",
    "true",
]
SEEDS = ["-1", "99999999999999999999999", "0", "0.5", "x", str(2**63), "1" * 5000]


def wide(chance: random.Random) -> list[list[str]]:
    datasets = [f"d{n}" for n in range(chance.randint(2, 4))]
    rows = [["model", "seed", *datasets]]
    return rows + [
        [f"m{n}", str(seed), *(f"{chance.random():.3f}" for _ in datasets)] for n in range(3) for seed in range(2)
    ]


def tidy(chance: random.Random) -> list[list[str]]:
    rows = [["model", "dataset", "seed", "split", "metric", "value"]]
    return rows + [
        [f"m{n}", f"d{d}", "0", split, "accuracy", f"{chance.random():.3f}"]
        for n in range(3)
        for d in range(3)
        for split in ("validation", "test")
    ]


def damaged_cells(chance: random.Random) -> list[list[str]]:
    table = chance.choice((wide, tidy))(chance)
    for _ in range(chance.choice((0, 1, 1, 2, 4))):
        row = chance.choice(table)
        column = chance.randrange(len(row)) if row else 0
        act = chance.randrange(8)
        if act == 0:
            table[0][chance.randrange(len(table[0]))] = chance.choice(NAMES)
        elif act == 1 and "seed" in table[0]:
            row[table[0].index("seed") % len(row) :][:1] = [chance.choice(SEEDS)]
        elif act == 2:
            table.append(list(chance.choice(table)))
        elif act == 3:
            del table[chance.randrange(len(table))]
        elif act == 4:
            row[column : column + 1] = []
        elif act == 5:
            for each in table:
                each[column : column + 1] = [chance.choice(CELLS)]
        else:
            row[column : column + 1] = [chance.choice(CELLS + NAMES + SEEDS)]
        if not table or not table[0]:
            break
    return table


def as_csv(chance: random.Random) -> bytes:
    delimiter = chance.choice(",,,;\t")
    text = "\n".join(delimiter.join(row) for row in damaged_cells(chance))
    content = bytearray(text.encode("utf-8", "surrogatepass"))
    if chance.random() < 0.4:
        _damage_bytes(content, chance)
    return bytes(content)


def _damage_bytes(content: bytearray, chance: random.Random) -> None:
    for _ in range(chance.choice((1, 1, 2, 8))):
        at = chance.randrange(len(content) + 1)
        act = chance.randrange(4)
        if act == 0:
            content[at : at + 1] = bytes([chance.randrange(256)])
        elif act == 1:
            del content[at:]
        elif act == 2:
            content[at:at] = content[: chance.randrange(200)]
        elif at < len(content):
            content[at] ^= 1 << chance.randrange(8)


ARRAYS = (
    lambda n: pa.array([b"\xff\xfe"] * n, pa.binary()),
    lambda n: pa.array([2**64 - 1] * n, pa.uint64()),
    lambda n: pa.array([[0.5]] * n),
    lambda n: pa.array([{"a": 1}] * n),
    lambda n: pa.array([None] * n, pa.null()),
    lambda n: pa.array([0.5, None, float("nan"), 1.0, 0.2, 0.1, 0.3][:n] + [0.5] * max(0, n - 7)),
    lambda n: pa.array([True] * n),
    lambda n: pa.array([2**60] * n, pa.timestamp("us")),
    lambda n: pa.array(["a"] * n).dictionary_encode(),
    lambda n: pa.array([1] * n, pa.decimal128(38, 30)) if n else pa.array([], pa.decimal128(38, 30)),
    lambda n: pa.array([2**62] * n, pa.duration("s")),
    lambda n: pa.array([0.5] * n, pa.float16() if hasattr(np, "float16") else pa.float32()),
)
PANDAS = (
    b"",
    b"{",
    b"null",
    b"[]",
    b"5",
    b'{"index_columns": ["nowhere"]}',
    b'{"index_columns": [{"kind": "range"}], "columns": []}',
    b'{"columns": 5}',
    b"\xff",
)


def as_parquet(chance: random.Random) -> bytes:
    header, *rows = chance.choice((wide, tidy))(chance)
    frame = pd.DataFrame(rows, columns=pd.Index(header))
    for name in frame.columns:
        with contextlib.suppress(ValueError):
            frame[name] = pd.to_numeric(frame[name])
    table = pa.Table.from_pandas(frame.set_index("model") if chance.random() < 0.3 else frame)
    act = chance.randrange(4)
    if act == 0:
        at = chance.randrange(table.num_columns)
        table = table.set_column(at, table.column_names[at], chance.choice(ARRAYS)(table.num_rows))
    elif act == 1:
        metadata = chance.choice(PANDAS)
        if chance.random() < 0.5:
            whole = bytearray(table.schema.metadata[b"pandas"])
            _damage_bytes(whole, chance)
            metadata = bytes(whole)
        table = table.replace_schema_metadata({b"pandas": metadata})
    elif act == 2:
        names = list(table.column_names)
        names[chance.randrange(len(names))] = chance.choice(NAMES)
        table = table.rename_columns(names)
    packed = io.BytesIO()
    pyarrow.parquet.write_table(table, packed)
    content = bytearray(packed.getvalue())
    if act == 3:
        _damage_bytes(content, chance)
    return bytes(content)


def as_frame(chance: random.Random) -> bytes:
    document = {
        "frame": {
            "kind": "file",
            "models": ["m0"],
            "split": "test",
            "datasets": {f"d{n}": [0.1, 0.9] for n in range(3)},
            "dropped": [],
            "weak": [],
        }
    }
    values = [
        None,
        5,
        [],
        {},
        "x",
        [1],
        [0.1, "b"],
        [0.9, 0.1],
        [float("nan"), 1],
        [1e308, -1e308],
        10**400,
        True,
        "\ud800",
        [[[]]] * 3,
    ]
    holder = chance.choice((document, document["frame"], document["frame"]["datasets"]))
    key, act = chance.choice(list(holder)), chance.random()
    if act < 0.3:
        document["frame"]["datasets"][f"d{chance.randrange(3)}"] = [chance.uniform(-1, 0.2), chance.uniform(0.3, 80)]
    elif act < 0.8:
        holder[key] = chance.choice(values)
    else:
        holder[chance.choice(NAMES)] = holder.pop(key)
    text = chance.choice(
        (json.dumps(document), json.dumps(document, ensure_ascii=False)) * 8 + ("[" * 100_000, "9" * 10_000)
    )
    content = bytearray(text.encode("utf-8", "surrogatepass"))
    if chance.random() < 0.3:
        _damage_bytes(content, chance)
    return bytes(content)


WRITERS = {"csv": as_csv, "json": as_frame, "parquet": as_parquet}


def attempt_of(kind: str, folder: Path, seed: str):
    """Scores the damaged table of a number."""
    path = folder / f"table.{kind}"
    (folder / "good.csv").write_text(
        "model,d0,d1,d2\n" + "".join(f"m{n},0.{n + 1},0.{n + 3},0.{5 - n}\n" for n in range(3))
    )

    def attempt(number: int) -> str:
        path.write_bytes(WRITERS[kind](random.Random(f"{seed} {kind} {number}")))
        words = ["score", str(path)] if kind != "json" else ["score", str(folder / "good.csv"), "--frame", str(path)]
        return check_called(words, str(folder))

    return attempt


@pytest.mark.slow
@pytest.mark.parametrize("kind", TABLES)
def test_a_damaged_table_is_scored_or_refused_in_one_line(tmp_path, kind):
    tried = try_all(attempt_of(kind, tmp_path, "kept"), TABLES[kind], tmp_path)
    tried.check(TABLES[kind], "loaded", "refused")
    assert min(tried.outcomes["loaded"], tried.outcomes["refused"]) > TABLES[kind] / 10
