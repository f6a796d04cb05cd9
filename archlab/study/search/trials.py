"""Trials of a search in an Optuna storage: what became of them, whose they are, which count; and those that are at work here.

Optuna ends a trial once and for all. So a design that was stopped early and goes on after all, or whose process died, gets
another trial, which says which one it `continues`: the design's first. That one's number is the design's.

A trial's user attributes: `model`, `design` (digest), `width`, `params`, `macs`, `peak_memory`, `latency_ms` (where it counts),
`worker`; `accuracies`, `runs` (keys) and `seconds` by dataset as they come; `middle` (epoch, accuracy, seconds) of the first
run; `xscore`, `mean`, `variance` at the end; `known` (found in the store, not tried here), `failed` (why), `above` (why the
budget does not allow the design, which was timed and not trained), `continues` (see above).
"""

from __future__ import annotations

import os
import time
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import optuna
from optuna.trial import FrozenTrial, TrialState

from archlab.foundation.machine import host_of_processes, is_alive
from archlab.runs import Event
from archlab.study.search.designs import Design

optuna.logging.set_verbosity(optuna.logging.WARNING)

BEAT = 60.0  # seconds between signs of life
SILENCE = 300.0  # seconds without one after which a worker of another machine is given up
ALIVE = "alive:"
ORDER = "datasets"  # a user attribute of a search: those that its designs meet, in order
DONE = (TrialState.COMPLETE, TrialState.PRUNED)


@contextmanager
def experimental() -> Iterator[None]:
    """Around what Optuna calls experimental: it says so at every use."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
        yield


class Trials:
    """The trials of one search, as this process sees them."""

    def __init__(self, study: optuna.Study):
        self.study = study
        self.worker = f"{_here()}:{os.getpid()}:{_start_of(os.getpid())}"
        self.last_beat = 0.0

    def all(self) -> list[FrozenTrial]:
        return self.study.get_trials(deepcopy=False)

    def history(self) -> list[FrozenTrial]:
        """Of each design the trial that says most, in the order of their numbers: one at work, complete or failed, else the
        last of those that were stopped early. Those given up are not among them, and one that is known is there once."""
        designs: dict[int, FrozenTrial] = {}
        for trial in self.all():
            if trial.state in (*DONE, TrialState.RUNNING) or has_failed(trial):
                former = designs.get(number(trial))
                if former is None or former.state == TrialState.PRUNED:
                    designs[number(trial)] = trial
        found = [designs[each] for each in sorted(designs)]
        listed = [*filter(counts, found), *found]  # what was tried here goes before what is known
        first = {digest_of(trial): trial for trial in reversed(listed)}
        return [trial for trial in found if counts(trial) or trial is first[digest_of(trial)]]

    def tried(self) -> int:
        """How many designs were tried here, or are being tried."""
        return sum(counts(trial) for trial in self.history())

    def unfinished(self) -> list[FrozenTrial]:
        return self.study.get_trials(deepcopy=False, states=(TrialState.RUNNING,))

    def given_up(self) -> list[FrozenTrial]:
        """Trials whose process died or was interrupted, and whose design nobody has taken up again."""
        alive = {trial.user_attrs.get("design") for trial in self.history()}
        lost: dict[str, FrozenTrial] = {}
        for trial in self.all():
            design = trial.user_attrs.get("design")
            if trial.state == TrialState.FAIL and not has_failed(trial) and design and design not in alive:
                lost.setdefault(design, trial)
        return list(lost.values())

    def give_up_stale(self) -> None:
        """Ends the trials of processes that are gone, so that they are repeated."""
        signs = self.study.user_attrs
        for trial in self.unfinished():
            if self._is_stale(trial, signs):
                self.give_up(trial.number)

    def give_up_own(self) -> None:
        """Ends those that an error left at work in this process, before it begins others."""
        for trial in self.unfinished():
            if trial.user_attrs.get("worker") == self.worker:
                self.give_up(trial.number)

    def give_up(self, number: int) -> None:
        with suppress(ValueError, RuntimeError):  # it has ended meanwhile
            self.study.tell(number, state=TrialState.FAIL)

    def beat(self) -> None:
        """Tells other machines, once a minute, that this process is there."""
        now = time.time()
        if now - self.last_beat > BEAT:
            self.last_beat = now
            self.study.set_user_attr(ALIVE + self.worker, now)

    def _is_stale(self, trial: FrozenTrial, signs: dict[str, Any]) -> bool:
        worker = trial.user_attrs.get("worker")
        if worker is None:  # died before it could say who it was, or is just about to
            started = trial.datetime_start.timestamp() if trial.datetime_start else 0.0
            return time.time() - started > SILENCE
        host, pid, start = worker.rsplit(":", 2)
        if host == _here():
            return _start_of(int(pid)) != start
        return time.time() - signs.get(ALIVE + worker, 0.0) > SILENCE


@dataclass
class ActiveTrial:
    """A trial of this process, at work on the dataset after those that it has accuracies of; `number` is the design's."""

    trial: optuna.Trial
    design: Design
    number: int
    accuracies: dict[str, float] = field(default_factory=dict)
    runs: dict[str, str] = field(default_factory=dict)
    seconds: dict[str, float] = field(default_factory=dict)
    middle: float | None = None  # validation accuracy in the middle of its first run
    waits: bool = False  # does not go on from there: its run is being ended

    def take_over(self, former: FrozenTrial) -> None:
        """Makes it what a former trial of the same design was when it stopped."""
        for name in ("accuracies", "runs", "seconds"):
            setattr(self, name, dict(former.user_attrs.get(name, {})))
        self._note()
        if "latency_ms" in former.user_attrs:
            self.trial.set_user_attr("latency_ms", former.user_attrs["latency_ms"])
        if "middle" in former.user_attrs:
            self.note_middle(former.user_attrs["middle"])
        for step, value in former.intermediate_values.items():
            self.trial.report(value, step)

    def meet(self, event: Event, value: float) -> None:
        """Notes what the run on a dataset came to in the study's metric."""
        run, stored = event.run, event.stored or {}
        self.accuracies[run.dataset] = value
        self.runs[run.dataset], self.seconds[run.dataset] = run.key, stored["seconds"]
        self._note()

    def _note(self) -> None:
        for name in ("accuracies", "runs", "seconds"):
            self.trial.set_user_attr(name, getattr(self, name))

    def note_middle(self, middle: dict[str, Any]) -> None:
        self.middle = middle["accuracy"]
        self.trial.set_user_attr("middle", middle)


def facts(design: Design) -> dict[str, Any]:
    """What a trial says about its design."""
    return {
        "model": design.name,
        "design": design.digest,
        "width": design.width,
        "params": design.cost.params,
        "macs": design.cost.macs,
        "peak_memory": design.cost.peak_memory,
    }


def middle_facts(entry: Mapping[str, Any]) -> dict[str, Any]:
    """What a trial says about the middle of its first run, of that epoch's entry in the run's history."""
    return {"epoch": entry["epoch"], "accuracy": entry["validation_accuracy"], "seconds": entry["seconds"]}


def has_failed(trial: FrozenTrial) -> bool:
    return trial.state == TrialState.FAIL and "failed" in trial.user_attrs


def is_above(trial: FrozenTrial) -> bool:
    """Whether its design was timed and does not keep the budget."""
    return "above" in trial.user_attrs


def number(trial: FrozenTrial) -> int:
    """Of the design: that of its first trial."""
    return trial.user_attrs.get("continues", trial.number)


def digest_of(trial: FrozenTrial) -> str | None:
    """Of the trial's design; None where it has not come to one."""
    return trial.user_attrs.get("design")


def counts(trial: FrozenTrial) -> bool:
    """Whether one of the history is among the trials that were asked for."""
    return "known" not in trial.user_attrs and not is_above(trial)


def middle_accuracy(trial: FrozenTrial) -> float | None:
    """Of a trial that has come to the middle of its first run."""
    return trial.user_attrs.get("middle", {}).get("accuracy")


def accuracies(trial: FrozenTrial) -> dict[str, float]:
    """By dataset, of those that it has met."""
    return trial.user_attrs.get("accuracies", {})


def _here() -> str:
    """This machine, and whose processes are seen here: machines that were cloned, and containers, may have one name."""
    with suppress(OSError):
        return f"{host_of_processes()} {Path('/proc/sys/kernel/random/boot_id').read_text().strip()}"
    return host_of_processes()


def _start_of(pid: int) -> str:
    """When a process of this machine started; empty where there is none, or the system does not say."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[19]
    except OSError:
        return "" if not is_alive(pid) else "?"
