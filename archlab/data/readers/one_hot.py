"""Labels as a column a class, with a 1 in that of the image's class: as Roboflow, ISIC and Kaggle have them."""

from __future__ import annotations

from collections.abc import Collection

from archlab.foundation import UserError
from archlab.foundation.words import first_of

_ONE, _NONE = ("1", "1.0", "true"), ("0", "0.0", "false")
_NAMED = 5  # classes

Table = list[tuple[str, list[str]]]


def with_labels(known: list[str], table: Table, called: str, others: Collection[str | None]) -> tuple[list[str], Table]:
    """The columns and the rows with one column more, `called`, that names the class; as they are where the columns beside
    `others` are not two or more with a 1 or a 0 in every row.

    Raises UserError with the line of an image that is of no class, or of several.
    """
    classes = {column: name for column, name in enumerate(known) if name and name not in others}
    rows = [(at, fields) for at, fields in table if any(fields)]
    cells = {fields[column].lower() if column < len(fields) else "" for _, fields in rows for column in classes}
    if len(classes) < 2 or not rows or not cells <= {*_ONE, *_NONE}:
        return known, table
    labelled: Table = []
    for at, fields in rows:
        ones = [name for column, name in classes.items() if fields[column].lower() in _ONE]
        if len(ones) != 1:
            of = "several classes" if ones else "none of the classes"
            told = f"is of {of} ({first_of(ones or [*classes.values()], _NAMED)}): an image of one class is expected"
            raise UserError(
                f"{told}, leave the row out; if one column has the classes, --label-column names it", where=at
            )
        labelled.append((at, ones + fields))
    return [called, *known], labelled
