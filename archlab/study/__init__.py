"""Studies: their language, ablation, search. Names are imported when first used, so that reading results needs no torch."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from archlab.study.ablating import ablate
    from archlab.study.ablation import Ablation
    from archlab.study.combination import Combination, apply, combinations, sample
    from archlab.study.design import Design, Designer
    from archlab.study.loading import load_study
    from archlab.study.progress import Progress
    from archlab.study.resolved import Model, ResolvedStudy
    from archlab.study.resolving import resolve
    from archlab.study.shipped import studies
    from archlab.study.space import space_size
    from archlab.study.study import Study
    from archlab.study.variables import Variable

_MODULE_OF = {
    "Ablation": "ablation",
    "Combination": "combination",
    "Design": "design",
    "Designer": "design",
    "Model": "resolved",
    "Progress": "progress",
    "ResolvedStudy": "resolved",
    "Study": "study",
    "Variable": "variables",
    "ablate": "ablating",
    "apply": "combination",
    "combinations": "combination",
    "load_study": "loading",
    "resolve": "resolving",
    "sample": "combination",
    "space_size": "space",
    "studies": "shipped",
}

__all__ = [
    "Ablation",
    "Combination",
    "Design",
    "Designer",
    "Model",
    "Progress",
    "ResolvedStudy",
    "Study",
    "Variable",
    "ablate",
    "apply",
    "combinations",
    "load_study",
    "resolve",
    "sample",
    "space_size",
    "studies",
]


def __getattr__(name: str) -> Any:
    if name not in _MODULE_OF:
        raise AttributeError(f"module 'archlab.study' has no attribute {name!r}")
    return getattr(importlib.import_module(f"archlab.study.{_MODULE_OF[name]}"), name)
