"""A report of names that would be script, markup, formulas, columns of its own or paths."""

from __future__ import annotations

import io
from html.parser import HTMLParser
from itertools import groupby

import numpy as np
import pandas as pd
import pytest

from archlab.report import analyse, read_material, text
from archlab.scoring import read_table

HOSTILE = [
    "<script>alert(1)</script>",
    "</svg><img src=x onerror=alert(2)>",
    "--><script>alert(3)</script>",
    '" onload="alert(4)',
    r"a\1b\g<0>",
    r"$x^2$ $\frac{1}$",
    "=cmd|'/c calc'!A1",
    "\x1b[31mred\x9b",
    "two\nlines",
]
COLUMNS = ["mean", "variance", "xscore", "role", "kind", "width", "model", "worst", "params", "accuracy", "reason"]


class Elements(HTMLParser):
    def __init__(self, page: str):
        super().__init__()
        self.tags, self.handlers = [], []
        self.feed(page)

    def handle_starttag(self, tag, attributes):
        self.tags.append(tag)
        self.handlers += [name for name, _ in attributes if name.startswith("on")]


def table_of(models, datasets, path):
    values = np.random.default_rng(0).random((len(models), len(datasets), 2))
    rows = [
        (model, dataset, seed, "test", "accuracy", values[i, j, seed])
        for i, model in enumerate(models)
        for j, dataset in enumerate(datasets)
        for seed in (0, 1)
    ]
    pd.DataFrame(rows, columns=["model", "dataset", "seed", "split", "metric", "value"]).to_csv(path, index=False)
    return analyse([read_material(str(path), path.parent)])


@pytest.fixture(scope="module")
def analysis(tmp_path_factory):
    return table_of(HOSTILE, [*HOSTILE[:3], "plain"], tmp_path_factory.mktemp("hostile") / "table.csv")


def test_names_are_no_elements_of_the_page(analysis):
    page = Elements(text(analysis, "html"))
    assert page.tags.count("script") == 1 and "img" not in page.tags and page.handlers == []
    assert page.tags.count("svg") > 3


def test_names_are_no_markup_of_markdown(analysis):
    said = text(analysis, "markdown")
    assert "<script" not in said.replace("\\<", "") and "\x1b" not in said
    tables = [list(rows) for is_row, rows in groupby(said.splitlines(), lambda line: line.startswith("|")) if is_row]
    assert max(map(len, tables)) >= len(HOSTILE) + 2
    for rows in tables:
        assert len({line.count("|") - line.count("\\|") for line in rows}) == 1, rows


def test_names_are_no_formulas_and_are_read_again_as_they_were(analysis, tmp_path):
    said = text(analysis, "csv")
    assert not any(cell.startswith("=") for cell in pd.read_csv(io.StringIO(said))["model"])
    (tmp_path / "scores.csv").write_text(pd.read_csv(io.StringIO(said)).filter(["model", "plain"]).to_csv(index=False))
    assert set(read_table(tmp_path / "scores.csv")["model"]) == {name.strip() for name in HOSTILE}


@pytest.mark.slow
def test_datasets_may_be_called_as_columns_are(tmp_path):
    analysis = table_of(["a", "b", "c", "d"], COLUMNS, tmp_path / "table.csv")
    for form in ("html", "markdown", "latex", "csv"):
        assert all(name in text(analysis, form) for name in COLUMNS)
