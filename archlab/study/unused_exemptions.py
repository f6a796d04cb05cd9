"""Exemptions that name a model which nobody knows, and so concern nothing."""

from __future__ import annotations

import logging
from collections.abc import Iterator

from archlab.architecture import references
from archlab.foundation.errors import nearest
from archlab.study.choices import changes_of
from archlab.study.study import Study
from archlab.training.recipe import Recipe

_log = logging.getLogger("archlab")


def tell_of_unused_exemptions(study: Study) -> None:
    """Warns of each name in an exemption that is no reference's and is not in the study: a recipe may serve several studies,
    so it may be meant for another."""
    known = {*references(), *study.bases, *(each.name for each in study.compare)}
    named = {(recipe.name, model): None for recipe in _recipes(study) for model in _named(recipe) if model not in known}
    for recipe, model in named:
        close = nearest(model, known)
        _log.warning(
            "warning: an exemption of the recipe %s is of %r, which is no model of the study%s",
            recipe,
            model,
            f" - did you mean {close!r}?" if close else "",
        )


def _recipes(study: Study) -> Iterator[Recipe]:
    yield study.recipe
    if study.search.recipe:
        yield study.search.recipe
    for choice in study.choices:
        yield from (change for change in changes_of(choice) if isinstance(change, Recipe))


def _named(recipe: Recipe) -> Iterator[str]:
    for exemption in recipe.exemptions:
        yield from exemption.models or ()
