"""Parquet files that other programs wrote, or that nobody wrote like this."""

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from archlab.foundation import UserError
from archlab.scoring import parquet as reading
from archlab.scoring import read_table
from tests.repeated import repeated

CELLS = {"model": ["a", "b"], "dataset": ["d", "d"], "value": [0.9, 0.6]}


@pytest.fixture
def write(tmp_path):
    """The path of a table with these columns and notes."""

    def write(columns, notes=None):
        path = tmp_path / "table.parquet"
        pq.write_table(pa.table(columns).replace_schema_metadata(notes), path)
        return path

    return write


NOTES = [
    b"",
    b"{",
    b"[]",
    b"\xff\xfe",
    b"null",
    b"[" * 100_000,
    b'{"index_columns": 3}',
    b'{"index_columns": [["model"], {"kind": "range", "start": "x"}, null]}',
    b'{"index_columns": ["nowhere"], "columns": [{"name": 3}], "column_indexes": {}}',
    b'{"index_columns": [], "columns": [{"name": "value", "pandas_type": "datetimetz", "metadata": {"timezone": "x"}}]}',
]


@pytest.mark.parametrize("note", NOTES, ids=range(len(NOTES)))
def test_what_pandas_is_said_to_have_noted_ends_nothing(write, note):
    assert read_table(write(CELLS, {b"pandas": note}))["value"].tolist() == [0.9, 0.6]


def test_the_index_of_pandas_comes_first(tmp_path):
    for index in (pd.Index(["a", "b"], name="model"), ["a", "b"]):
        pd.DataFrame({"d": [0.9, 0.6]}, index=index).to_parquet(tmp_path / "table.parquet")
        assert read_table(tmp_path / "table.parquet")["model"].tolist() == ["a", "b"]


def test_numbers_are_read_as_they_were_meant(write):
    for kind in (pa.float32(), pa.float64(), pa.decimal128(10, 3)):
        path = write({**CELLS, "value": pa.array(["0.900", "0.600"]).cast(kind)})
        assert read_table(path)["value"].tolist() == [0.9, 0.6]


@pytest.mark.parametrize("seed", [2**63, 2**64 - 1, -(2**63)])
def test_seeds_of_any_length_tell_runs_apart(write, seed, tmp_path):
    kind = pa.uint64() if seed > 0 else pa.int64()
    table = read_table(write({**CELLS, "seed": pa.array([seed, 1], kind)}))
    assert list(map(str, table["seed"])) == [str(seed), "1"]
    path = tmp_path / "table.csv"
    path.write_text(f"model,d,seed\na,.5,{'9' * 300}\na,.5,{'9' * 299}\n")
    assert len(set(read_table(path)["seed"])) == 2


def not_utf8():
    starts = pa.py_buffer(np.array([0, 1, 2], np.int32))
    return pa.Array.from_buffers(pa.string(), 2, [None, starts, pa.py_buffer(b"\xff\xfe")])


UNREADABLE = {
    "text that is none": ({"model": not_utf8()}, "column 'model' is not UTF-8 text"),
    "bytes that are no text": ({"model": [b"a", b"\xff"]}, "column 'model' is not UTF-8 text"),
    "lists": ({"value": [[1], [2]]}, r"'\[1\]' is not a number"),
    "nothing": ({"value": pa.nulls(2)}, "missing cell"),
    "times": ({"value": pa.array([1, 2], pa.timestamp("us", "Nowhere/Land"))}, "column 'value' cannot|is not a number"),
    "a name that numbers may have": ({"value": ["0_9", "0_6"]}, "'0_9' is not a number"),
}


@pytest.mark.parametrize("case", UNREADABLE)
def test_columns_that_hold_no_values_are_named(write, case):
    columns, words = UNREADABLE[case]
    with pytest.raises(UserError, match=words) as told:
        read_table(write(CELLS | columns))
    assert "\n" not in str(told.value)


def test_a_table_that_unpacks_to_too_much_is_refused(write, monkeypatch):
    monkeypatch.setattr(reading, "MOST_CELLS", 5)
    with pytest.raises(UserError, match="holds more than 5 cells"):
        read_table(write(CELLS))


@pytest.mark.slow
def test_mutations_of_a_table_are_read_or_refused_in_a_line(write, tmp_path):
    whole = write({**CELLS, "seed": [0, 1], "split": ["test", "test"]}, {b"pandas": NOTES[-1]}).read_bytes()
    chance, path = np.random.default_rng(0), tmp_path / "mutated.parquet"
    refused = 0
    mutations = repeated(1500)
    for _ in range(mutations):
        content = bytearray(whole)
        for at in chance.integers(0, len(content), chance.integers(1, 4)):
            content[at] = chance.integers(0, 256)
        path.write_bytes(
            content[: chance.integers(len(content) // 2, len(content) + 1)] if chance.random() < 0.2 else content
        )
        try:
            read_table(path)
        except UserError as error:
            refused += 1
            assert str(error).count("\n") == 0
    assert refused > mutations / 5
