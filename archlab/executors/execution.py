"""Computes runs with an executor until all have ended, whatever happens to single ones."""

from __future__ import annotations

import logging
import signal
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from archlab.executors.executor import Executor, open_executor
from archlab.executors.settings import TRAIN, Settings, Task
from archlab.executors.signals import handling
from archlab.foundation import is_file
from archlab.runs.events import Event, Failure
from archlab.runs.run import Run
from archlab.runs.store import Store

_log = logging.getLogger("archlab")


@dataclass
class Outcome:
    """What became of the runs: stored documents by key, and those that failed for good."""

    results: dict[str, dict[str, Any]] = field(default_factory=dict)
    failed: list[Failure] = field(default_factory=list)
    computed: int = 0
    """How many of the results were computed now; the others had been stored before."""

    def note(self, event: Event, tell: Callable[[Event], None]) -> None:
        """Takes in what an event says, and tells it on."""
        if event.kind == "failed":
            cause, attempts, log = (event.detail[name] for name in ("cause", "attempts", "log"))
            there = log if log and is_file(Path(log)) else None  # it may lie on a node, or there was no room for it
            self.failed.append(Failure(event.run, cause, attempts, there))
        elif event.kind in ("finished", "stored"):
            assert event.stored is not None, f"run {event.run.key} is gone from the store"
            self.results[event.run.key] = event.stored
            self.computed += event.kind == "finished"
        tell(event)


class Interrupted(KeyboardInterrupt):
    """Ctrl-C, SIGTERM or a closed terminal ended the work early; everything finished is stored, `outcome` holds it."""

    def __init__(self, outcome: Outcome):
        super().__init__()
        self.outcome = outcome


def execute(
    runs: Iterable[Run],
    store: Store,
    settings: Settings | None = None,
    *,
    task: Task = TRAIN,
    on_event: Callable[[Event], None] | None = None,
) -> Outcome:
    """Computes the runs that are not stored yet, in the order given, and returns all results.

    A run that fails is tried again `settings.retries` times, then listed; the others go on, unless `settings.fail_fast`.
    `on_event` is called in this process.

    Raises Interrupted after Ctrl-C: the first lets running epochs finish and saves them, the second stops at once.
    """
    settings, tell = settings or Settings(), on_event or (lambda event: None)
    outcome, missing = Outcome(), []
    for run in {run.key: run for run in runs}.values():
        if stored := store.get(run.key):
            outcome.note(Event("stored", run, stored=stored), tell)
        else:
            missing.append(run)
    if not missing:
        return outcome
    with open_executor(store, settings, task) as executor, interruptible(executor) as interrupted:
        for run in missing:
            executor.submit(run)
        while executor.pending:
            for event in executor.events():
                outcome.note(event, tell)
                if event.kind == "failed" and settings.fail_fast:
                    executor.kill()
            interrupted()  # says so while epochs finish
    if interrupted():
        raise Interrupted(outcome)
    return outcome


@contextmanager
def interruptible(executor: Executor, *, at_once: bool = False) -> Iterator[Callable[[], bool]]:
    """Within: the first SIGINT or SIGTERM, or the end of the terminal, stops the executor after the running epochs, the second
    at once; or the first, where nothing is kept.

    Gives a function that tells whether one came, and at its first call after that says what happens now. Outside the main
    thread signals stay as they are.
    """
    received: list[int] = []
    said = False

    def handle(number: int, frame: object) -> None:
        received.append(number)
        if at_once or len(received) > 1:
            executor.kill()
        else:
            executor.stop()

    def interrupted() -> bool:
        nonlocal said
        if len(received) == 1 and not said and not at_once:
            said = True
            _log.warning("stopping when the running epochs end; Ctrl-C again stops at once")
        return bool(received)

    with handling((signal.SIGINT, signal.SIGTERM), handle):
        yield interrupted
