"""A section of a report, whatever it is then written as."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from archlab.report.analysis import Analysis
from archlab.report.plots import Plot
from archlab.report.table import Table


@dataclass(frozen=True)
class Section:
    """A section: sentences first, then plots, then tables, then plots and tables that the page folds away.

    Args:
        is_open: Whether the page shows it at once; others open on demand.
    """

    anchor: str
    title: str
    sentences: list[str] = field(default_factory=list)
    plots: list[Plot] = field(default_factory=list)
    tables: list[Table] = field(default_factory=list)
    folded: list[Table] = field(default_factory=list)
    folded_plots: list[Plot] = field(default_factory=list)
    is_open: bool = False


def not_computed(analysis: Analysis, part: str, title: str) -> Iterator[Section]:
    """A section that says why it is empty; none where there is nothing to say."""
    if part in analysis.missing:
        yield Section(part, title, [f"Not computed: {analysis.missing[part]}."])
