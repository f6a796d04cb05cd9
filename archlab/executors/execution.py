"""Computes runs with an executor until all have ended, whatever happens to single ones."""

from __future__ import annotations

import logging
import signal
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from archlab.executors.executor import TRAIN, Executor, Settings, open_executor
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


class Interrupted(KeyboardInterrupt):
    """Ctrl-C or SIGTERM ended the work early; everything finished is stored, `outcome` holds it."""

    def __init__(self, outcome: Outcome):
        super().__init__()
        self.outcome = outcome


def execute(
    runs: Iterable[Run],
    store: Store,
    *,
    workers: int = 1,
    executor: str = "local",
    function: str = TRAIN,
    options: dict[str, Any] | None = None,
    on_event: Callable[[Event], None] | None = None,
    fail_fast: bool = False,
    retries: int = 1,
    time_limit: float | None = None,
    address: str | None = None,
    gpus: float = 0.0,
) -> Outcome:
    """Computes the runs that are not stored yet, in the order given, and returns all results.

    A run that fails is tried again `retries` times, then listed; the others go on, unless `fail_fast`. `on_event` is called
    in this process. The other arguments are those of `archlab.executors.Settings`.

    Raises Interrupted after Ctrl-C: the first lets running epochs finish and saves them, the second stops at once.
    """
    settings = Settings(
        workers=workers,
        function=function,
        options=options or {},
        retries=retries,
        time_limit=time_limit,
        address=address,
        gpus=gpus,
    )
    tell = on_event or (lambda event: None)
    outcome, missing = Outcome(), []
    for run in {run.key: run for run in runs}.values():
        if document := store.get(run.key):
            outcome.results[run.key] = document
            tell(Event("stored", run))
        else:
            missing.append(run)
    if not missing:
        return outcome
    with open_executor(executor, store, settings) as pool, interruptible(pool) as interrupted:
        for run in missing:
            pool.submit(run)
        while pool.pending:
            for event in pool.events():
                _note(outcome, store, event)
                tell(event)
                if event.kind == "failed" and fail_fast:
                    pool.kill()
            interrupted()  # says so while epochs finish
    if interrupted():
        raise Interrupted(outcome)
    return outcome


def _note(outcome: Outcome, store: Store, event: Event) -> None:
    key = event.run.key
    if event.kind == "failed":
        detail = event.detail
        outcome.failed.append(Failure(key, event.run, detail["cause"], detail["attempts"], detail["log"]))
    elif event.kind in ("finished", "stored"):
        document = store.get(key)
        assert document is not None, f"run {key} is gone from the store"
        outcome.results[key] = document
        outcome.computed += event.kind == "finished"


@contextmanager
def interruptible(pool: Executor) -> Iterator[Callable[[], bool]]:
    """Within: the first SIGINT or SIGTERM stops the pool after the running epochs, the second at once.

    Gives a function that tells whether one came, and at its first call after that says what happens now. Outside the main
    thread signals stay as they are.
    """
    received: list[int] = []
    said = False

    def handle(number: int, frame: object) -> None:
        received.append(number)
        if len(received) == 1:
            pool.stop()
        else:
            pool.kill()

    def interrupted() -> bool:
        nonlocal said
        if len(received) == 1 and not said:
            said = True
            _log.warning("stopping when the running epochs end; Ctrl-C again stops at once")
        return bool(received)

    if threading.current_thread() is not threading.main_thread():
        yield lambda: False
        return
    before = {number: signal.signal(number, handle) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield interrupted
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
