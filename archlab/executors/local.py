"""Worker processes on this machine: a queue of runs, each computed in a process of its own."""

from __future__ import annotations

import logging
import os
import signal
import time
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from archlab.executors.forks import Forks
from archlab.executors.settings import Settings, Task
from archlab.foundation.machine import visibility, visible_gpus
from archlab.runs.events import Event
from archlab.runs.run import Run
from archlab.runs.store import Store

_log = logging.getLogger("archlab")

SERVER_DIED = "the server of workers died"
STOPPED_BY_OTHERS = "stopped by SIGTERM from outside, as guards against a lack of memory do"
PAUSE = 1.0  # seconds between two looks at a run that another process is computing

_spare: ContextVar[list[Forks] | None] = ContextVar("spare", default=None)


@contextmanager
def one_server() -> Iterator[None]:
    """Within it, executors that follow one another have one server of workers, which takes seconds to import torch."""
    if _spare.get() is not None:
        yield
        return
    spare = list[Forks]()
    token = _spare.set(spare)
    try:
        yield
    finally:
        _spare.reset(token)
        for forks in spare:
            forks.close()


@dataclass
class _Job:
    run: Run
    attempts: int = 0
    not_before: float = 0.0
    slot: int = 0
    started: float | None = None
    value: dict[str, Any] | None = None  # what its process returned
    cause: str | None = None  # why it failed
    mendable: bool = False  # it will fail again until the user mends something
    passing: bool = False  # it failed by no fault of its own
    dropped: bool = False  # ended because nobody wants it any more


class LocalExecutor:
    """Computes submitted runs in up to `settings.at_once` processes at once."""

    def __init__(self, store: Store, settings: Settings, task: Task):
        self.store, self.settings, self.task = store, settings, task
        spare = _spare.get()
        self.forks = spare.pop() if spare else Forks([task.function.partition(":")[0], "archlab.executors.worker"])
        if self.forks.is_dead:
            self.forks.close()
        self.queue: deque[_Job] = deque()
        self.active: dict[str, _Job] = {}
        self.free = list(reversed(range(settings.at_once)))
        self.stopping = False
        self.order: signal.Signals | None = None  # for all active jobs, set by a signal handler

    def __enter__(self) -> LocalExecutor:
        return self

    def __exit__(self, *_: object) -> None:
        spare = _spare.get()
        if spare is None or self.active:
            self.forks.close()
        else:
            spare.append(self.forks)

    @property
    def pending(self) -> int:
        return len(self.queue) + len(self.active)

    def submit(self, run: Run) -> None:
        self.queue.append(_Job(run))

    def events(self, timeout: float = 0.2) -> list[Event]:
        if self.order:
            order, self.order = self.order, None
            for key in self.active:
                self.forks.signal(key, order)
        events = self._start_jobs()
        messages = self.forks.messages(0 if events else timeout)
        if messages is None:
            events += [event for key in list(self.active) for event in self._end(key, SERVER_DIED)]
        for message in messages or []:
            events += self._hear(message)
        self._enforce_time_limit()
        return events

    def drop(self, run: Run) -> None:
        if job := self.active.get(run.key):
            job.dropped = True
            self.forks.signal(run.key, signal.SIGKILL)

    def stop(self) -> None:
        self.stopping, self.order = True, signal.SIGTERM

    def kill(self) -> None:
        self.stopping, self.order = True, signal.SIGKILL

    def _start_jobs(self) -> list[Event]:
        events, waiting = [], []
        while self.queue and (self.free or self.stopping):
            job = self.queue.popleft()
            if self.stopping:
                events.append(Event("stopped", job.run))
            elif job.run.key in self.active or job.not_before > time.monotonic():
                waiting.append(job)
            elif self.task.keep and (stored := self.store.get(job.run.key)):
                events.append(Event("stored", job.run, stored=stored))
            else:
                self._start(job)
        self.queue.extendleft(reversed(waiting))
        return events

    def _start(self, job: _Job) -> None:
        job.slot, job.attempts = self.free.pop(), job.attempts + 1
        job.started = job.value = job.cause = None
        job.passing = False
        self.active[job.run.key] = job
        arguments = {
            "run": job.run.document(),
            "home": str(self.store.home),
            "function": self.task.function,
            "options": self.task.arguments(self.settings),
            "own_files": list(job.run.own_files),
            "keep": self.task.keep,
        }
        log = self._log_of(job.run)
        if log:
            with suppress(OSError):
                log.parent.mkdir(parents=True, exist_ok=True)
        variable, gpus = visibility(), visible_gpus()  # Ray gives others to the next run of a process
        environment = {name: os.environ[name] for name in [variable] if name in os.environ}
        if gpus:
            environment[variable] = gpus[job.slot % len(gpus)]
        self.forks.start(job.run.key, "archlab.executors.worker:perform", arguments, log, **environment)

    def _log_of(self, run: Run) -> Path | None:
        return self.store.unfinished / run.key / "log.txt" if self.task.keep else None

    def _hear(self, message: dict[str, Any]) -> list[Event]:
        key = message["job"]
        job = self.active[key]
        if "ended" in message:
            return self._end(key, _words_for_exit(message["ended"]), message["peak_memory"])
        if "warning" in message.get("report", {}):
            _log.warning("warning: %s: %s", job.run, message["report"]["warning"])
            return []
        if "report" in message:
            return [Event("epoch", job.run, message["report"])]
        if "pid" in message:
            job.started = time.monotonic()
            return [Event("started", job.run, {"pid": message["pid"], "attempt": job.attempts})]
        if "value" in message:
            job.value = message["value"]
        else:
            job.cause, job.mendable, job.passing = message["error"], message["mendable"], message["passing"]
        return []

    def _end(self, key: str, exit_words: str, peak_memory: int | None = None) -> list[Event]:
        """The last event of an attempt whose process is gone."""
        job = self.active.pop(key)
        self.free.append(job.slot)
        with suppress(OSError):  # empty only where NFS has kept it, as files in it were open until now
            (self.store.unfinished / key).rmdir()
        state = job.value.pop("state") if job.value else "failed"
        if state == "busy":
            job.attempts, job.not_before = job.attempts - 1, time.monotonic() + PAUSE
            self.queue.append(job)
            return []
        stored = self.store.get(key) if self.task.keep else None
        if state == "stored" and stored:
            return [Event("stored", job.run, stored=stored)]
        if stored if self.task.keep else state == "finished":
            seconds = time.monotonic() - (job.started or time.monotonic())
            detail = {"seconds": seconds, "peak_memory": peak_memory, **(job.value or {})}
            return [Event("finished", job.run, detail, stored)]
        if job.dropped or (self.stopping and (state == "stopped" or job.cause is None)):
            return [Event("stopped", job.run)]
        cause = job.cause or (STOPPED_BY_OTHERS if state == "stopped" else exit_words)
        log = self._log_of(job.run)
        detail = {"cause": cause, "attempts": job.attempts, "log": str(log) if log else None}
        detail |= {"mendable": job.mendable, "passing": job.passing or exit_words == SERVER_DIED}
        if job.attempts > self.settings.retries or job.mendable or self.stopping:
            return [Event("failed", job.run, detail)]
        self.queue.append(job)
        return [Event("retried", job.run, detail)]

    def _enforce_time_limit(self) -> None:
        limit = self.settings.time_limit
        for key, job in self.active.items():
            if limit and job.started and job.cause is None and time.monotonic() - job.started > limit:
                job.cause = f"took longer than the time limit of {limit:g} s"
                self.forks.signal(key, signal.SIGKILL)


def _words_for_exit(code: int) -> str:
    if code >= 0:
        return f"ended with exit code {code} and without a result"
    number = -code
    try:
        name = signal.Signals(number).name
    except ValueError:
        name = f"signal {number}"
    hint = {"SIGKILL": ", often the system's answer to a lack of memory", "SIGSEGV": ", a segmentation fault"}
    return f"killed by {name}{hint.get(name, '')}"
