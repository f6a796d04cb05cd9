"""Writes a report into a folder: page, Markdown, LaTeX, tables as CSV, plots as files."""

from __future__ import annotations

import json
from pathlib import Path

from archlab.foundation import write_file
from archlab.report.analysis import Analysis
from archlab.report.document import document
from archlab.report.latex import latex
from archlab.report.markdown import markdown
from archlab.report.page import page
from archlab.report.plots import written
from archlab.report.sections import plots, sections
from archlab.scoring.spreadsheets import for_csv

FORMATS = {"markdown": "report.md", "html": "report.html", "latex": "report.tex"}


def text(analysis: Analysis, form: str) -> str:
    """The report as `markdown`, `html`, `latex`, as `json`, or the score table as `csv`."""
    if form == "json":
        return json.dumps(document(analysis), indent=2) + "\n"
    if form == "csv":
        return csv_files(analysis)["scores.csv"]
    return {"markdown": markdown, "html": page, "latex": latex}[form](analysis)


def csv_files(analysis: Analysis) -> dict[str, str]:
    """The tables by file name, all numbers in full.

    `accuracies.csv` is models x datasets, the mean over seeds: what `archlab score` reads, and, turned so that datasets are
    rows, `autorank.autorank(pandas.read_csv("accuracies.csv", index_col="model").T)`. `results.csv` is the tidy table.
    """
    files = {
        f"{table.name}.csv": table for section in sections(analysis) for table in (*section.tables, *section.folded)
    }
    written = {name: for_csv(table.frame()) for name, table in files.items()}
    complete = analysis.means.loc[analysis.models.index[analysis.models["reason"] == ""]]
    return {
        **written,
        "accuracies.csv": for_csv(complete.rename_axis(index="model"), index=True),
        "results.csv": for_csv(analysis.material.table),
    }


def write(analysis: Analysis, folder: Path, *, with_plots: bool = False) -> list[Path]:
    """Writes everything into `folder`; `with_plots`, each plot also as `plots/NAME.svg` and `.png`. Gives what was written."""
    contents: dict[str, bytes] = {name: text(analysis, form).encode() for form, name in FORMATS.items()}
    contents |= {name: table.encode() for name, table in csv_files(analysis).items()}
    if with_plots:
        contents |= {
            f"plots/{name}.{kind}": written(plot, kind)
            for name, plot in plots(analysis).items()
            for kind in ("svg", "png")
        }
    for name, content in contents.items():
        write_file(folder / name, content)
    return [folder / name for name in contents]
