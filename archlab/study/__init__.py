"""Studies: their language, ablation, search. What reads a result again needs no torch, so names are imported when first used."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from archlab.study.combination import Combination, apply, combinations, sample
    from archlab.study.loading import load_study, studies
    from archlab.study.model import Model, models
    from archlab.study.space import space_size
    from archlab.study.study import Study
    from archlab.study.variables import Variable

_MODULE_OF = {
    "Combination": "combination",
    "Model": "model",
    "Study": "study",
    "Variable": "variables",
    "apply": "combination",
    "combinations": "combination",
    "load_study": "loading",
    "models": "model",
    "sample": "combination",
    "space_size": "space",
    "studies": "loading",
}

__all__ = [
    "Combination",
    "Model",
    "Study",
    "Variable",
    "apply",
    "combinations",
    "load_study",
    "models",
    "sample",
    "space_size",
    "studies",
]


def __getattr__(name: str) -> Any:
    if name not in _MODULE_OF:
        raise AttributeError(f"module 'archlab.study' has no attribute {name!r}")
    return getattr(importlib.import_module(f"archlab.study.{_MODULE_OF[name]}"), name)
