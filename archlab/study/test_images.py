"""The noise of a study's test images, from the class scores that its runs have kept."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING

from archlab.foundation import UserError
from archlab.foundation.metric import Metric
from archlab.runs import Run, Store
from archlab.runs.stored import DamagedRunError
from archlab.study.resolved import ResolvedStudy

if TYPE_CHECKING:
    import numpy as np

    from archlab.scoring import ImageNoise
    from archlab.scoring.image_noise import OnDataset
    from archlab.training.class_scores import ClassScores

MOST_MODELS = 500  # pairs grow with the square
NOT_IMAGES = "are about other seeds, not about other test images"


def known_image_noise(
    study: ResolvedStudy, runs: Sequence[Run], store: Store, split: str
) -> tuple[ImageNoise | None, str]:
    """Of a study's stored runs on the datasets seen, and not seen where it is known there too; and in words what is missing."""
    seen, others = ([run for run in runs if run.dataset in names] for names in (study.datasets, study.unseen))
    if not seen:
        return None, ""
    try:
        found = image_noise(seen, store, study.metric, split)
    except UserError as error:
        return None, f"intervals {NOT_IMAGES}: {error.message}"
    if not others:
        return found, ""
    try:
        return found.joined(image_noise(others, store, study.metric, split)), ""
    except UserError as error:
        return found, f"on {', '.join(study.unseen)}, intervals {NOT_IMAGES}: {error.message}"


def image_noise(runs: Iterable[Run], store: Store, metric: Metric, split: str) -> ImageNoise:
    """Of stored runs. Raises UserError where it is not known for all of them, saying why."""
    from archlab.scoring import ImageNoise

    cells: dict[str, dict[str, list[str]]] = {}
    for run in runs:
        cells.setdefault(run.dataset, {}).setdefault(run.model, []).append(run.key)
    count = max((len(of_models) for of_models in cells.values()), default=0)
    if count > MOST_MODELS:
        raise UserError(f"there are more than {MOST_MODELS} models")
    return ImageNoise({dataset: _on_dataset(of_models, store, metric, split) for dataset, of_models in cells.items()})


def _on_dataset(keys: Mapping[str, list[str]], store: Store, metric: Metric, split: str) -> OnDataset:
    import numpy as np

    from archlab.scoring.image_noise import on_dataset

    labels: np.ndarray | None = None
    read: dict[str, np.ndarray] = {}
    for key in dict.fromkeys(key for of_model in keys.values() for key in of_model):
        try:
            kept = store.class_scores(key).get(split)
        except DamagedRunError as damage:
            raise UserError(f"run {key[:12]} is damaged: {damage}") from None
        if kept is None:
            raise UserError(f"run {key[:12]} has kept no class scores")
        if labels is not None and not np.array_equal(labels, kept.labels):
            raise UserError(f"run {key[:12]} was tested on other images")
        labels = kept.labels
        read[key] = _contributions(metric, kept)
    assert labels is not None
    strata = labels if metric.own is None else np.zeros(len(read[key]), dtype=int)
    return on_dataset({model: [read[key] for key in of_model] for model, of_model in keys.items()}, strata)


def _contributions(metric: Metric, kept: ClassScores) -> np.ndarray:
    """Of each image; to a user's own metric of each group of images, which are alike in their classes."""
    from archlab.scoring.contributions import contributions, grouped_contributions
    from archlab.training.class_scores import ClassScores
    from archlab.training.metrics import measured

    if metric.own is None:
        return contributions(metric.name, kept.scores, kept.labels)

    def measure(scores: np.ndarray, labels: np.ndarray) -> float:
        value = measured(metric, ClassScores(scores, labels))
        assert value is not None, "a user's own metric gives a number or fails"
        return value

    return grouped_contributions(measure, kept.scores, kept.labels)
