import csv
import io

import pandas as pd
import pytest

from archlab.scoring.spreadsheets import for_csv, from_csv, guarded


@pytest.mark.parametrize("name", ["=1+1", "@SUM(A1)", "+a", "-1", "\tx", "'=1", "'a", "plain", "'", ""])
def test_what_a_spreadsheet_takes_for_a_formula_is_guarded_and_comes_back(name):
    table = pd.DataFrame({"model": [name], name or "x": [-1.5]})
    head, row = csv.reader(io.StringIO(for_csv(table)))
    assert from_csv(row[0]) == name and from_csv(head[1]) == (name or "x") and row[1] == "-1.5"
    assert not any(cell[:1] in tuple("=@+-\t\r") and cell for cell in (row[0], head[1]))


def test_a_table_of_arrow_is_guarded_alike():
    import pyarrow

    names = ["=1", "-a", "plain", None, "'=1", "'b"]
    safe = guarded(pyarrow.table({"model": names, "seed": [-1, 2, 3, 4, 5, 6]}))
    assert safe["seed"].to_pylist()[0] == -1
    assert safe["model"].to_pylist() == ["'=1", "'-a", "plain", None, "''=1", "'b"]
