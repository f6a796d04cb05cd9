"""Runs on a Ray cluster. Ray places them, repeats them and survives lost nodes.

On its node a run has a process of its own, as on one machine. The store should be a folder that all nodes share; a node
that does not see it computes in a folder of its own, where each dataset is prepared or received once, and sends results.
"""

from __future__ import annotations

import dataclasses
import logging
import os
import tempfile
import time
from collections import Counter
from contextlib import suppress
from hashlib import sha256
from pathlib import Path
from typing import Any
from uuid import uuid4

from archlab.executors.local import LocalExecutor
from archlab.executors.settings import Settings, Task, import_ray
from archlab.executors.shipping import Data, Parcel, data_of, pack, receive
from archlab.foundation import UserError, write_atomically
from archlab.runs.events import Event
from archlab.runs.run import Run
from archlab.runs.store import Store

_log = logging.getLogger("archlab")

ASK_EVERY = 0.5  # seconds between two questions of a run to the driver's board


class RunFailedError(Exception):
    """A run failed on its node; the words are its cause."""


class RayExecutor:
    """Computes submitted runs on a Ray cluster, one CPU each and `settings.gpus` of a GPU."""

    def __init__(self, store: Store, settings: Settings, task: Task):
        self.ray = ray = import_ray()
        self.store, self.settings, self.task = store, settings, task
        self.connected_here = not ray.is_initialized()
        if self.connected_here:
            cpus = settings.at_once if settings.address is None else None
            ray.init(address=settings.address, num_cpus=cpus, log_to_driver=False, logging_level=logging.ERROR)
        self.token = store.home / "cache" / f".shared-{uuid4().hex}"
        self.token.parent.mkdir(parents=True, exist_ok=True)
        self.token.touch()
        self.board = ray.remote(_Board).options(num_cpus=0).remote()
        self.compute = ray.remote(_compute).options(
            num_cpus=1,
            num_gpus=settings.gpus,
            max_retries=settings.retries,
            retry_exceptions=[RunFailedError],
        )
        self.site: dict[str, Any] = {
            "home": str(store.home),
            "token": str(self.token),
            "settings": dataclasses.replace(settings, executor="local", address=None, gpus=0.0, workers=1, retries=0),
            "task": task,
        }
        self.tasks: dict[Any, Run] = {}
        self.runs: dict[str, Run] = {}
        self.attempts: Counter[str] = Counter()
        self.waiting: list[Event] = []  # to be told next
        self.order: str | None = None  # "stop" or "kill", given by a signal handler
        self.killed = False

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
        stored = self.store.get(run.key) if self.task.keep else None
        if self.killed or stored:
            self.waiting.append(Event("stopped", run) if self.killed else Event("stored", run, stored=stored))
            return
        self.runs[run.key] = run
        own_files = [Path(path).read_bytes() for path in run.own_files]
        self.tasks[self.compute.remote(run.document(), own_files, self.board, **self.site)] = run

    def events(self, timeout: float = 0.2) -> list[Event]:
        if self.order == "kill":
            self._cancel()
        elif self.order == "stop":
            self.board.stop.remote()
        self.order = None
        events, self.waiting = self.waiting, []
        if self.tasks:
            ended, _ = self.ray.wait(list(self.tasks), timeout=0 if events else timeout)
            told, wanted = self.ray.get(self.board.take.remote())
            for data in wanted:
                self.board.ship.remote(data, self._pack(data))
            self.attempts.update(key for kind, key, _ in told if kind == "started")
            events += [Event(kind, self.runs[key], detail) for kind, key, detail in told]
            events += [self._end(task) for task in ended]
        return events

    def drop(self, run: Run) -> None:
        self.board.drop.remote(run.key)

    def stop(self) -> None:
        self.order = "stop"

    def kill(self) -> None:
        self.order, self.killed = "kill", True

    def _cancel(self) -> None:
        for task in self.tasks:
            with suppress(self.ray.exceptions.RayError):
                self.ray.cancel(task, force=True)

    def _pack(self, data: Data) -> Parcel:
        try:
            return pack(data, self.store.home, self.ray.put)
        except (OSError, UserError, self.ray.exceptions.RayError) as error:
            _log.warning("warning: dataset %s cannot be sent to other nodes: %s", data[0], error)
            return {}

    def _end(self, task: Any) -> Event:
        run = self.tasks.pop(task)
        try:
            kind, detail, files = self.ray.get(task)
        except self.ray.exceptions.TaskCancelledError:
            return Event("stopped", run)
        except RunFailedError as error:
            kind, detail, files = "failed", {"cause": str(getattr(error, "cause", error)), "log": None}, None
        except self.ray.exceptions.RayError as error:
            if self.killed:
                return Event("stopped", run)
            kind, detail, files = (
                "failed",
                {"cause": f"{type(error).__name__}: {error}".split("\n")[0], "log": None},
                None,
            )
        if files:
            self.store.adopt(run.key, files)
        if kind == "failed":
            detail["attempts"] = max(self.attempts[run.key], 1)
        keeps = self.task.keep and kind in ("stored", "finished")
        return Event(kind, run, detail, self.store.get(run.key) if keeps else None)


class _Board:
    """Between the driver and its runs: what they tell and want, and whether they are to stop."""

    def __init__(self) -> None:
        self.stopping, self.dropped = False, set[str]()
        self.told: list[tuple[str, str, dict[str, Any]]] = []
        self.wanted, self.parcels = list[Data](), dict[Data, Parcel | None]()

    def tell(self, key: str, events: list[tuple[str, str, dict[str, Any]]]) -> tuple[bool, bool]:
        """Whether all runs are to stop, and whether this one is dropped."""
        self.told += events
        return self.stopping, key in self.dropped

    def take(self) -> tuple[list[tuple[str, str, dict[str, Any]]], list[Data]]:
        taken = self.told, self.wanted
        self.told, self.wanted = [], []
        return taken

    def ask(self, data: Data) -> Parcel | None:
        """None as long as the driver has not answered."""
        if data not in self.parcels:
            self.parcels[data] = None
            self.wanted.append(data)
        return self.parcels[data]

    def ship(self, data: Data, parcel: Parcel) -> None:
        self.parcels[data] = parcel

    def drop(self, key: str) -> None:
        self.dropped.add(key)

    def stop(self) -> None:
        self.stopping = True


_executor: tuple[str, LocalExecutor] | None = None
"""Of this Ray worker, with the token that it belongs to: its fork server serves one run after another."""


def _compute(
    run: dict[str, Any],
    own_files: list[bytes],
    board: Any,
    *,
    home: str,
    token: str,
    settings: Settings,
    task: Task,
) -> tuple[str, dict[str, Any], dict[str, bytes] | None]:
    """In a Ray worker: a run's last event, and its files where the driver does not share the folder."""
    import ray

    shared = Path(token).exists()
    place = Path(home) if shared else Path(tempfile.gettempdir()) / f"archlab-{os.getuid()}"
    executor = _executor_of(token, place, settings, task)
    named = tuple(_own_file(place, source) for source in own_files)
    this = dataclasses.replace(Run.from_document(run), own_files=named)
    if not shared:
        _fetch(data_of(this), place, board)
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
                raise RunFailedError(event.detail["cause"])
            if event.kind not in ("started", "epoch"):
                if shared or not executor.task.keep or event.kind not in ("stored", "finished"):
                    return event.kind, event.detail, None
                return event.kind, event.detail, executor.store.files(this.key)
    raise RunFailedError("ended without a word")


def _fetch(data: Data, home: Path, board: Any) -> None:
    import ray

    def ask() -> Parcel:
        while (parcel := ray.get(board.ask.remote(data))) is None:
            time.sleep(ASK_EVERY)
        return parcel

    try:
        receive(data, home, ask, ray.get)
    except (OSError, UserError, ray.exceptions.RayError) as error:
        raise RunFailedError(f"dataset {data[0]} did not reach the node: {error}") from None


def _executor_of(token: str, home: Path, settings: Settings, task: Task) -> LocalExecutor:
    global _executor
    if _executor is None or _executor[0] != token:
        if _executor:
            _executor[1].forks.close()
        _executor = token, LocalExecutor(Store(home), settings, task)
    return _executor[1]


def _own_file(home: Path, source: bytes) -> str:
    path = home / "cache" / "own_files" / f"{sha256(source).hexdigest()[:16]}.py"
    if not path.exists():
        with write_atomically(path) as temporary:
            temporary.write_bytes(source)
    return str(path)
