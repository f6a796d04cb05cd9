"""The report's tables as LaTeX, ruled by booktabs."""

from __future__ import annotations

import re

from archlab.report.analysis import Analysis
from archlab.report.sections import sections
from archlab.report.tables import Table

HEAD = "% \\usepackage{booktabs} and, for wide tables, \\usepackage{graphicx}\n"


def latex(analysis: Analysis) -> str:
    """One `table` environment for each table that the page shows open."""
    return HEAD + "\n".join(_table(table) for section in sections(analysis) for table in section.tables)


def _table(table: Table) -> str:
    frame = table.frame()
    frame.columns = [_escaped(column.title.strip()) for column in table.columns]
    for at, cells in enumerate(zip(*table.written(), strict=True)):
        frame.isetitem(at, [_in_latex(cell) for cell in cells])
    wide = len(table.columns) > 8
    text = frame.style.hide(axis="index").to_latex(
        hrules=True,
        column_format="".join("l" if column.kind == "text" else "r" for column in table.columns),
        caption=_escaped(table.caption),
        label=f"tab:{table.name}",
        position="htbp",
        position_float="centering",
    )
    if not wide:
        return text
    start, end = "\\begin{tabular}", "\\end{tabular}"
    return text.replace(start, "\\resizebox{\\linewidth}{!}{%\n" + start).replace(end, end + "}")


def _in_latex(cell: str) -> str:
    number = re.fullmatch("(< )?[−+]?[0-9][0-9,.]*", cell)
    return f"${cell.replace('−', '-').replace(',', '{,}')}$" if number else _escaped(cell)


SYMBOLS = {
    "\\": "\\textbackslash{}",
    "~": "\\textasciitilde{}",
    "^": "\\textasciicircum{}",
    "²": "$^2$",
    "–": "--",
    "−": "$-$",
}
SYMBOLS |= {symbol: f"\\{symbol}" for symbol in "&%$#_{}"}


def _escaped(text: str) -> str:
    return "".join(SYMBOLS.get(letter, letter) for letter in text)
