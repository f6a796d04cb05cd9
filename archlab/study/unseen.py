"""Datasets that take no part in any choice: models are trained on them beside the suite, and held against each other last."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
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


def check_apart(study: Study, kin: Mapping[str, Sequence[str]]) -> None:
    """Raises UserError where an unseen dataset and one of the suite are variants of one: its images are seen.

    `kin`: by dataset, all that it counts as, as `archlab.data.kin` gives it.
    """
    for name in study.unseen:
        for seen in study.suite.datasets:
            if shared := [each for each in kin[name] if each in kin[seen]]:
                told = f"unseen: {name} counts as {shared[0]}, and so does {seen} of the suite, which choices look at"
                raise UserError(told, where=study.where)
