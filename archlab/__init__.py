"""Which small vision architecture will still be good on data it was not designed for, and which of its parts made it so?"""

from __future__ import annotations

import importlib
from importlib.metadata import version
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:  # for editors and type checkers
    from archlab.api import (
        Progress,
        Settings,
        ablate,
        build_model,
        check_block,
        fit_width,
        load,
        measure,
        pick,
        references,
        search,
        xscore,
    )
    from archlab.cli.picking import ShownPick
    from archlab.cli.progress import ShownProgress

__all__ = [
    "Progress",
    "Settings",
    "ShownPick",
    "ShownProgress",
    "ablate",
    "architecture",
    "build_model",
    "check_block",
    "fit_width",
    "load",
    "measure",
    "pick",
    "references",
    "search",
    "xscore",
]
CALLABLE_ROOMS = ("architecture", "pick")
SHOWN = {"ShownPick": "archlab.cli.picking", "ShownProgress": "archlab.cli.progress"}


def __getattr__(name: str) -> Any:
    """Imports a name's module when it is first used, so that `import archlab` stays fast."""
    if name == "__version__":
        return version("archlab")
    if name in CALLABLE_ROOMS:
        return importlib.import_module(f"archlab.{name}")
    if name in __all__:
        return getattr(importlib.import_module(SHOWN.get(name, "archlab.api")), name)
    raise AttributeError(f"module 'archlab' has no attribute {name!r}")


def __dir__() -> list[str]:
    """With what is imported when it is first used, for notebooks to complete."""
    return sorted({*globals(), *__all__})
