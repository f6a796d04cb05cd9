"""What every executor is: a pool that takes runs and tells what happens to them."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, Protocol

from archlab.foundation import UserError
from archlab.runs.events import Event
from archlab.runs.run import Run
from archlab.runs.store import Store

TRAIN = "archlab.executors.training:train_run"
EXECUTORS = ("local", "ray")


@dataclass(frozen=True)
class Settings:
    """How runs are computed.

    Args:
        workers: Runs at once on this machine (Ray: as many as its resources allow).
        function: Computes a run, as `package.module:function` (see `archlab.executors.worker.perform`).
        options: More keyword arguments of the function, JSON values.
        keep: Whether results are stored, and stored ones not computed again.
        retries: How often a run that failed is tried again, behind all others.
        time_limit: Seconds of one attempt of one run; None: no limit.
        address: Of the Ray cluster: "auto", a URL, or None for a cluster of this machine alone.
        gpus: The share of a GPU that Ray gives to a run.
    """

    workers: int = 1
    function: str = TRAIN
    options: Mapping[str, Any] = field(default_factory=lambda: MappingProxyType({}))
    keep: bool = True
    retries: int = 1
    time_limit: float | None = None
    address: str | None = None
    gpus: float = 0.0

    def __post_init__(self) -> None:
        if self.workers < 1:
            raise UserError(f"{self.workers} workers cannot do anything; at least 1 is needed")


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


def open_executor(executor: str, store: Store, settings: Settings) -> Executor:
    """The pool of an executor, "local" or "ray". Raises UserError where there is none of that name."""
    if executor == "local":
        from archlab.executors.local import LocalExecutor

        return LocalExecutor(store, settings)
    if executor == "ray":
        from archlab.executors.on_ray import RayExecutor

        return RayExecutor(store, settings)
    raise UserError(f"there is no executor {executor!r}", name=executor, known=EXECUTORS)
