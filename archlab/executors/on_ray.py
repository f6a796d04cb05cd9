"""Runs on a Ray cluster. Ray places them; what is lost with a node is repeated.

On its node a run has a process of its own, as on one machine. The store should be a folder that all nodes share; a node
that does not see it computes in a folder of its own, where each dataset is prepared or received once, and sends results.
"""

from __future__ import annotations

import dataclasses
import logging
import time
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from archlab.executors import shipping
from archlab.executors.board import Board
from archlab.executors.channel import error_of
from archlab.executors.cluster import connect, tell_of_no_room
from archlab.executors.on_node import ASK_EVERY, RunFailedError, compute
from archlab.executors.settings import Settings, Task, import_ray
from archlab.foundation import UserError
from archlab.foundation.files import scratch
from archlab.runs.events import Event
from archlab.runs.run import Run
from archlab.runs.store import Store
from archlab.runs.stored import DamagedRunError

_log = logging.getLogger("archlab")

BOARD_LIMIT = 10.0  # seconds that the board has to answer the driver
UNSEEN = 90.0  # seconds for which a network file system may hide what another node has stored
MOST_LOSSES = 100  # of one run: by then something else is wrong than its nodes


@dataclass
class _Job:
    run: Run
    attempts: int = 1
    losses: int = 0


def of_node(settings: Settings) -> Settings:
    """How a node computes the run that it was given."""
    device = settings.settled_device
    return dataclasses.replace(settings, executor="local", address=None, gpus=0.0, workers=1, retries=0, device=device)


class RayExecutor:
    """Computes submitted runs on a Ray cluster, one CPU each and `settings.gpus` of a GPU.

    A run that failed is tried again `settings.retries` times; one that was lost with its node is repeated, whatever else.
    """

    def __init__(self, store: Store, settings: Settings, task: Task):
        self.ray = ray = import_ray()
        self.store, self.settings, self.task = store, settings, task
        self.connected_here = connect(settings)
        tell_of_no_room(settings)
        self.token = scratch(store.home / "cache" / "shared")
        self.token.parent.mkdir(parents=True, exist_ok=True)
        self.token.touch()
        from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

        here = NodeAffinitySchedulingStrategy(ray.get_runtime_context().get_node_id(), soft=False)
        self.board = (
            ray.remote(Board)
            .options(num_cpus=0, max_restarts=-1, max_task_retries=-1, scheduling_strategy=here)
            .remote()
        )
        self.compute = ray.remote(compute).options(num_cpus=1, num_gpus=settings.gpus, max_retries=0)
        self.site: dict[str, Any] = {
            "home": str(store.home),
            "token": str(self.token),
            "settings": of_node(settings),
            "task": task,
        }
        self.tasks: dict[Any, _Job] = {}
        self.runs: dict[str, Run] = {}
        self.parcels: dict[shipping.Data, shipping.Parcel] = {}
        self.packed = cache(lambda foundation: ray.put(shipping.pack_foundation(foundation, store)))
        self.dropped: set[str] = set()
        self.waiting: list[Event] = []  # to be told next
        self.stopping = self.killed = self.cancelled = False  # the first two are set by a signal handler

    def __enter__(self) -> RayExecutor:
        return self

    def __exit__(self, *_: object) -> None:
        self._cancel()
        self.token.unlink(missing_ok=True)
        if self.connected_here:
            self.ray.shutdown()

    @property
    def pending(self) -> int:
        return len(self.tasks) + len(self.waiting)

    def submit(self, run: Run) -> None:
        if run.key in self.dropped:  # a search goes on with it
            self.dropped.remove(run.key)
            self.waiting += self._read_board()  # which hears so before the run asks it
        stored = self.store.get(run.key) if self.task.keep else None
        if self.stopping or stored:
            self.waiting.append(Event("stopped", run) if self.stopping else Event("stored", run, stored=stored))
        else:
            self.runs[run.key] = run
            self._start(_Job(run))

    def events(self, timeout: float = 0.2) -> list[Event]:
        if self.killed and not self.cancelled:
            self._cancel()
        events, self.waiting = self.waiting, []
        if self.tasks:
            ended, _ = self.ray.wait(list(self.tasks), timeout=0 if events else timeout)
            events += self._read_board()
            events += [self._end(task) for task in ended]
        return events

    def drop(self, run: Run) -> None:
        self.dropped.add(run.key)

    def stop(self) -> None:
        self.stopping = True

    def kill(self) -> None:
        self.stopping = self.killed = True

    def _start(self, job: _Job) -> None:
        own_files = [Path(path).read_bytes() for path in job.run.own_files]
        foundations = {each: self.packed(each) for each in shipping.foundations_named(job.run)}
        self.tasks[self.compute.remote(job.run.document(), own_files, foundations, self.board, **self.site)] = job

    def _cancel(self) -> None:
        self.cancelled = True
        for task in self.tasks:
            with suppress(self.ray.exceptions.RayError):
                self.ray.cancel(task, force=True)

    def _read_board(self) -> list[Event]:
        """What runs have told. The board hears again what it may have forgotten: it is restarted where it dies."""
        try:
            told, wanted = self.ray.get(self.board.take.remote(self.stopping, self.dropped), timeout=BOARD_LIMIT)
        except self.ray.exceptions.RayError:
            return []
        for data in wanted:
            if data not in self.parcels:
                self.parcels[data] = self._pack(data)
            self.board.ship.remote(data, self.parcels[data])
        return [Event(kind, self.runs[key], detail) for kind, key, detail in told]

    def _pack(self, data: shipping.Data) -> shipping.Parcel:
        try:
            return shipping.pack(data, self.store.home, self.ray.put)
        except (OSError, UserError, self.ray.exceptions.RayError) as error:
            _log.warning("warning: dataset %s cannot be sent to other nodes: %s", data[0], error)
            return {}

    def _end(self, task: Any) -> Event:
        """The last event of an attempt, the run started again where there is another."""
        job, errors = self.tasks.pop(task), self.ray.exceptions
        try:
            kind, detail, files = self.ray.get(task)
            if files:
                self.store.adopt(job.run.key, files)
        except errors.TaskCancelledError:
            return Event("stopped", job.run)
        except (errors.RayTaskError, errors.OutOfMemoryError) as error:
            cause = getattr(error, "cause", error)
            if isinstance(cause, errors.RayError) and not isinstance(cause, errors.OutOfMemoryError):
                return self._lost(job, cause)
            return self._failed(job, cause)
        except errors.RayError as error:
            return self._lost(job, error)
        except (OSError, UserError, DamagedRunError) as error:  # the store cannot take it
            return self._failed(job, error)
        if kind == "failed":
            detail["attempts"] = job.attempts
        if not self.task.keep or kind not in ("stored", "finished"):
            return Event(kind, job.run, detail)
        if stored := self._stored(job.run.key):
            return Event(kind, job.run, detail, stored)
        return self._failed(job, RunFailedError(f"its result is not to be seen in {self.store.home}", passing=True))

    def _stored(self, key: str) -> dict[str, Any] | None:
        """What a node has stored, as soon as this one sees it."""
        deadline = time.monotonic() + UNSEEN
        while key not in self.store and time.monotonic() < deadline and not self.killed:
            time.sleep(ASK_EVERY)
        return self.store.get(key)

    def _failed(self, job: _Job, error: Exception) -> Event:
        if not isinstance(error, RunFailedError):
            told = error_of(error)
            error = RunFailedError(told["error"], told["passing"])
        detail = {"cause": error.cause_in_words, "attempts": job.attempts, "log": None}
        detail |= {"mendable": False, "passing": error.passing}
        if self.stopping or job.attempts > self.settings.retries:
            return Event("stopped" if self.killed else "failed", job.run, detail)
        job.attempts += 1
        self._start(job)
        return Event("retried", job.run, detail)

    def _lost(self, job: _Job, error: Exception) -> Event:
        """Its node, its Ray worker, or its result that lay on a node is gone, which is no fault of the run's."""
        if self.stopping:
            return Event("stopped", job.run)
        job.losses += 1
        detail = {"cause": f"lost with its node ({type(error).__name__})", "attempts": job.attempts, "log": None}
        detail |= {"mendable": False, "passing": True}
        if job.losses > MOST_LOSSES:
            return Event("failed", job.run, detail)
        self._start(job)
        return Event("retried", job.run, detail)
