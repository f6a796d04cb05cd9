"""Scores of the user's own that a study names, checked before anything runs."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from archlab.foundation import where
from archlab.study.study import Study


def read_own_scores(given: Any, folder: Path, at: str | None) -> tuple[str, ...]:
    """Each `FILE.py:NAME` of a list, or of one, with the file in full. Raises UserError where there is no such function."""
    listed = given if isinstance(given, list) else [given]
    if not listed:
        return ()
    from archlab.scoring import own_score

    lines = [where(given, index) or at for index in range(len(listed))]
    found = [own_score(str(each), folder=folder, at=line) for each, line in zip(listed, lines, strict=True)]
    return tuple(score.reference for score in found)


def check_own_scores(study: Study) -> None:
    """Raises UserError where one is called as another column of the study's table is."""
    if study.own_scores:
        from archlab.scoring.own import check_names

        check_names(study.own_scores, study.suite.datasets)
