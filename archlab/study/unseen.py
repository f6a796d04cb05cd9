"""Datasets that take no part in any choice: models are trained on them beside the suite, and held against each other last."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from archlab.data import Suite, entry
from archlab.foundation import UserError, where
from archlab.study.study import Study


def read_unseen(given: Any, home: Path, at: str | None) -> tuple[str, ...]:
    """The datasets of a list, or of one name, each in the catalogue. Raises UserError, naming the nearest, for any other."""
    listed = given if isinstance(given, list) else [given]
    for index, name in enumerate(listed):
        line = where(given, index) or at
        if not isinstance(name, str):
            raise UserError(f"unseen is a list of datasets, not {given!r}", where=at)
        entry(name, home, line)
        if name in listed[:index]:
            raise UserError(f"{name!r} is listed twice as unseen", where=line)
    return tuple(listed)


def hide(study: Study, datasets: Sequence[str]) -> Study:
    """The study with these datasets unseen too: those of its suite are no longer in it.

    Raises UserError where nothing is left to see.
    """
    unseen = tuple(dict.fromkeys([*study.unseen, *datasets]))
    seen = tuple(name for name in study.suite.datasets if name not in unseen)
    if not seen:
        raise UserError(
            f"every dataset of the suite {study.suite.name} is unseen: nothing is left to choose by",
            where=study.where,
        )
    return dataclasses.replace(study, suite=Suite(study.suite.name, seen), unseen=unseen)
