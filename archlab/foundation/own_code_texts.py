"""Files of own code that come as texts, in a run or in an architecture: kept in a folder of this process to be loaded."""

from __future__ import annotations

import tempfile
from collections.abc import Iterable
from functools import cache
from hashlib import sha256
from pathlib import Path


def texts_of(files: Iterable[str]) -> dict[str, str]:
    """The texts of files by their names; of two with one name, the second has a number before it."""
    texts: dict[str, str] = {}
    for path in map(Path, files):
        name = path.name if path.name not in texts else f"{len(texts)}_{path.name}"
        texts[name] = path.read_bytes().decode(errors="surrogateescape")
    return texts


def file_of(name: str, text: str) -> Path:
    """The path of a file called `name` with this text, for as long as this process lives."""
    content = text.encode(errors="surrogateescape")
    path = Path(_folder().name) / sha256(content).hexdigest() / Path(name).name
    if not path.exists():
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(content)
    return path


@cache
def _folder() -> tempfile.TemporaryDirectory:
    """For this user alone; removed at exit."""
    return tempfile.TemporaryDirectory(prefix="archlab-own-code-")
