import csv
import io

import pandas as pd
import pytest

from archlab.scoring.spreadsheets import for_csv, from_csv


@pytest.mark.parametrize("name", ["=1+1", "@SUM(A1)", "+a", "-1", "\tx", "'=1", "'a", "plain", "'", ""])
def test_what_a_spreadsheet_takes_for_a_formula_is_guarded_and_comes_back(name):
    table = pd.DataFrame({"model": [name], name or "x": [-1.5]})
    head, row = csv.reader(io.StringIO(for_csv(table)))
    assert from_csv(row[0]) == name and from_csv(head[1]) == (name or "x") and row[1] == "-1.5"
    assert not any(cell[:1] in tuple("=@+-\t\r") and cell for cell in (row[0], head[1]))
