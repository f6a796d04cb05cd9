"""Widths that somebody has written down and a budget takes no notice of."""

from __future__ import annotations

import logging

from archlab.study.study import Study

_log = logging.getLogger("archlab")


def tell_of_unused_widths(study: Study) -> None:
    """Warns of those in files of architectures, and of the study's own, where the budget fits widths; 1 is as good as none."""
    if study.budget.fit == "none":
        return
    for (at, name), width in {**study.widths, (study.where, study.name): study.width}.items():
        if width not in (None, 1.0):
            _log.warning(
                "warning: %sthe width %g of %s is not used, as the budget fits it: `fit: none` keeps it",
                f"{at}: " if at else "",
                width,
                name,
            )
