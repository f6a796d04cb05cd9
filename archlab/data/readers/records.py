"""Tables in JSON: an object a line, as Hugging Face, AWS and Vertex AI write them, or a list of objects, as Label Studio and
Edge Impulse do."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from archlab.data.readers.places import is_image
from archlab.foundation import UserError

_JSON = re.compile(r"\s*(?:\{\s*[\"}]|\[\s*[\[{\]])")  # not [1].jpg,cat


def is_json(text: str) -> bool:
    """Whether a table begins as an object, or as a list of such."""
    return _JSON.match(text) is not None


def records(text: str, path: Path) -> list[tuple[str, list[str]]]:
    """The place (FILE:LINE, or FILE and the number) and the fields of each row; the first has the names of the columns.

    Of an object in an object the columns are called `label.name`. Several values of one column stay JSON. Raises UserError with
    the place.
    """
    try:
        rows = [(at, _fields(record, at)) for at, record in _records(text, path)]
    except RecursionError:
        raise UserError("is nested too deeply", where=str(path)) from None
    names = list(dict.fromkeys(name for _, row in rows for name in row))
    return [(str(path), names), *((at, [row.get(name, "") for name in names]) for at, row in rows)]


def _records(text: str, path: Path) -> Iterator[tuple[str, Any]]:
    try:
        document = json.loads(text)
    except ValueError:  # an object a line
        yield from _lines(text, path)
        return
    if isinstance(document, dict):
        if all(map(is_image, document)):
            document = [{"image": name, "label": label} for name, label in document.items()]
        else:
            lists = [value for value in document.values() if isinstance(value, list)]
            document = lists[0] if len(lists) == 1 else [document]
    yield from ((f"{path}: record {number}", record) for number, record in enumerate(document, start=1))


def _lines(text: str, path: Path) -> Iterator[tuple[str, Any]]:
    for number, line in enumerate(text.split("\n"), start=1):
        try:
            if line.strip():
                yield f"{path}:{number}", json.loads(line)
        except ValueError as error:
            raise UserError(f"is not JSON: {error}", where=f"{path}:{number}") from None


def _fields(record: Any, at: str, above: str = "") -> dict[str, str]:
    if not isinstance(record, dict):
        raise UserError(f"expected an object for each image, not {json.dumps(record):.40}", where=at)
    fields: dict[str, str] = {}
    for name, value in record.items():
        called = f"{above}{_word(name)}"
        fields |= _fields(value, at, f"{called}.") if isinstance(value, dict) else {called: _word(value)}
    return fields


def _word(value: Any) -> str:
    if isinstance(value, list) and len(value) == 1:
        return _word(value[0])
    if value is None:
        return ""
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return text.strip().encode(errors="replace").decode()  # half a character may stand in JSON, and in no file's name
