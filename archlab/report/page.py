"""The report as one HTML page that needs nothing else."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable
from importlib.metadata import version
from typing import Any
from xml.etree import ElementTree

from archlab.report.analysis import Analysis
from archlab.report.palette import THEMED, themed
from archlab.report.plots import SVG, Plot, written
from archlab.report.section import Section
from archlab.report.sections import in_short, sections
from archlab.report.table import Table

MOST_ROWS = 500
LONG, LONG_TITLE = 40, 20  # characters of a cell and of a column's title that may wrap
MOST_WARNINGS = 3  # of which the rest is folded away, together no longer than a long text
INSIDE = 160  # characters
LONG_TEXT = 450  # characters of a text of which the rest is folded away


def page(analysis: Analysis) -> str:
    """One self-contained HTML document: styles, script and plots inside, nothing loaded from anywhere."""
    shown = _first(analysis.warnings)
    return rendered(
        "report.html",
        sections(analysis),
        name=analysis.name,
        question=analysis.material.question,
        answers=[(study, *in_two(answer)) for study, answer in analysis.answers.items()],
        facts=in_short(analysis),
        warnings=shown,
        more_warnings=analysis.warnings[len(shown) :],
    )


def rendered(
    template: str,
    sections: Iterable[Section],
    *,
    package: str = "archlab.report",
    all_in: str | None = None,
    **values: Any,
) -> str:
    """A page of sections, in the style of the report and with what its tables can do.

    Args:
        template: In the folder `template` of `package`; it finds the parts of the report's page too.
        all_in: The file that holds all of a table of which only the first rows are shown; None: a CSV of its name.
        values: What else it is given.
    """
    from jinja2 import ChoiceLoader, Environment, PackageLoader
    from markupsafe import Markup, escape

    loader = ChoiceLoader([PackageLoader(each, "template") for each in dict.fromkeys((package, "archlab.report"))])
    environment = Environment(loader=loader, autoescape=True)
    environment.filters["breakable"] = lambda text: Markup(re.sub("([+=_@])", r"\1<wbr>", str(escape(text))))  # noqa: S704
    style, behaviour = (Markup(loader.get_source(environment, name)[0]) for name in ("style.css", "behaviour.js"))  # noqa: S704
    return environment.get_template(template).render(
        version=version("archlab"),
        sections=[_section(section, Markup, all_in) for section in sections],
        style=style,
        behaviour=behaviour,
        **values,
    )


def _section(section: Section, safe: Any, all_in: str | None) -> dict[str, Any]:
    return {
        "anchor": section.anchor,
        "title": section.title,
        "is_open": section.is_open,
        "inside": _inside(section),
        "sentences": [in_two(sentence) for sentence in section.sentences],
        "plots": [_plot(plot, safe) for plot in section.plots],
        "folded_plots": [_plot(plot, safe) for plot in section.folded_plots],
        "tables": [_table(table, section.anchor, all_in) for table in section.tables],
        "folded": [_table(table, f"{section.anchor}-all", all_in) for table in section.folded],
    }


def _first(warnings: list[str]) -> list[str]:
    few = [at for at in range(1, MOST_WARNINGS + 1) if at == 1 or sum(map(len, warnings[:at])) <= LONG_TEXT]
    return warnings[: few[-1]]


def in_two(text: str) -> tuple[str, str]:
    """A text, and what of it is folded away: split where a sentence ends, else a part of one, else a word."""
    if len(text) <= LONG_TEXT:
        return text, ""
    ends = (text.rfind(mark, 0, LONG_TEXT) + len(mark) for mark in (". ", "; ", ", ", " "))
    end = next((end for end in ends if end > LONG_TEXT / 3), LONG_TEXT)
    return text[:end].rstrip(), text[end:].lstrip()


def _inside(section: Section) -> str:
    """What is in a section, on a line."""
    counts = {"plot": len(section.plots + section.folded_plots), "table": len(section.tables + section.folded)}
    parts = [f"{count} {word}{'s' * (count > 1)}" for word, count in counts.items() if count]
    said = [*section.sentences, *(plot.title for plot in section.plots), *(table.caption for table in section.tables)]
    first = said[0] if said else ""
    parts += [first if len(first) <= INSIDE else f"{first[:INSIDE].rstrip()}…"]
    return " · ".join(filter(None, [", ".join(parts[:-1]), parts[-1]]))


def _plot(plot: Plot, safe: Any) -> dict[str, Any]:
    return {"title": plot.title, "svg": safe(inline_svg(plot))}


def inline_svg(plot: Plot) -> str:
    """The plot as an SVG element in the page's colours, its identifiers its own, named for those who do not see it."""
    svg = ElementTree.fromstring(written(plot, "svg", THEMED))  # noqa: S314  # drawn by matplotlib
    svg.attrib |= {"role": "img", "aria-label": f"{plot.title}. {plot.alt}"}
    for child in svg.findall(f"{{{SVG}}}metadata"):
        svg.remove(child)
    for element in svg.iter():
        for key, value in element.items():
            if key == "id":
                element.set(key, f"{plot.name}-{value}")
            elif key.endswith("href"):
                element.set(key, value.replace("#", f"#{plot.name}-", 1))
            else:
                element.set(key, themed(value.replace("url(#", f"url(#{plot.name}-")))
    return ElementTree.tostring(svg, encoding="unicode")


def _table(table: Table, anchor: str, all_in: str | None) -> dict[str, Any]:
    rows = []
    for index, (values, texts) in enumerate(zip(table.rows[:MOST_ROWS], table.written()[:MOST_ROWS], strict=True)):
        cells = [
            {
                "text": text,
                "kind": f"{column.kind} long" if len(text) > LONG else column.kind,
                "is_text": column.kind == "text",
                "value": _sortable(value, column.kind),
            }
            for value, text, column in zip(values, texts, table.columns, strict=True)
        ]
        rows.append({"cells": cells, "role": table.roles[index] if table.roles else ""})
    place = all_in or f"{table.name}.csv"
    more = f" The first {MOST_ROWS}; all are in {place}." if len(table.rows) > MOST_ROWS else ""
    columns = [
        {"title": column.title, "kind": f"{column.kind} long" if len(column.title) > LONG_TITLE else column.kind}
        for column in table.columns
    ]
    return {
        "anchor": f"{anchor}-{table.name}",
        "caption": table.caption + more,
        "columns": columns,
        "rows": rows,
    }


def _sortable(value: Any, kind: str) -> str | None:
    if kind == "text" or value is None or (isinstance(value, float) and math.isnan(value)):
        return None
    return repr(float(value)).replace("inf", "Infinity")  # as JavaScript reads it
