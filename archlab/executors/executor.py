"""What every executor is: something that takes runs and tells what happens to them."""

from __future__ import annotations

from contextlib import AbstractContextManager
from typing import Any, Protocol

from archlab.executors.local import LocalExecutor
from archlab.executors.settings import TRAIN, Settings, Task
from archlab.foundation import UserError
from archlab.foundation.own_code import own_code
from archlab.foundation.words import listed
from archlab.runs.events import Event
from archlab.runs.run import Run
from archlab.runs.store import Store


class Executor(AbstractContextManager, Protocol):
    """Computes submitted runs; a context manager that leaves no process behind."""

    @property
    def pending(self) -> int:
        """Runs that were submitted and have not ended (ends are: stored, finished, failed, stopped)."""

    def submit(self, run: Run) -> None:
        """Queues a run."""

    def events(self, timeout: float = 0.2) -> list[Event]:
        """What has happened; waits up to `timeout` seconds where nothing has."""

    def drop(self, run: Run) -> None:
        """Ends one running run now, which is told as stopped; what it has saved stays."""

    def stop(self) -> None:
        """Running runs finish their epoch and save; queued ones end at once."""

    def kill(self) -> None:
        """Every run ends now."""


def open_executor(store: Store, settings: Settings, task: Task = TRAIN) -> Executor:
    """The executor that the settings name; a user's own is called as `NAME(store, settings, task)`. Raises UserError."""
    if settings.executor == "local":
        return LocalExecutor(store, settings, task)
    if settings.executor == "ray":
        from archlab.executors.on_ray import RayExecutor

        return RayExecutor(store, settings, task)
    own = own_code(settings.executor)
    made = own(store, settings, task)
    if lacking := _lacking(made):
        told = f"must give an archlab.executors.Executor: a {type(made).__name__} has no {listed(lacking)}"
        raise UserError(f"{settings.executor.rpartition(':')[2]} {told}", where=str(own.file))
    return made


def _lacking(made: Any) -> list[str]:
    """What it does not have of what an executor has. It may hand on to another all but the context manager's own."""
    kind = type(made)
    own = [name for name in ("__enter__", "__exit__") if not hasattr(kind, name)]
    handed_on = ("pending", "submit", "events", "drop", "stop", "kill")
    return own + [name for name in handed_on if not (hasattr(kind, name) or hasattr(made, name))]
