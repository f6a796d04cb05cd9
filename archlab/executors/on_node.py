"""A run on a node of a Ray cluster: what it needs is received, it is computed, and the driver is told.

On its node a run has a process of its own, as on one machine.
"""

from __future__ import annotations

import dataclasses
import time
from pathlib import Path
from typing import Any

from archlab.executors import shipping
from archlab.executors.local import LocalExecutor
from archlab.executors.settings import Settings, Task
from archlab.foundation import UserError
from archlab.runs.run import Run
from archlab.runs.store import Store

ASK_EVERY = 0.5  # seconds between two questions of a run to the driver's board


class RunFailedError(Exception):
    """A run failed on its node: its cause, and whether that is no fault of its own."""

    def __init__(self, cause: str, passing: bool = False):
        super().__init__(cause, passing)
        self.cause_in_words, self.passing = cause, passing


_executor: tuple[tuple[str, Path], LocalExecutor] | None = None
"""Of this Ray worker, with the token and the folder that it belongs to: its fork server serves one run after another."""


def compute(
    run: dict[str, Any],
    own_files: list[bytes],
    foundations: dict[shipping.Foundation, Any],
    board: Any,
    *,
    home: str,
    token: str,
    settings: Settings,
    task: Task,
) -> tuple[str, dict[str, Any], dict[str, bytes] | None]:
    """In a Ray worker: a run's last event, and its files where the driver does not share the folder."""
    shared = Path(token).exists()
    place = Path(home) if shared else shipping.home_here()
    executor = _executor_of(token, place, settings, task)
    named = tuple(shipping.own_file(place, source) for source in own_files)
    this = dataclasses.replace(Run.from_document(run), own_files=named)
    if not shared:
        _fetch(shipping.data_of(this), place, board)
        _fetch_foundations(foundations, executor.store)
    try:
        return _follow(executor, this, board, shared)
    except BaseException as error:
        if not isinstance(error, RunFailedError):
            _close_executor()  # the run may still go on in it
        raise


def _follow(
    executor: LocalExecutor, this: Run, board: Any, shared: bool
) -> tuple[str, dict[str, Any], dict[str, bytes] | None]:
    """Computes a run and tells the board about it."""
    import ray

    executor.submit(this)
    while executor.pending:
        events = executor.events(ASK_EVERY)
        told = [(event.kind, this.key, event.detail) for event in events if event.kind in ("started", "epoch")]
        stopping, dropped = ray.get(board.tell.remote(this.key, told))
        if stopping:
            executor.stop()
        if dropped:
            executor.drop(this)
        for event in events:
            if event.kind == "failed" and not event.detail["mendable"]:
                raise RunFailedError(event.detail["cause"], event.detail["passing"])
            if event.kind not in ("started", "epoch"):
                if shared or not executor.task.keep or event.kind not in ("stored", "finished"):
                    return event.kind, event.detail, None
                return event.kind, event.detail, executor.store.files(this.key)
    raise RunFailedError("ended without a word")


def _fetch(data: shipping.Data, home: Path, board: Any) -> None:
    import ray

    def ask() -> shipping.Parcel:
        while (parcel := ray.get(board.ask.remote(data))) is None:
            time.sleep(ASK_EVERY)
        return parcel

    try:
        shipping.receive(data, home, ask, ray.get)
    except (OSError, UserError, ray.exceptions.RayError) as error:
        raise RunFailedError(f"dataset {data[0]} did not reach the node: {error}") from None


def _fetch_foundations(foundations: dict[shipping.Foundation, Any], store: Store) -> None:
    import ray

    try:
        for foundation, files in foundations.items():
            shipping.receive_foundation(foundation, store, ray.get(files))
    except (OSError, UserError, ray.exceptions.RayError) as error:
        raise RunFailedError(f"what the recipe stands on did not reach the node: {error}") from None


def _executor_of(token: str, home: Path, settings: Settings, task: Task) -> LocalExecutor:
    global _executor
    if _executor is None or _executor[0] != (token, home):
        _close_executor()
        _executor = (token, home), LocalExecutor(Store(home), settings, task)
    return _executor[1]


def _close_executor() -> None:
    global _executor
    if _executor:
        _executor[1].forks.close()
    _executor = None
