"""What a run costs: how much work it is, and how fast this machine does such work."""

from __future__ import annotations

import statistics
from collections import defaultdict
from dataclasses import asdict, dataclass, replace
from importlib.metadata import version
from pathlib import Path
from typing import Any

from archlab.data import Expected, Prepared
from archlab.executors.settings import Settings
from archlab.forecast.kept import keep_measurement, kept_below, read_measurement
from archlab.foundation import UserError
from archlab.foundation.machine import cpu_name, gpu_names
from archlab.runs.index import list_runs
from archlab.runs.making import open_data
from archlab.runs.run import Run, digest
from archlab.runs.store import Store
from archlab.training.pace import SHARE
from archlab.training.reading import load_recipe

TRAINING_IMAGE = 3.0  # a training image in evaluated images: forwards, and backwards twice as much
MOST_EXAMPLES = 10  # finished runs of other datasets that a prediction looks at
MACHINE = "machine"  # the file that names a machine's hardware beside its speeds
_opened: dict[tuple[Any, ...], Prepared | Expected] = {}


@dataclass(frozen=True)
class Work:
    """A run in numbers: optimiser steps of `batch_size` images, epochs, images of the validation and test splits."""

    steps: int
    batch_size: int
    epochs: int
    validation: int
    test: int

    @property
    def images(self) -> float:
        """All of it in evaluated images; validation is read every epoch and once more at the end."""
        return TRAINING_IMAGE * self.steps * self.batch_size + (self.epochs + 1) * self.validation + self.test


@dataclass(frozen=True)
class Speed:
    """Measured on this machine, in seconds: building, a step, an evaluated image, a checkpoint; and bytes of memory."""

    setup: float
    step: float
    image: float
    checkpoint: float
    memory: int

    def seconds(self, work: Work) -> float:
        evaluated = (work.epochs + 1) * work.validation + work.test
        computed = self.setup + work.steps * self.step + evaluated * self.image
        return computed + min(work.epochs * self.checkpoint, self.checkpoint + SHARE * computed)

    def scaled(self, step: float, image: float) -> Speed:
        """Of a model with so many times the work a step and an image; memory is not known then."""
        return replace(self, step=self.step * step, image=self.image * image, memory=0)


@dataclass(frozen=True)
class Prediction:
    """Seconds and bytes of a run, and where they come from.

    Sources: "finished" (other seeds of the run), "scaled" (the model on other datasets, by their work), "measured",
    "measured, scaled" (the model on another dataset, by its multiply-accumulates).
    """

    seconds: float
    memory: int | None
    source: str


def work_of(run: Run, home: Path) -> Work:
    """Raises UserError where the dataset is not prepared, or nothing is known of how many images it will have."""
    recipe, data = load_recipe(run.recipe), _data(run, home)
    train, validation = (_images(data, split) for split in ("train", "validation"))
    test = _images(data, "test") if recipe.test else 0
    if recipe.with_validation:
        train, validation = train + validation, 0
    epochs, steps = recipe.length(recipe.batches(train))
    return Work(steps, recipe.batch_size, epochs, validation, test)


def model_of(run: Run) -> tuple[Any, ...]:
    """What decides a step's cost beside the recipe: runs that share it are one model on inputs of one size."""
    return digest(run.architecture), run.width, run.resolution, run.smallest_map


def kind_of(run: Run) -> str:
    """Runs of one kind cost the same per step on one machine: one model, batch size, optimiser and augmentation."""
    decisive = {name: run.recipe.get(name) for name in ("batch_size", "optimizer", "augment")}
    later = ("stored", "fit", "precision", "clip", "ema", "distill")
    decisive |= {name: run.recipe[name] for name in later if name in run.recipe}
    return digest([*model_of(run), decisive, version("torch"), run.code])[:32]


def hardware() -> tuple[str, ...]:
    """This machine's processor, and its GPUs where runs can use them."""
    return cpu_name(), *(gpu_names() if Settings().gpus_here else ())


def computing(machine: tuple[str, ...]) -> tuple[str, ...]:
    """What of the hardware of a machine computes runs: its GPUs where it has any, else its processor."""
    return machine[1:] or machine


def macs_of(run: Run) -> int:
    """Multiply-accumulates of an image."""
    from archlab.architecture import from_canonical
    from archlab.budget import count

    return count(from_canonical(run.architecture, run.model), run.input, run.width).macs


class Finished:
    """Predictions from the finished runs of a kind of machine: this one, unless another is named."""

    def __init__(self, store: Store, machine: tuple[str, ...] | None = None):
        self.store, self.machine = store, machine or hardware()
        self.rows: dict[tuple[Any, ...], list[dict[str, Any]]] = defaultdict(list)
        names = ["key", "architecture", "width", "resolution", "smallest_map"]
        names += ["dataset_digest", "recipe", "seconds", "peak_memory", "hardware"]
        for row in list_runs(store).table.select(names).to_pylist():
            if row["hardware"] in computing(self.machine):
                self.rows[tuple(row[name] for name in names[1:5])].append(row)

    def predict(self, run: Run, work: Work) -> Prediction | None:
        """From other seeds of the run, else from the model on other datasets; None where there are none."""
        rows = self.rows.get(model_of(run), [])
        recipe = digest(run.recipe)
        same = [row for row in rows if (row["dataset_digest"], row["recipe"]) == (run.dataset_digest, recipe)]
        if same:
            return Prediction(statistics.median(row["seconds"] for row in same), _most(same), "finished")
        alike = [(row, of_row) for row in rows[-MOST_EXAMPLES:] if (of_row := self._images_of(row, run.recipe))]
        if alike:
            speed = read_speed(self.store, kind_of(run), self.machine)
            setup = speed.setup if speed else 0.0
            seconds = statistics.median(_scaled(row["seconds"], setup, work.images / of_row) for row, of_row in alike)
            return Prediction(seconds, _most([row for row, _ in alike]), "scaled")
        return None

    def _images_of(self, row: dict[str, Any], recipe: dict[str, Any]) -> float | None:
        """The work of this run, in evaluated images; None where a step of it costs otherwise than one of `recipe`, or its data
        are not as they were."""
        document = self.store.get(row["key"])
        if document is None or not document["history"]:
            return None
        run, last = Run.from_document(document["run"]), document["history"][-1]
        batch_size = run.recipe.get("batch_size")
        if batch_size != recipe["batch_size"] or ("distill" in run.recipe) != ("distill" in recipe):
            return None
        try:
            data = _data(run, self.store.home)
        except UserError:
            return None
        if data.digest != run.dataset_digest:
            return None
        epochs = len(document["history"])
        validation = 0 if run.recipe.get("with_validation") else _images(data, "validation")
        test = _images(data, "test") if run.recipe.get("test", True) else 0
        return Work(last["steps"], batch_size, epochs, validation, test).images


def _scaled(seconds: float, setup: float, times: float) -> float:
    """Of so many times the work, of which `setup` is no part; half of the seconds at most are taken for that."""
    fixed = min(setup, seconds / 2)
    return fixed + (seconds - fixed) * times


def read_speed(store: Store, kind: str, machine: tuple[str, ...] | None = None) -> Speed | None:
    """What was measured for runs of a kind on a machine (None: this one), where it was."""
    try:
        return Speed(**(read_measurement(store, _speeds_of(machine or hardware()), kind) or {}))
    except TypeError:
        return None


def keep_speed(store: Store, kind: str, speed: Speed) -> None:
    """Keeps what was measured on this machine."""
    keep_measurement(store, _speeds_of(hardware()), MACHINE, hardware())
    keep_measurement(store, _speeds_of(hardware()), kind, asdict(speed))


def other_machines(store: Store) -> list[tuple[str, ...]]:
    """The processors and GPUs of other machines on which something was measured or has finished."""
    measured = [
        tuple(names) for folder in kept_below(store, "speeds") if (names := read_measurement(store, folder, MACHINE))
    ]
    known = {name for names in measured for name in names} | set(hardware())
    finished = set(list_runs(store).table.column("hardware").to_pylist()) - known - {None}
    return [names for names in measured if names != hardware()] + [(name,) for name in sorted(finished)]


def _speeds_of(machine: tuple[str, ...]) -> str:
    return f"speeds/{digest(list(machine))[:16]}"


def _most(rows: list[dict[str, Any]]) -> int | None:
    return max((row["peak_memory"] for row in rows if row["peak_memory"]), default=None)


def _data(run: Run, home: Path) -> Prepared | Expected:
    """The run's data, opened once."""
    which = home, run.dataset, run.stored, run.fit, run.dataset_digest
    if which not in _opened:
        _opened[which] = open_data(run, home)
    return _opened[which]


def _images(data: Prepared | Expected, split: str) -> int:
    return sum(data.counts(split))
