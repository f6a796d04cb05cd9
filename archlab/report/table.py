"""A table of a report: named columns, plain values, one way to write a number."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import pandas as pd


@dataclass(frozen=True)
class Column:
    """A column: its title, and how its values are written (`text`, `integer`, `number`, `signed`, `p`)."""

    title: str
    kind: str = "text"
    digits: int = 3

    def written(self, value: Any) -> str:
        """The value as people read it; a missing one as an en dash."""
        if value is None or (isinstance(value, float) and math.isnan(value)):
            return "–"
        if self.kind == "integer":
            return f"{round(value):,}"
        if self.kind == "p":
            return f"{value:.4f}" if value >= 0.0001 else "< 0.0001"
        if self.kind in ("number", "signed"):
            return format(value, f"{'+' if self.kind == 'signed' else ''}z.{self.digits}f").replace("-", "−")
        return str(value)


@dataclass(frozen=True)
class Table:
    """A table, rows in the order of the columns.

    Args:
        name: Of its file and its anchor.
        roles: For each row `reference`, `variant` or "", where models are told apart.
    """

    name: str
    caption: str
    columns: list[Column]
    rows: list[list[Any]]
    roles: list[str] = field(default_factory=list)

    @classmethod
    def of(
        cls,
        name: str,
        caption: str,
        columns: Mapping[str, Column],
        values: pd.DataFrame | Sequence[Mapping[str, Any]],
        roles: Sequence[str] = (),
    ) -> Table:
        """The named columns of a frame or of dicts."""
        frame = pd.DataFrame(values, columns=list(columns))
        rows = frame.astype(object).where(frame.notna(), None).to_numpy().tolist()
        return cls(name, caption, list(columns.values()), rows, list(roles))

    def frame(self) -> pd.DataFrame:
        """As a DataFrame of values as they are. A title that an earlier column has follows the last new one: `not seen low`."""
        titles, new = list[str](), ""
        for title in (column.title for column in self.columns):
            if title in titles:
                title = f"{new} {title}"
            else:
                new = title
            titles.append(title)
        return pd.DataFrame(self.rows, columns=titles)

    def written(self) -> list[list[str]]:
        """All values as people read them."""
        return [[column.written(value) for column, value in zip(self.columns, row, strict=True)] for row in self.rows]
