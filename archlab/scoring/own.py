"""Scores of users' own that stand beside the xScore: functions of the normalised accuracies, named `FILE.py:NAME`."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from inspect import signature
from pathlib import Path

import pandas as pd

from archlab.foundation import UserError
from archlab.foundation.own_code import OwnCode, own_code
from archlab.scoring.scores import COLUMNS, Scores

TAKEN = {"model", "role", "kind", "width", "params", "macs", "peak_memory", "seconds", "latency", "accuracy"}
TAKEN |= {"params_deployed", "macs_deployed", "difference", "worst", "at_chance", "reason", *COLUMNS}
"""Columns of scores, and what stands beside them somewhere."""


@dataclass(frozen=True)
class OwnScore:
    """A score of a user's own.

    Args:
        name: Of the function, and of its column.
        reference: `FILE.py:NAME`, the file in full.
        function: Takes the normalised accuracies, models x datasets: seed means, 0 and 1 being the worst and the best of
            the frame, nothing clipped, complete models only. Gives a Series with a number for each of these models.
    """

    name: str
    reference: str
    function: OwnCode

    def __call__(self, normalised: pd.DataFrame) -> pd.Series:
        """Its values by model. Raises UserError where the function fails or gives anything else."""
        found = self.function(normalised.copy())
        expected = f"must give a Series with a number for each of the {len(normalised)} models"
        if not isinstance(found, pd.Series):
            raise UserError(f"{expected}, not a {type(found).__name__}", where=self.reference)
        if sorted(map(str, found.index)) != sorted(map(str, normalised.index)):
            listed = ", ".join(map(str, found.index[:3]))
            raise UserError(f"{expected}, not {len(found)} values for {listed}, ...", where=self.reference)
        if not pd.api.types.is_numeric_dtype(found):
            raise UserError(f"{expected}, not values like {found.iloc[0]!r}", where=self.reference)
        return found.astype(float)


def own_score(reference: str, *, folder: Path | None = None, at: str | None = None) -> OwnScore:
    """The score that `FILE.py:NAME` names; raises UserError where there is no such file, or function of one table."""
    code = own_code(reference, folder=folder, at=at)
    name = reference.rpartition(":")[2]
    try:
        signature(code.value).bind(None)
    except ValueError:  # a function in C says nothing of itself
        pass
    except TypeError:
        raise UserError(f"{reference} must take one table, the normalised accuracies", where=at) from None
    return OwnScore(name, f"{code.file}:{name}", code)


def check_names(references: Iterable[str], datasets: Iterable[str]) -> None:
    """Raises UserError where a score of `FILE.py:NAME` is called as another column of the table is."""
    taken = {*TAKEN, *datasets}
    for reference in references:
        name = reference.rpartition(":")[2]
        if name in taken:
            raise UserError("another column of the table has this name: call the function otherwise", where=reference)
        taken.add(name)


def with_own_scores(scores: Scores, means: pd.DataFrame, own: Sequence[OwnScore]) -> Scores:
    """The scores with a column more for each of `own`, NaN for models without an xScore.

    Args:
        means: Models x datasets: the seed means that were scored.
    """
    check_names([score.reference for score in own], map(str, means))
    models = scores.models.copy()
    for score in own:
        models[score.name] = float("nan")
        if scores.frame is not None:
            models[score.name] = score(scores.frame.normalised(means.loc[models.index[models["reason"] == ""]]))
    return replace(scores, models=models, own=tuple(score.name for score in own))
