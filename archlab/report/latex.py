"""The report's tables as LaTeX, ruled by booktabs."""

from __future__ import annotations

import re

import pandas as pd

from archlab.foundation.escaping import in_one_line
from archlab.report.analysis import Analysis
from archlab.report.sections import sections
from archlab.report.table import Table

HEAD = "% \\usepackage{booktabs} and \\usepackage{graphicx}\n"
LINE = 90  # characters
FITTED = "\\resizebox{\\ifdim\\width>\\linewidth\\linewidth\\else\\width\\fi}{!}{%\n"  # shrinks what is too wide


def latex(analysis: Analysis) -> str:
    """One `table` environment for each table that the page shows open."""
    return HEAD + "\n".join(_table(table) for section in sections(analysis) for table in section.tables)


def _table(table: Table) -> str:
    tabulars = "\n\n\\medskip\n\n".join(_tabular(table, part) for part in _parts(table))
    caption = f"\\caption{{{_escaped(table.caption)}}}\n\\label{{tab:{table.name}}}\n"
    return f"\\begin{{table}}[htbp]\n\\centering\\small\n{caption}{tabulars}\n\\end{{table}}\n"


def _parts(table: Table) -> list[list[int]]:
    """The columns, in parts of about a line's width, each with the first column."""
    written = [
        [column.title, *cells] for column, cells in zip(table.columns, zip(*table.written(), strict=True), strict=True)
    ]
    widths = [max(map(len, cells)) + 2 for cells in written]
    parts = [[0]]
    for at in range(1, len(widths)):
        if sum(widths[column] for column in [*parts[-1], at]) > LINE and len(parts[-1]) > 1:
            parts.append([0])
        parts[-1].append(at)
    return parts


def _tabular(table: Table, part: list[int]) -> str:
    columns = [table.columns[at] for at in part]
    cells = [[_in_latex(row[at]) for at in part] for row in table.written()]
    frame = pd.DataFrame(cells, columns=[_escaped(column.title.strip()) for column in columns])
    alignment = "".join("l" if column.kind == "text" else "r" for column in columns)
    return f"{FITTED}{frame.style.hide(axis='index').to_latex(hrules=True, column_format=alignment)}}}"


def _in_latex(cell: str) -> str:
    number = re.fullmatch("(< )?[−+]?[0-9][0-9,.]*", cell)
    return f"${cell.replace('−', '-').replace(',', '{,}')}$" if number else _escaped(cell)


SYMBOLS = {
    "\\": "\\textbackslash{}",
    "~": "\\textasciitilde{}",
    "^": "\\textasciicircum{}",
    "²": "$^2$",
    "–": "\\textendash{}",
    "−": "$-$",
    "[": "{[}",  # begins no argument of the line's end before it
    "*": "{*}",
    "<": "\\textless{}",
    ">": "\\textgreater{}",
    "|": "\\textbar{}",
}
SYMBOLS |= {symbol: f"\\{symbol}" for symbol in "&%$#_{}"}


def _escaped(text: str) -> str:
    """Of two hyphens, as of an option, LaTeX would make a dash."""
    return re.sub("-(?=-)", "-{}", "".join(SYMBOLS.get(letter, letter) for letter in in_one_line(text)))
