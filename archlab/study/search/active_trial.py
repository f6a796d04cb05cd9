"""A trial that is being computed."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import optuna
from optuna.trial import FrozenTrial

from archlab.runs import Event
from archlab.study.search.designs import Design


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
