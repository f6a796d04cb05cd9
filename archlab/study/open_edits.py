"""Applying an edit in which values are open."""

from __future__ import annotations

import contextlib
from typing import Any

from archlab.architecture import Architecture, apply_edit
from archlab.foundation import with_lines_of
from archlab.study.training_edits import settled_change
from archlab.study.variables import AsItStandsError, Ask, settle


def apply_open_edit(architecture: Architecture, edit: dict, ask: Ask) -> Architecture:
    """The architecture after an edit whose variables are asked for; values of a `set` that are left out change nothing.

    An edit of the training asks, and leaves it as it is.
    """
    if "recipe" in edit:
        settled_change(edit["recipe"], ask)
        return architecture

    def settled(part: Any, group: str | None) -> Any:
        if "set" not in edit or part is not edit["set"]:
            return settle(part, ask, group)
        kept = {}
        for name, value in part.items():
            with contextlib.suppress(AsItStandsError):
                kept[name] = settle(value, ask, group)
        return with_lines_of(part, kept)

    return apply_edit(architecture, edit, settled)
