"""Which small vision architecture will still be good on data it was not designed for, and which of its parts made it so?"""

from __future__ import annotations

import importlib
from importlib.metadata import version
from typing import Any

_ROOM_OF = {
    "build_model": "archlab.architecture",
    "check_block": "archlab.budget.conformance",
    "references": "archlab.architecture",
    "fit_width": "archlab.budget",
    "measure": "archlab.budget",
    "xscore": "archlab.scoring",
}

__all__ = ["architecture", "build_model", "check_block", "fit_width", "measure", "references", "xscore"]


def __getattr__(name: str) -> Any:
    """Imports a room when one of its names is first used, so that `import archlab` stays fast."""
    if name == "__version__":
        return version("archlab")
    if name == "architecture":
        return importlib.import_module("archlab.architecture")  # a callable room
    if name in _ROOM_OF:
        return getattr(importlib.import_module(_ROOM_OF[name]), name)
    raise AttributeError(f"module 'archlab' has no attribute {name!r}")
