"""What is to be computed, in which order, and what it will cost."""

from __future__ import annotations

import heapq
import math
import statistics
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import cached_property
from typing import Any

from archlab.executors.execution import Interrupted, Outcome, interruptible
from archlab.executors.executor import open_executor
from archlab.executors.settings import Settings, Task
from archlab.forecast.costs import Finished, Prediction, Speed, kind_of, read_speed, work_of
from archlab.forecast.kept import keep_measurement
from archlab.foundation.words import duration
from archlab.runs.events import Event, Failure
from archlab.runs.run import Run
from archlab.runs.store import Store

MEASURE = Task("archlab.forecast.measuring:measure_run", keep=False)
TRY = Task("archlab.forecast.measuring:try_run", keep=False)
LIMIT = 600.0  # seconds of one measurement, where runs have no limit of their own


@dataclass(frozen=True)
class Plan:
    """Runs that are stored, and those to be computed, longest first, each with its prediction (None: not known)."""

    stored: list[Run]
    missing: list[tuple[Run, Prediction | None]]
    workers: int

    @cached_property
    def runs(self) -> list[Run]:
        """What is to be computed, in the order to do it: what is not predicted first, then the longest."""
        return sorted((run for run, _ in self.missing), key=lambda run: -self.predicted.get(run.key, math.inf))

    @cached_property
    def predicted(self) -> dict[str, float]:
        """Seconds by key."""
        return {run.key: prediction.seconds for run, prediction in self.missing if prediction}

    @property
    def work(self) -> float:
        """Seconds of all runs together."""
        return sum(self.predicted.values())

    @cached_property
    def wall(self) -> float:
        """Seconds until the last run ends: each is given to the worker that is free first."""
        free = [0.0] * self.workers
        for run in self.runs:
            heapq.heapreplace(free, free[0] + self.predicted.get(run.key, 0.0))
        return max(free)

    @property
    def memory(self) -> int | None:
        """Bytes that the largest runs need where they meet."""
        needed = [prediction.memory or 0 for _, prediction in self.missing if prediction]
        return sum(sorted(needed, reverse=True)[: self.workers]) or None

    def document(self) -> dict[str, Any]:
        """As `--dry-run --json` prints it; seconds, bytes, and the time of day when all would be done."""
        entries: list[tuple[Run, str, Prediction | None]] = [(run, "stored", None) for run in self.stored]
        entries += [(run, "to compute", prediction) for run, prediction in self.missing]
        return {
            "runs": [
                {
                    "key": run.key,
                    "model": run.model,
                    "dataset": run.dataset,
                    "seed": run.seed,
                    "state": state,
                    "seconds": prediction and prediction.seconds,
                    "memory": prediction and prediction.memory,
                    "predicted_from": prediction and prediction.source,
                }
                for run, state, prediction in entries
            ],
            "workers": self.workers,
            "work_seconds": self.work,
            "wall_seconds": self.wall,
            "memory": self.memory,
            "finishes": (datetime.now().astimezone() + timedelta(seconds=self.wall)).isoformat(timespec="minutes"),
            "not_predicted": len(self.missing) - len(self.predicted),
        }

    def judge(self, outcome: Outcome) -> Judgement | None:
        """How good the predictions were, over the runs that were predicted and have finished; None without any."""
        pairs = [
            (seconds, outcome.results[key]["seconds"])
            for key, seconds in self.predicted.items()
            if key in outcome.results
        ]
        return Judgement(*map(list, zip(*pairs, strict=True))) if pairs else None


@dataclass(frozen=True)
class Judgement:
    """Predicted and actual seconds of the same runs."""

    predicted: list[float]
    actual: list[float]

    @property
    def ratio(self) -> float:
        """Actual total over predicted total."""
        return sum(self.actual) / sum(self.predicted)

    @property
    def typical_error(self) -> float:
        """Median over the runs of |actual / predicted - 1|."""
        return statistics.median(abs(a / p - 1) for a, p in zip(self.actual, self.predicted, strict=True))

    def __str__(self) -> str:
        predicted, actual = duration(sum(self.predicted)), duration(sum(self.actual))
        off = f"a run was {self.typical_error:.0%} off (median)"
        return f"predicted {predicted} of work, took {actual} ({self.ratio:.2f} times); {off}"


def plan(
    runs: Iterable[Run],
    store: Store,
    settings: Settings | None = None,
    *,
    measure: bool = True,
    on_event: Callable[[Event], None] | None = None,
) -> Plan:
    """Predicts what the runs that are not stored will cost.

    From finished runs where there are any of the model on this kind of machine; else from a short measurement, which is
    kept. Without `measure` such runs have no prediction. `on_event` hears of the measurements.
    """
    settings = settings or Settings()
    distinct = {run.key: run for run in runs}.values()
    stored = [run for run in distinct if run.key in store]
    missing = [run for run in distinct if run.key not in store]
    if not missing:
        return Plan(stored, [], settings.at_once)
    finished = Finished(store)
    predictions = {run.key: finished.predict(run, work_of(run, store.home)) for run in missing}
    unknown = [run for run in missing if predictions[run.key] is None]
    speeds = _speeds(unknown, store, settings if measure else None, on_event or (lambda event: None))
    for run in unknown:
        if speed := speeds.get(kind_of(run)):
            predictions[run.key] = Prediction(speed.seconds(work_of(run, store.home)), speed.memory, "measured")
    pairs = [(run, predictions[run.key]) for run in missing]
    pairs.sort(key=lambda pair: -pair[1].seconds if pair[1] else -float("inf"))
    return Plan(stored, pairs, settings.at_once)


def smoke(
    runs: Iterable[Run], store: Store, settings: Settings, *, on_event: Callable[[Event], None] | None = None
) -> list[Failure]:
    """Takes every model through a few steps on every dataset and stores nothing; the failures."""
    distinct = {(kind_of(run), run.dataset_digest): run for run in runs}.values()
    failures = []
    for event in tries(distinct, store, settings, TRY):
        if on_event:
            on_event(event)
        if event.kind == "failed":
            failures.append(Failure(event.run, event.detail["cause"], event.detail["attempts"]))
    return failures


def _speeds(
    runs: list[Run], store: Store, settings: Settings | None, tell: Callable[[Event], None]
) -> dict[str, Speed]:
    """By kind; with settings, those that are not known yet are measured, as many at once as will run at once."""
    kinds = {kind_of(run): run for run in runs}
    speeds = {kind: speed for kind in kinds if (speed := read_speed(store, kind))}
    new = {kind: run for kind, run in kinds.items() if kind not in speeds}
    if not new or settings is None:
        return speeds
    for event in tries(new.values(), store, settings, MEASURE):
        tell(event)
        if event.kind == "finished":
            fields = {name: event.detail[name] for name in Speed.__dataclass_fields__}
            kind = kind_of(event.run)
            speeds[kind] = Speed(**fields)
            keep_measurement(store, "speeds", kind, fields)
    return speeds


def tries(runs: Iterable[Run], store: Store, settings: Settings, task: Task) -> Iterator[Event]:
    """What happens to runs that are tried on this machine, once each, and not kept. Each takes as long as a run may take, or
    LIMIT. Raises Interrupted after Ctrl-C."""
    local = replace(settings, executor="local", address=None, gpus=0.0, retries=0)
    local = replace(local, time_limit=settings.time_limit or LIMIT)
    with open_executor(store, local, task) as executor, interruptible(executor, at_once=True) as interrupted:
        for run in runs:
            executor.submit(run)
        while executor.pending:
            yield from executor.events()
        if interrupted():
            raise Interrupted(Outcome())
