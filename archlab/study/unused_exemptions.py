"""Exemptions that name a model which nobody knows, and so concern nothing."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator
from contextlib import suppress
from pathlib import Path

from archlab.architecture import architecture, references
from archlab.foundation import UserError, is_file
from archlab.foundation.errors import nearest
from archlab.runs.named import untrained_teachers
from archlab.study.choices import changes_of
from archlab.study.study import Study
from archlab.training.recipe import Change, Recipe

_log = logging.getLogger("archlab")


def tell_of_unused_exemptions(study: Study) -> None:
    """Warns of each name in an exemption that is no reference's, is not in the study and teaches in none of its runs: a recipe
    may serve several studies, so it may be meant for another."""
    changes: list[Change] = [study.recipe, *([study.search.recipe] if study.search.recipe else [])]
    changes += [change for choice in study.choices for change in changes_of(choice)]
    exemptions = [
        (each.name, exemption) for each in changes if isinstance(each, Recipe) for exemption in each.exemptions
    ]
    changes += [exemption.set for _, exemption in exemptions]
    known = {*references(), *study.bases, *(each.name for each in study.compare), *_teachers(changes)}
    named = {(recipe, model): None for recipe, exemption in exemptions for model in exemption.models or ()}
    for recipe, model in named:
        if model in known:
            continue
        close = nearest(model, known)
        _log.warning(
            "warning: an exemption of the recipe %s is of %r, which is no model of the study%s",
            recipe,
            model,
            f" - did you mean {close!r}?" if close else "",
        )


def _teachers(changes: Iterable[Change]) -> Iterator[str]:
    """The names of those that are trained first, for which the exemptions of the study's recipe count too."""
    for written in {each for change in changes for each in untrained_teachers(change)}:
        if is_file(Path(written)):
            with suppress(UserError):  # settling the study says what is wrong
                yield architecture(written).name
