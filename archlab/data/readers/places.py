"""Finding a layout below the folder that a user names."""

from __future__ import annotations

from pathlib import Path

from archlab.foundation import UserError

DEEPEST = 3


def locate(root: Path | None, *needed: str) -> Path:
    """The folder at or below `root` that holds every path of `needed`.

    Raises UserError that lists them where there is none: people unpack archives one folder deeper or higher.
    """
    assert root is not None, "the caller has a source"
    level = [root]
    for _ in range(DEEPEST):
        for folder in level:
            if all((folder / path).exists() for path in needed):
                return folder
        level = sorted(below for folder in level for below in folder.iterdir() if below.is_dir())[:1000]
    raise UserError(f"no folder here holds {' and '.join(needed)}", where=str(root))
