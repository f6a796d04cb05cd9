"""What a worker calls to compute a run: open the prepared data, train. Imports torch, so the fork server does it once."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import scipy.stats  # noqa: F401  # as metrics import it and scikit-learn: better once here than in every run
import sklearn.metrics  # noqa: F401
import torch._dynamo  # as optimisers import the compiler
import torch._inductor  # noqa: F401

from archlab.architecture import from_canonical
from archlab.architecture.own_blocks import own_blocks_of
from archlab.data import Prepared
from archlab.executors.worker import Reporter
from archlab.foundation import UserError
from archlab.runs.carried import carried_by
from archlab.runs.code import code_digest, sources
from archlab.runs.foundations import foundations_of
from archlab.runs.making import open_data
from archlab.runs.run import Run
from archlab.training.loop import Trained, train
from archlab.training.metrics import metrics_of
from archlab.training.mode import settle_device
from archlab.training.reading import load_recipe

sources()  # as they are imported here, not as they may become


@dataclass(frozen=True)
class TrainedRun(Trained):
    """What a run gives, its metrics by split and name, and what it carries to be used elsewhere."""

    metrics: dict[str, dict[str, float]]
    carried: dict[str, Any]


def train_run(
    run: Run,
    *,
    home: Path,
    folder: Path,
    report: Reporter,
    device: str = "auto",
    deterministic: bool = False,
    class_scores: bool = True,
) -> TrainedRun:
    """Trains a run, continuing from the checkpoint in `folder` where there is one.

    Without `class_scores` its metrics alone are kept of what it says of images.

    Raises UserError where the data, the code, or what the recipe stands on, are no longer those of the run's key.
    """
    prepared = open_data(run, home)
    if not isinstance(prepared, Prepared) or prepared.digest != run.dataset_digest:
        raise UserError(f"dataset {run.dataset} has changed since the study began: start it again")
    _check_code(run)
    architecture = from_canonical(run.architecture, run.model)
    carried = carried_by(run, prepared, own_blocks_of(architecture))
    _check_code(run)  # of the texts that were just read
    recipe, foundations = load_recipe(run.recipe), foundations_of(run, home)
    trained = train(
        architecture,
        prepared,
        recipe,
        run.seed,
        width=run.width,
        smallest_map=run.smallest_map,
        device=settle_device(device),
        deterministic=deterministic,
        teacher=foundations.teacher,
        given=foundations.given,
        checkpoint=folder / "checkpoint.safetensors",
        on_epoch=lambda row: report(**row),
    )
    metrics = metrics_of(trained.class_scores, recipe.metrics)
    kept = trained.class_scores if class_scores else {}
    return TrainedRun(**{**vars(trained), "class_scores": kept}, metrics=metrics, carried=carried)


def _check_code(run: Run) -> None:
    if code_digest(run.architecture, run.own_files) != run.code:
        raise UserError("archlab's code or the study's own blocks have changed since the study began: start it again")
