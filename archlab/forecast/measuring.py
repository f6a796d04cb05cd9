"""A run's model tried in a worker: whether it trains at all, how fast it trains, how fast it is in use."""

from __future__ import annotations

import dataclasses
import math
import os
import tempfile
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

import archlab.executors.training  # noqa: F401  # a server that measures trains next, and has all that runs import
from archlab.architecture import build_model, from_canonical
from archlab.budget import UncountableError, count, measure
from archlab.budget.own_blocks import ClosedFormError
from archlab.data import is_prepared
from archlab.executors.worker import Reporter
from archlab.foundation import UserError
from archlab.runs.foundations import foundations_of
from archlab.runs.making import open_data
from archlab.runs.run import Run
from archlab.training.class_scores import ClassScores
from archlab.training.evaluation import evaluated_splits, evaluation_batch_size
from archlab.training.graph import WARM_UP
from archlab.training.loop import Trained, train
from archlab.training.metrics import metrics_of
from archlab.training.mode import peak_memory, settle_device
from archlab.training.reading import load_recipe
from archlab.training.recipe import Recipe

STEPS, MOST_STEPS, EPOCHS = 6, 24, 2  # an epoch: more than the fewest where images are small and a step takes no time
ROUGHLY = 2, 2**16, 4  # steps, pixels of a batch and evaluated images, where the data are not there yet
STEPS_AN_EPOCH = 50  # where throughput is measured
MOST_PIXELS = 2**18  # of a measured batch; cost is proportional above


class Few:
    """A prepared dataset cut down to so many images a split; everything else as it is."""

    def __init__(self, prepared: Any, train: int, others: int):
        self._prepared, self._most = prepared, {"train": train, "validation": others, "test": others}

    def __getattr__(self, name: str) -> Any:
        return getattr(self._prepared, name)

    def images(self, split: str) -> Any:
        return self._cut(self._prepared.images(split), split)

    def shapes(self, split: str) -> Any:
        shapes = self._prepared.shapes(split)
        return None if shapes is None else self._cut(shapes, split)

    def labels(self, split: str) -> Any:
        return self._cut(self._prepared.labels(split), split)

    def _cut(self, values: Any, split: str) -> Any:
        return values[: self._most[split]]


def try_run(run: Run, *, home: Path, device: str = "auto", deterministic: bool = False, **_: Any) -> dict[str, Any]:
    """Two steps of a run, on a GPU as many as until one is a graph, evaluation and metrics of one's own: fails where the run
    would."""
    steps = WARM_UP + 1 if settle_device(device).type == "cuda" else 2
    recipe = dataclasses.replace(load_recipe(run.recipe), epochs=None, steps=steps)
    data = _few(run, home, steps * recipe.batch_size)
    _train(run, data, recipe, device, home=home, deterministic=deterministic)
    if recipe.metrics:
        _try_metrics(recipe, open_data(run, home))
    return {}


def count_run(run: Run, **_: Any) -> dict[str, Any]:
    """`problem`: how fvcore counts the run's model otherwise than the closed form, or why it cannot; None where they agree."""
    architecture = from_canonical(run.architecture, run.model)
    model = build_model(architecture, run.input, run.width)
    try:
        closed, counted = count(architecture, run.input, run.width), measure(model, run.resolution)
    except UserError as error:
        if isinstance(error, UncountableError) or isinstance(error.__cause__, (UncountableError, ClosedFormError)):
            return {"problem": error.message}
        raise
    return {"problem": None if closed == counted else f"the closed form gives {closed}, fvcore {counted}"}


def measure_run(
    run: Run, *, home: Path, folder: Path, report: Reporter, device: str = "auto", **_: Any
) -> dict[str, Any]:
    """The fields of `archlab.forecast.costs.Speed`, for the run's model, batch size and augmentation on this machine.

    Of whole images, which are the most that a step of a recipe with `progressive` costs.
    """
    run = _from_scratch(run)
    memory_before, recipe, prepared = peak_memory(settle_device("cpu")), load_recipe(run.recipe), open_data(run, home)
    on_gpu = settle_device(device).type == "cuda"
    portion = _portion_of_a_gpu(recipe, prepared, run.resolution) if on_gpu else _portion(recipe, run)
    data = Few(prepared, portion.steps * portion.batch_size, portion.evaluated)
    lasting = dataclasses.replace(
        recipe, batch_size=portion.batch_size, epochs=portion.epochs, steps=None, progressive=0.0
    )
    trained = _train(run, data, lasting, device, home=home)
    before, last = trained.history[-2:]
    images = {split: len(data.labels(split)) for split in evaluated_splits(recipe)}
    image = (trained.seconds - last["seconds"]) / sum(images.values())
    epoch = last["seconds"] - before["seconds"]
    larger = recipe.batch_size / portion.batch_size
    return {
        "setup": max(before["seconds"] - (portion.epochs - 1) * epoch, 0.0),
        "step": max(epoch - images.get("validation", 0) * image, epoch / 2) / trained.history[0]["steps"] * larger,
        "image": image,
        "checkpoint": _seconds_to_write(home, 3 * sum(weight.nbytes for weight in trained.weights.values())),
        "memory": round(memory_before + (trained.peak_memory - memory_before) * larger),
    }


@dataclass(frozen=True)
class _Portion:
    """What is measured: batches of an epoch and their size, epochs, of which the last counts, and evaluated images a split."""

    steps: int
    batch_size: int
    epochs: int
    evaluated: int


def _portion(recipe: Recipe, run: Run) -> _Portion:
    least, pixels, evaluated = STEPS, MOST_PIXELS, evaluation_batch_size(run.resolution)
    if not is_prepared(run.dataset_digest):
        least, pixels, evaluated = ROUGHLY
    batch_size = max(min(recipe.batch_size, pixels // run.resolution**2), min(recipe.batch_size, 2))
    steps = min(max(least * pixels // (4 * batch_size * run.resolution**2), least), MOST_STEPS)
    return _Portion(steps, batch_size, EPOCHS, evaluated)


def _portion_of_a_gpu(recipe: Recipe, prepared: Any, resolution: int) -> _Portion:
    """Whole batches, since less does not keep it busy; evaluated ones of one size, since the first of each takes long; and the
    last epoch begins when the step is a graph."""
    splits = {split: sum(prepared.counts(split)) for split in ("train", *evaluated_splits(recipe))}
    batches = min(recipe.batches(splits.pop("train")), MOST_STEPS)
    evaluated = min(evaluation_batch_size(resolution), *splits.values())
    return _Portion(MOST_STEPS, recipe.batch_size, 1 + math.ceil((WARM_UP + 1) / batches), evaluated)


class _MeasuredError(Exception):
    """Ends a training that has been measured long enough."""


def throughput(
    run: Run,
    *,
    home: Path,
    folder: Path,
    report: Reporter,
    begin: float,
    end: float,
    device: str = "auto",
    **_: Any,
) -> dict[str, Any]:
    """Images a second that the run trains between two times of day (`time.time()`), beside whatever else runs then."""
    run = _from_scratch(run)
    recipe, epochs = load_recipe(run.recipe), []

    def note(row: dict[str, Any]) -> None:
        if time.time() >= begin:
            epochs.append((time.time(), row["steps"]))
        if time.time() >= end and len(epochs) > 1:
            raise _MeasuredError

    endless = dataclasses.replace(recipe, epochs=10**6, steps=None, progressive=0.0)
    with suppress(_MeasuredError):
        _train(run, _few(run, home, STEPS_AN_EPOCH * recipe.batch_size), endless, device, note, home=home)
    (first, before), (last, after) = epochs[0], epochs[-1]
    return {"rate": (after - before) * recipe.batch_size / (last - first)}


def _from_scratch(run: Run) -> Run:
    """The run without the weights that it starts from: no step costs more for them, and they may not be trained yet."""
    return dataclasses.replace(run, recipe={**run.recipe, "init": None})


def _try_metrics(recipe: Recipe, data: Any) -> None:
    """On class scores by chance of all images: a few may lack classes that a metric of one's own needs."""
    chance = np.random.default_rng(0)
    labels = {split: data.labels(split) for split in evaluated_splits(recipe)}
    scores = {split: chance.random((len(right), data.num_classes)) for split, right in labels.items()}
    metrics_of({split: ClassScores.of(scores[split], right) for split, right in labels.items()}, recipe.metrics)


def _few(run: Run, home: Path, train: int) -> Few:
    return Few(open_data(run, home), train, evaluation_batch_size(run.resolution))


def _train(
    run: Run,
    data: Few,
    recipe: Recipe,
    device: str,
    on_epoch: Callable[[dict[str, Any]], None] | None = None,
    *,
    home: Path,
    deterministic: bool = False,
) -> Trained:
    foundations = foundations_of(run, home)
    return train(
        from_canonical(run.architecture, run.model),
        data,
        recipe,
        run.seed,
        width=run.width,
        smallest_map=run.smallest_map,
        device=settle_device(device),
        deterministic=deterministic,
        teacher=foundations.teacher,
        given=foundations.given,
        on_epoch=on_epoch,
    )


def _seconds_to_write(home: Path, size: int) -> float:
    """Of a file as large as a checkpoint: weights and two moments each."""
    began = time.perf_counter()
    with tempfile.TemporaryFile(dir=home) as file:
        file.write(os.urandom(size))
        file.flush()
        os.fsync(file.fileno())
    return time.perf_counter() - began
