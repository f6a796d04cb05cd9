"""Recipes, and training one model on one dataset by them. Recipes are read without torch."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from archlab.training.recipe import Exemption, Recipe, load_recipe, own_files_of, recipes

if TYPE_CHECKING:
    from archlab.training.evaluation import evaluate
    from archlab.training.loop import DivergenceError, Trained, train

_MODULE_OF = {
    "DivergenceError": "loop",
    "Trained": "loop",
    "evaluate": "evaluation",
    "train": "loop",
}

__all__ = [
    "DivergenceError",
    "Exemption",
    "Recipe",
    "Trained",
    "evaluate",
    "load_recipe",
    "own_files_of",
    "recipes",
    "train",
]


def __getattr__(name: str) -> Any:
    """Imports torch with the first name that needs it."""
    if name not in _MODULE_OF:
        raise AttributeError(f"module 'archlab.training' has no attribute {name!r}")
    return getattr(importlib.import_module(f"archlab.training.{_MODULE_OF[name]}"), name)
