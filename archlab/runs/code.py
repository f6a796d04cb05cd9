"""The digest of the code that decides a run's result. Reads sources; imports none of them."""

from __future__ import annotations

import importlib.util
from collections.abc import Iterable
from functools import cache
from hashlib import sha256
from pathlib import Path

DECIDING = ("architecture", "training", "data/batches.py", "data/augment.py", "data/transforms.py")
"""Within the package `archlab`; beside it, all of `blocks`. What else matters to a result is in the run itself."""


def code_digest(own_files: Iterable[str | Path] = ()) -> str:
    """The digest of archlab's deciding sources, followed by `+` and that of files of own blocks where there are any."""
    own = {sha256(Path(path).read_bytes()).hexdigest() for path in own_files}
    if not own:
        return _shipped()
    return f"{_shipped()}+{sha256(' '.join(sorted(own)).encode()).hexdigest()[:16]}"


@cache
def _shipped() -> str:
    package = Path(__file__).parents[1]
    places = [package / place for place in DECIDING] + [_folder_of("blocks")]
    sources = {}
    for place in places:
        for path in sorted(place.rglob("*.py")) if place.is_dir() else [place]:
            if path.exists():
                sources[path.relative_to(place.parent).as_posix()] = path.read_bytes().replace(b"\r\n", b"\n")
    whole = sha256()
    for name, text in sorted(sources.items()):
        whole.update(f"{name} {len(text)}\n".encode() + text)
    return whole.hexdigest()[:32]


def _folder_of(package: str) -> Path:
    spec = importlib.util.find_spec(package)
    assert spec is not None and spec.submodule_search_locations
    return Path(next(iter(spec.submodule_search_locations)))
