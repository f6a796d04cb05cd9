"""Servers of workers that executors of several tests use one after the other: to import torch takes seconds."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from archlab.executors.forks import Forks

TRAINING = ("archlab.executors.training", "archlab.forecast.measuring", "standin_reading", "archlab.executors.worker")
STANDING_IN = ("standin", "standin_training", "standin_search", "standin_pick", "archlab.executors.worker")


class Servers:
    """One for all that trains, which has imported torch, and a small one for stand-ins."""

    def __init__(self) -> None:
        self.process = os.getpid()
        self.training, self.standing_in = _Kept(TRAINING), _Kept(STANDING_IN)

    def lend(self, preload: list[str]) -> Forks | Lent:
        """In the place of `Forks(preload)`: one that another executor has is not lent, nor any to a child of this process."""
        trains = preload[0].startswith("archlab.") or preload[0] in TRAINING
        kept = self.training if trains else self.standing_in
        if kept.is_lent or os.getpid() != self.process:
            return Forks(preload)
        if kept.is_dead:
            kept.close()
        return Lent(kept)

    def close(self) -> None:
        for kept in (self.training, self.standing_in):
            kept.close()


class _Kept(Forks):
    """Started as before any test, whatever a test has made of the environment and the folder."""

    environment, folder = dict(os.environ), Path.cwd()

    def __init__(self, preload: tuple[str, ...]):
        super().__init__(list(preload))
        self.is_lent = False

    def _start_server(self) -> None:
        with pytest.MonkeyPatch.context() as patched:
            patched.chdir(self.folder)
            patched.setattr(os, "environ", self.environment)
            super()._start_server()


class Lent:
    """What an executor has of a server: closing it ends the server only where jobs are left behind."""

    def __init__(self, kept: _Kept):
        self.kept, self.jobs = kept, set[str]()
        kept.is_lent = True

    @property
    def is_dead(self) -> bool:
        return self.kept.is_dead

    def start(self, job: str, *arguments: Any, **environment: str) -> None:
        self.kept.is_lent = True
        self.jobs.add(job)
        self.kept.start(job, *arguments, **environment)

    def signal(self, job: str, number: int) -> None:
        self.kept.signal(job, number)

    def messages(self, timeout: float) -> list[dict[str, Any]] | None:
        told = self.kept.messages(timeout)
        if told is None:
            self.jobs.clear()
        for each in told or []:
            if "ended" in each:
                self.jobs.discard(each["job"])
        return told

    def close(self) -> None:
        if self.jobs or self.kept.is_dead:
            self.kept.close()
        self.jobs.clear()
        self.kept.is_lent = False
