"""Tables of text, as spreadsheets write them: something parts the cells of a line, and a first line may say what."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Callable
from pathlib import Path

from archlab.foundation.errors import UserError
from archlab.foundation.files import check_file

_SAID = re.compile(r'"?sep=([,;|\t])"?\s*', re.IGNORECASE)  # the first line, as Excel has it


def text_of(path: Path) -> str:
    """Of a table. Raises UserError where it cannot be read, or is in another encoding than UTF-8."""
    try:
        return check_file(path).read_bytes().decode("utf-8-sig")
    except OSError as error:
        raise UserError(f"cannot be read: {error.strerror}", where=str(path)) from None
    except UnicodeDecodeError:
        raise UserError("is not UTF-8 text: save the table as CSV in UTF-8", where=str(path)) from None


def separated(text: str, path: Path, choose: Callable[[str], str]) -> tuple[list[tuple[str, list[str]]], str]:
    """FILE:LINE and the cells of each row, without blanks around them, and what parts these.

    That is what a first line `sep=;` says, else what `choose` says of the first line that is not empty. Raises UserError.
    """
    lines = list(io.StringIO(text, newline=""))
    said = _SAID.fullmatch(lines[0]) if lines else None
    above = 1 if said else 0
    del lines[:above]
    delimiter = said[1] if said else choose(next(filter(str.strip, lines), ""))
    reader = csv.reader(lines, delimiter=delimiter, skipinitialspace=delimiter != " ", strict=True)
    try:
        rows = [(f"{path}:{above + reader.line_num}", [cell.strip() for cell in cells]) for cells in reader]
    except csv.Error as error:
        raise UserError(f"is not a CSV file: {error}", where=f"{path}:{above + reader.line_num}") from None
    return rows, delimiter
