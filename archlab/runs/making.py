"""Making runs: the one place where everything that decides a result is put together."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from archlab.runs.code import code_digest
from archlab.runs.run import Run

if TYPE_CHECKING:
    from archlab.data import Prepared


def run_of(
    model: str,
    architecture: dict[str, Any],
    width: float,
    data: Prepared,
    recipe: dict[str, Any],
    seed: int,
    *,
    smallest_map: int | None,
    own_files: tuple[str, ...] = (),
) -> Run:
    """The run of a model on a prepared dataset.

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
        resolution=data.resolution,
        smallest_map=smallest_map,
        recipe=recipe,
        seed=seed,
        code=code_digest(architecture, own_files),
        model=model,
        own_files=own_files,
    )
