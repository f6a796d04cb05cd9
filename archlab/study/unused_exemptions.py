"""Exemptions that name a model nearly as it is called, and so concern nothing."""

from __future__ import annotations

import logging

from archlab.architecture import references
from archlab.foundation.errors import nearest
from archlab.study.choices import changes_of
from archlab.study.study import Study
from archlab.training.recipe import Recipe

_log = logging.getLogger("archlab")


def tell_of_unused_exemptions(study: Study) -> None:
    """Warns of each name in an exemption that is nearly that of a reference or of a model of the study. Another is meant for a
    teacher, or for another study with the same recipe."""
    changes = [change for choice in study.choices for change in changes_of(choice)]
    recipes = [each for each in (study.recipe, study.search.recipe, *changes) if isinstance(each, Recipe)]
    named = {
        (recipe.name, model): None
        for recipe in recipes
        for exemption in recipe.exemptions
        for model in exemption.models or ()
    }
    known = {*references(), *study.bases, *(each.name for each in study.compare)}
    for recipe, model in named:
        if model not in known and (close := nearest(model, known)):
            _log.warning(
                "warning: an exemption of the recipe %s is of %r, which is no model of the study - did you mean %r?",
                recipe,
                model,
                close,
            )
