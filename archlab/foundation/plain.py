"""Values of a program as a YAML document would give them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from archlab.foundation.documents import Mapping, Sequence


def plain(value: Any) -> Any:
    """Numbers of NumPy as Python's, arrays, tuples and ranges as lists, paths as words, also inside of mappings and lists.

    What was read from YAML keeps its lines.
    """
    if isinstance(value, (Mapping, Sequence)):
        return value
    if isinstance(value, dict):
        return {plain(key): plain(each) for key, each in value.items()}
    if isinstance(value, (list, tuple, range)):
        return [plain(each) for each in value]
    if isinstance(value, Path):
        return str(value)
    return value.tolist() if hasattr(value, "tolist") else value
