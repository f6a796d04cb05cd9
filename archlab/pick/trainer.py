"""Runs of candidates, and what they are worth on validation images."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from archlab.executors import Interrupted, Outcome, Settings
from archlab.forecast import with_workers
from archlab.foundation import UserError
from archlab.foundation.metric import Metric
from archlab.pick.candidates import Candidate
from archlab.runs import Run, Store
from archlab.study.ablating import runs_of
from archlab.study.computing import compute
from archlab.study.measuring import value_of
from archlab.study.progress import Progress

SPLIT = "validation"
SEEDS = 1000  # of one pick, at most


def difference_in_words(metric: Metric, difference: float) -> str:
    """`1.2 points`, `0.034 nats`."""
    return f"{100 * difference:.1f} points" if metric.is_share else f"{difference:.3f} {metric.unit}"


@dataclass(frozen=True)
class Attempt:
    """A run that has finished. `worth`: in the metric on validation images, the higher the better."""

    candidate: Candidate
    run: Run
    worth: float

    @property
    def steps(self) -> int:
        return int(self.run.recipe["steps"])


class Trainer:
    """Computes runs of candidates that read no test image, and remembers all that have finished.

    Attributes:
        failed: What has not: model and cause, in their order; `just_failed`: those of the last call of `train`.

    Args:
        seed: Of the pick: its runs have seeds of their own.
        ended: Called whenever runs have ended.
        measures: Whether there is time to measure how many runs share a GPU; else each has one.
    """

    def __init__(
        self,
        metric: Metric,
        store: Store,
        settings: Settings,
        progress: Progress,
        seed: int = 0,
        ended: Callable[[], None] = lambda: None,
        measures: bool = True,
    ):
        self.metric, self.store, self.progress, self.first = metric, store, progress, SEEDS * seed
        self.settings, self.ended, self.measures = settings, ended, measures
        self.attempts: dict[str, Attempt] = {}
        self.failed: list[tuple[str, str]] = []
        self.just_failed: dict[str, str] = {}
        self.computed = 0
        self._runs: dict[int, tuple[Candidate, Run]] = {}  # held, so that no other one gets its id

    def run(self, candidate: Candidate, steps: int, seed: int, **changes: Any) -> Run:
        """The run of a whole schedule of so many steps, with the pick's first seed or one after it; `changes` are other values
        of its canonical recipe."""
        if (place := id(candidate)) not in self._runs:
            study = dataclasses.replace(candidate.study, models=[candidate.model], seeds=[0])
            (run,) = runs_of(study, self.store.home)
            self._runs[place] = candidate, run
        _, run = self._runs[place]
        recipe = {**run.recipe, "epochs": None, "steps": steps, "test": False, **changes}
        return dataclasses.replace(run, seed=self.first + seed, recipe=recipe)

    @property
    def cards(self) -> int:
        """GPUs that runs share; 0 where there are none, or others share them out."""
        return self.settings.gpus_here if self.settings.executor == "local" else 0

    def sharing(self, runs: Iterable[Run]) -> Settings:
        """The settings, with as many workers as suit the first runs that are asked about, where these share a GPU: measured
        once, since each time takes a minute or two."""
        if self.cards and not self.settings.workers and not self.measures:
            self.settings = dataclasses.replace(self.settings, workers=self.cards)
        self.settings = with_workers(self.settings, runs, self.store)
        return self.settings

    def train(self, what: str, runs: Iterable[tuple[Candidate, Run]]) -> list[Attempt]:
        """Those of the runs that finished; the others are in `failed`.

        Raises Interrupted after Ctrl-C, when what has finished is remembered too; UserError where none has finished, or the
        first failure is to end all.
        """
        pairs = {run.key: (candidate, run) for candidate, run in runs}
        wanted = [run for _, run in pairs.values()]
        self.just_failed = {}
        try:
            _, outcome = compute(what, wanted, self.store, self.sharing(wanted), self.progress)
        except Interrupted as interrupted:
            self._remember(pairs, interrupted.outcome)
            raise
        self._remember(pairs, outcome)
        self.ended()
        found = [self.attempts[key] for key in pairs if key in self.attempts]
        if outcome.failed and (self.settings.fail_fast or not found):
            raise UserError(f"{what}: nothing could be trained: {outcome.failed[0]}")
        return found

    def value(self, attempt: Attempt) -> float:
        """What it is worth, as the metric has it."""
        return attempt.worth if self.metric.higher_is_better else -attempt.worth

    def told(self, difference: float) -> str:
        """Of what runs are worth, in words."""
        return difference_in_words(self.metric, difference)

    def _remember(self, pairs: dict[str, tuple[Candidate, Run]], outcome: Outcome) -> None:
        self.computed += outcome.computed
        self.just_failed = {failure.run.model: failure.cause for failure in outcome.failed}
        self.failed += [(failure.run.model, failure.cause) for failure in outcome.failed]
        sign = 1 if self.metric.higher_is_better else -1
        for key, document in outcome.results.items():
            value = value_of(document, self.metric, SPLIT, self.store)
            if value is None:
                raise UserError(f"{self.metric.words} cannot be judged by: the validation images are of one class")
            self.attempts[key] = Attempt(*pairs[key], sign * value)
