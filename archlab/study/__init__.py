"""Studies: their language, ablation, search. Names are imported when first used, so that reading results needs no torch."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from archlab.study.combination import Combination, apply, combinations, sample
    from archlab.study.loading import load_study
    from archlab.study.model import Model, largest, models
    from archlab.study.resolved import ResolvedStudy, resolve, studies
    from archlab.study.space import space_size
    from archlab.study.study import Study
    from archlab.study.variables import Variable

_MODULE_OF = {
    "Combination": "combination",
    "Model": "model",
    "ResolvedStudy": "resolved",
    "Study": "study",
    "Variable": "variables",
    "apply": "combination",
    "combinations": "combination",
    "largest": "model",
    "load_study": "loading",
    "models": "model",
    "sample": "combination",
    "space_size": "space",
    "resolve": "resolved",
    "studies": "resolved",
}

__all__ = [
    "Combination",
    "Model",
    "ResolvedStudy",
    "Study",
    "Variable",
    "apply",
    "combinations",
    "largest",
    "load_study",
    "models",
    "resolve",
    "sample",
    "space_size",
    "studies",
]


def __getattr__(name: str) -> Any:
    if name not in _MODULE_OF:
        raise AttributeError(f"module 'archlab.study' has no attribute {name!r}")
    return getattr(importlib.import_module(f"archlab.study.{_MODULE_OF[name]}"), name)
