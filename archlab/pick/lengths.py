"""How long trainings of candidates take, and how many steps fit into a time."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import replace

from archlab.data.batch_count import batches_of
from archlab.forecast import plan
from archlab.pick.trainer import Trainer
from archlab.runs import Event, Run, open_data

NOBODY = 10**6  # the seed of what is predicted, so that it is not stored already
BETWEEN = 64, 1024  # steps that a prediction is a line through
MOST_EPOCHS, MOST_STEPS = 300, 2000
SHORTEST = 1e-6  # seconds of a step
SLACK = 1.1  # for what no plan knows: workers that wait for the last of a rung, a busy machine


class Lengths:
    """Seconds of runs, each on a line through two predictions. `failed`: by model, why it could not be measured."""

    def __init__(self, trainer: Trainer):
        self.failed: dict[str, str] = {}
        self.trainer, self.workers = trainer, trainer.settings.at_once
        self._lines: dict[str, tuple[float, float]] = {}

    def learn(self, runs: Iterable[Run]) -> Lengths:
        """Predicts runs of any length and seed from now on; what nothing tells of is measured now."""
        known = {_kind(run): run for run in runs}
        wanted = {(kind, steps): _of_length(run, steps) for kind, run in known.items() for steps in BETWEEN}
        settings = self.trainer.sharing(wanted.values())
        planned = plan(wanted.values(), self.trainer.store, settings, on_event=self._hear)
        self.workers = planned.workers
        for kind in known:
            few, many = (planned.predicted.get(wanted[kind, steps].key) for steps in BETWEEN)
            if few is not None and many is not None:
                step = (many - few) / (BETWEEN[1] - BETWEEN[0])
                self._lines[kind] = max(few - BETWEEN[0] * step, 0.0), max(step, SHORTEST)
        return self

    def knows(self, run: Run) -> bool:
        """Whether it could be predicted: what cannot be measured cannot be trained either."""
        return _kind(run) in self._lines

    def steps(self, run: Run, seconds: float, least: int, most: int) -> int | None:
        """The most steps, from `least` to `most`, of a training that ends within the time; None where it has no such, or
        nothing is known of it."""
        if not self.knows(run):
            return None
        start, step = self._lines[_kind(run)]
        found = min(math.floor((seconds / SLACK - start) / step), most)
        return found if found >= least else None

    def wall(self, runs: Iterable[Run]) -> float:
        """Seconds until the last of these trainings ends; infinite where nothing is known of one."""
        runs = list(runs)
        if not all(map(self.knows, runs)):
            return math.inf
        each = [start + step * int(run.recipe["steps"]) for run in runs for start, step in [self._lines[_kind(run)]]]
        rounds = math.ceil(len(each) / self.workers)
        return SLACK * max(rounds * sum(each) / max(len(each), 1), max(each, default=0.0))

    def _hear(self, event: Event) -> None:
        if event.kind == "failed":
            self.failed[event.run.model] = event.detail["cause"]
        self.trainer.progress.measuring(event)


def steps_of(images: int, run: Run) -> int:
    """Steps in which a run sees so many images."""
    return math.ceil(images / int(run.recipe["batch_size"]))


def most_steps(trainer: Trainer, run: Run) -> int:
    """That any training is worth: MOST_EPOCHS, or MOST_STEPS where that is more."""
    return max(MOST_STEPS, MOST_EPOCHS * _steps_an_epoch(trainer, run))


def epochs_of(trainer: Trainer, run: Run) -> float:
    """How often a run sees every image."""
    return int(run.recipe["steps"]) / _steps_an_epoch(trainer, run)


def _steps_an_epoch(trainer: Trainer, run: Run) -> int:
    return batches_of(sum(open_data(run, trainer.store.home).counts("train")), int(run.recipe["batch_size"]))


def _kind(run: Run) -> str:
    """Of one model, whatever its length and its seed."""
    return _of_length(run, BETWEEN[0]).key


def _of_length(run: Run, steps: int) -> Run:
    return replace(run, seed=NOBODY, recipe={**run.recipe, "steps": steps, "lr": 1e-3})
