"""Making runs: the one place where everything that decides a result is put together."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from archlab.data import Expected, Prepared, entry, is_prepared, open_prepared
from archlab.runs.code import code_digest
from archlab.runs.run import Run


def run_of(
    model: str,
    architecture: dict[str, Any],
    width: float,
    data: Prepared | Expected,
    recipe: dict[str, Any],
    seed: int,
    *,
    smallest_map: int | None,
    own_files: tuple[str, ...] = (),
) -> Run:
    """The run of a model on a prepared dataset, or on one that is expected: such a run can be planned, not computed.

    Args:
        model: Its name, for people.
        architecture, recipe: Canonical forms; the recipe settled for this model and dataset.
        own_files: The users' files that either of them names.
    """
    return Run(
        architecture=architecture,
        width=width,
        num_classes=data.num_classes,
        dataset=data.name,
        dataset_digest=data.digest,
        resolution=recipe.get("pixels") or data.resolution,
        smallest_map=smallest_map,
        recipe=recipe,
        seed=seed,
        code=code_digest(architecture, own_files),
        model=model,
        own_files=own_files,
    )


def open_data(run: Run, home: Path) -> Prepared | Expected:
    """The data of a run. Sample datasets are prepared where they are not yet; raises UserError for any other."""
    if not is_prepared(run.dataset_digest):
        return Expected(entry(run.dataset, home), run.stored)
    return open_prepared(run.dataset, home, run.stored, run.fit)
