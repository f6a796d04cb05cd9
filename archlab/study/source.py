"""What a study is loaded from: a name, a file or a mapping, and other values for a few of its keys. Knows nothing of torch."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

from archlab.foundation import UserError
from archlab.foundation.plain import plain


@dataclass(frozen=True)
class Overridden:
    """A study, and what counts in the place of what it says; None changes nothing.

    Relative paths start in the working directory, not beside the study.
    """

    study: str | Path | dict
    suite: str | Path | None = None
    datasets: tuple[str, ...] | None = None
    recipe: str | Path | dict | None = None
    seeds: int | tuple[int, ...] | dict | None = None
    matters: str | dict | None = None
    frame: str | None = None

    def __post_init__(self) -> None:
        if self.suite is not None and self.datasets is not None:
            raise UserError("override suite or datasets, not both: datasets are a suite of their own")


StudySource: TypeAlias = str | Path | dict | Overridden
"""A shipped study's name, a YAML file, a mapping of the same keys, or one of these with other values for some."""


def override(
    study: str | Path | dict,
    *,
    suite: str | Path | None = None,
    datasets: str | Sequence[str] | None = None,
    recipe: str | Path | dict | None = None,
    seeds: int | Sequence[int] | dict | None = None,
    matters: str | dict | None = None,
    frame: str | None = None,
) -> StudySource:
    """The study with these values; the study itself where none is given. `datasets` may be the name of one.

    What a program gives is taken as YAML would give it: numbers of NumPy, tuples, paths.
    """
    if isinstance(datasets, str):
        datasets = [datasets]
    study, counted = plain(study), plain(seeds)
    found = Overridden(
        study,
        suite,
        None if datasets is None else tuple(plain(list(datasets))),
        plain(recipe),
        tuple(counted) if isinstance(counted, list) else counted,
        plain(matters),
        frame,
    )
    return study if found == Overridden(study) else found


def parts(source: StudySource) -> tuple[str | Path | dict, Overridden | None]:
    """The study that is meant, and what is overridden in it."""
    return (source.study, source) if isinstance(source, Overridden) else (source, None)
