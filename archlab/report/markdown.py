"""The report as Markdown: everything but the plots."""

from __future__ import annotations

from collections.abc import Iterator

from archlab.foundation.escaping import for_markdown
from archlab.report.analysis import Analysis
from archlab.report.section import Section
from archlab.report.sections import in_short, sections
from archlab.report.table import Table


def markdown(analysis: Analysis) -> str:
    """The report's sentences and tables; long tables that the page folds away are left out."""
    return "\n".join(_lines(analysis)).rstrip() + "\n"


def _lines(analysis: Analysis) -> Iterator[str]:
    yield f"# {for_markdown(analysis.material.question or analysis.name)}\n"
    for study, answer in analysis.answers.items():
        yield for_markdown(f"{f'{study}: ' if len(analysis.answers) > 1 else ''}{answer}") + "\n"
    facts = ", ".join(f"{label} {value}" for label, value in in_short(analysis))
    yield for_markdown(f"{analysis.name}: {facts}") + "\n"
    for warning in analysis.warnings:
        yield f"- **Mind:** {for_markdown(warning)}"
    if analysis.warnings:
        yield ""
    for section in sections(analysis):
        if section.sentences or section.tables:
            yield from section_lines(section)


def section_lines(section: Section) -> Iterator[str]:
    """Its title, sentences and tables."""
    yield f"## {for_markdown(section.title)}\n"
    listed = section.anchor == "provenance"
    for sentence in section.sentences:
        yield f"- {for_markdown(sentence)}" if listed else f"{for_markdown(sentence)}\n"
    for table in section.tables:
        yield from _table(table)
    if listed:
        yield ""


def _table(table: Table) -> Iterator[str]:
    yield f"{for_markdown(table.caption)}\n"
    titles = [for_markdown(column.title) for column in table.columns]
    rows = [[for_markdown(text) for text in row] for row in table.written()]
    widths = [max(map(len, cells)) for cells in zip(titles, *rows, strict=True)]
    right = [column.kind != "text" for column in table.columns]

    def line(cells: list[str]) -> str:
        padded = (
            cell.rjust(n) if to_right else cell.ljust(n) for cell, n, to_right in zip(cells, widths, right, strict=True)
        )
        return f"| {' | '.join(padded)} |"

    yield line(titles)
    yield f"|{'|'.join('-' * (n + 1) + (':' if to_right else '-') for n, to_right in zip(widths, right, strict=True))}|"
    yield from map(line, rows)
    yield ""
