"""What is to be computed, in which order, and what it will cost."""

from __future__ import annotations

import heapq
import math
import statistics
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from functools import cached_property
from typing import Any

from archlab.data import is_prepared
from archlab.executors.cluster import address_of
from archlab.executors.execution import Interrupted, Outcome, interruptible
from archlab.executors.executor import open_executor
from archlab.executors.settings import Settings, Task
from archlab.forecast.costs import (
    Finished,
    Prediction,
    Speed,
    Work,
    keep_speed,
    kind_of,
    macs_of,
    other_machines,
    read_speed,
    work_of,
)
from archlab.foundation import UserError
from archlab.foundation.words import duration
from archlab.runs.events import Event, Failure
from archlab.runs.run import Run
from archlab.runs.store import Store

MEASURE = Task("archlab.forecast.measuring:measure_run", keep=False)
TRY = Task("archlab.forecast.measuring:try_run", keep=False)
LIMIT = 600.0  # seconds of one measurement, where runs have no limit of their own


@dataclass(frozen=True)
class Plan:
    """Runs that are stored, and those to be computed, longest first, each with its prediction (None: not known).

    `elsewhere`: by the hardware of other machines on which something was measured, the seconds of the runs by key.
    """

    stored: list[Run]
    missing: list[tuple[Run, Prediction | None]]
    workers: int
    elsewhere: dict[str, dict[str, float]] = field(default_factory=dict)

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
    def end(self) -> datetime | None:
        """When the last run ends, counted from now; None where the calendar ends before."""
        try:
            return datetime.now().astimezone() + timedelta(seconds=self.wall)
        except OverflowError:
            return None

    @property
    def memory(self) -> int | None:
        """Bytes that the largest runs need where they meet."""
        needed = [prediction.memory or 0 for _, prediction in self.missing if prediction]
        return sum(sorted(needed, reverse=True)[: self.workers]) or None

    def document(self) -> dict[str, Any]:
        """As `--dry-run --json` prints it; seconds, bytes, and the time of day when all would be done (null: never)."""
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
            "finishes": end.isoformat(timespec="minutes") if (end := self.end) else None,
            "not_predicted": len(self.missing) - len(self.predicted),
            "elsewhere": [
                {
                    "hardware": hardware,
                    "work_seconds": sum(seconds.values()),
                    "not_predicted": len(self.missing) - len(seconds),
                }
                for hardware, seconds in self.elsewhere.items()
            ],
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
    kept. Without `measure` such runs have no prediction. Of runs on data that are not prepared yet one a model is measured,
    the one with the fewest multiply-accumulates, and the others are scaled by theirs. `on_event` hears of the measurements.
    """
    settings = settings or Settings()
    distinct = {run.key: run for run in runs}.values()
    stored = [run for run in distinct if run.key in store]
    missing = [run for run in distinct if run.key not in store]
    if not missing:
        return Plan(stored, [], settings.at_once)
    works = {run.key: _work(run, store) for run in missing}
    finished = Finished(store)
    unknown = [run for run in missing if (work := works[run.key]) and not finished.predict(run, work)]
    if measure:
        _measure(_to_measure(unknown, store), store, settings, on_event or (lambda event: None))
    predictions = _predictions(missing, works, store)
    pairs = [(run, predictions.get(run.key)) for run in missing]
    pairs.sort(key=lambda pair: -pair[1].seconds if pair[1] else -float("inf"))
    elsewhere = {}
    for machine in other_machines(store):
        found = _predictions(missing, works, store, machine)
        if found:
            elsewhere[", ".join(machine)] = {key: prediction.seconds for key, prediction in found.items()}
    return Plan(stored, pairs, settings.at_once, elsewhere)


def smoke(
    runs: Iterable[Run], store: Store, settings: Settings, *, on_event: Callable[[Event], None] | None = None
) -> list[Failure]:
    """Takes every model through a few steps on every dataset, once in each recipe, and stores nothing; the failures."""
    failures = []
    for event in tries(without_seeds(runs), store, settings, TRY):
        if on_event:
            on_event(event)
        if event.kind == "failed":
            failures.append(Failure(event.run, event.detail["cause"], event.detail["attempts"]))
    return failures


def without_seeds(runs: Iterable[Run]) -> list[Run]:
    """One of those that differ in nothing but their seeds: what `smoke` tries."""
    return list({replace(run, seed=0).key: run for run in runs}.values())


def _work(run: Run, store: Store) -> Work | None:
    """None where the data are not prepared and the catalogue does not say how many images there are."""
    try:
        return work_of(run, store.home)
    except UserError:
        if is_prepared(run.dataset_digest):
            raise
        return None


def _predictions(
    runs: list[Run], works: dict[str, Work | None], store: Store, machine: tuple[str, ...] | None = None
) -> dict[str, Prediction]:
    """By key, from what is stored of a machine (None: this one)."""
    finished, found = Finished(store, machine), dict[str, Prediction]()
    measured: dict[str, tuple[int, int, Speed]] = {}  # by model, of data not there: batch size, MACs of an image, speed
    scaled = []
    for run in runs:
        work = works[run.key]
        if work is None:
            continue
        if prediction := finished.predict(run, work):
            found[run.key] = prediction
        elif speed := read_speed(store, kind_of(run), machine):
            found[run.key] = Prediction(speed.seconds(work), speed.memory, "measured")
            if _expected(run):
                measured[run.model] = work.batch_size, macs_of(run), speed
        elif _expected(run):
            scaled.append((run, work))
    for run, work in scaled:
        if run.model in measured:
            batch_size, macs, speed = measured[run.model]
            image = macs_of(run) / macs
            there = speed.scaled(image * work.batch_size / batch_size, image)
            found[run.key] = Prediction(there.seconds(work), None, "measured, scaled")
    return found


def _expected(run: Run) -> bool:
    return not is_prepared(run.dataset_digest)


def _to_measure(unknown: list[Run], store: Store) -> list[Run]:
    """One of each kind that no speed is known of; of those on data that are not prepared, one a model."""
    kinds = {kind_of(run): run for run in unknown}
    new = [run for kind, run in kinds.items() if not read_speed(store, kind)]
    known = {run.model for kind, run in kinds.items() if _expected(run) and run not in new}
    cheapest = {run.model: run for run in sorted(filter(_expected, new), key=macs_of, reverse=True)}
    there = [run for run in new if not _expected(run)]
    return there + [run for model, run in cheapest.items() if model not in known]


def _measure(runs: list[Run], store: Store, settings: Settings, tell: Callable[[Event], None]) -> None:
    """Measures their speeds, as many at once as will run at once, and keeps them."""
    if not runs:
        return
    for event in tries(runs, store, settings, MEASURE):
        tell(event)
        if event.kind == "finished":
            speed = Speed(**{name: event.detail[name] for name in Speed.__dataclass_fields__})
            keep_speed(store, kind_of(event.run), speed)


def tries(runs: Iterable[Run], store: Store, settings: Settings, task: Task) -> Iterator[Event]:
    """What happens to runs that are tried on this machine, once each, and not kept. Each takes as long as a run may take, or
    LIMIT. Raises Interrupted after Ctrl-C."""
    is_elsewhere = settings.executor == "ray" and address_of(settings)
    workers = None if is_elsewhere else settings.workers
    local = replace(settings, executor="local", address=None, gpus=0.0, retries=0, workers=workers)
    local = replace(local, device=settings.settled_device, time_limit=settings.time_limit or LIMIT)
    with open_executor(store, local, task) as executor, interruptible(executor, at_once=True) as interrupted:
        for run in runs:
            executor.submit(run)
        while executor.pending:
            yield from executor.events()
        if interrupted():
            raise Interrupted(Outcome())
