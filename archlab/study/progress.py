"""What hears how a study goes."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from archlab.forecast import Plan
from archlab.runs import Event


class Progress:
    """Hears how a study goes, and keeps silent; the command line has one that shows it."""

    def say(self, words: str) -> None:
        """Hears one line for people."""

    def measuring(self, event: Event) -> None:
        """Hears what happens while the speed of this machine is measured."""

    @contextmanager
    def computing(self, what: str, plan: Plan) -> Iterator[Callable[[Event], None]]:
        """Around the computing of a plan's runs; gives what hears their events."""
        yield lambda event: None

    def event(self, event: Event) -> None:
        """Hears what happens to a run of a search's trial."""

    def trial(self, trial: Any, best: float | None) -> None:
        """Hears of an `optuna.trial.FrozenTrial` of a search that has ended, and of the best xScore so far."""

    def found(self, result: Any) -> None:
        """Hears what an ablation or a search has found, before it is written: the disk may be full."""
