"""What a pick has decided, kept in the store: how long things take differs from time to time, and the same command must come by
the same runs."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import datetime
from typing import Any, TypeVar

from archlab.forecast.costs import hardware
from archlab.forecast.kept import keep_measurement, read_measurement
from archlab.runs import Store
from archlab.runs.code import code_digest
from archlab.runs.run import digest

_FOLDER, _FORMAT = "picks", 5
_NO_BLOCKS: dict[str, Any] = {"layers": [], "head": {}}
Decision = TypeVar("Decision")


class Clock:
    """How much of the time is left, counted from when the command began.

    Args:
        within: Seconds that there are.
        began: By `time.monotonic`.
        spent: Seconds that an interrupted command has spent before.
    """

    def __init__(self, within: float, began: float, spent: float = 0.0):
        self.within, self._before, self._began = within, spent, began

    @property
    def spent(self) -> float:
        return self._before + time.monotonic() - self._began

    @property
    def left(self) -> float:
        """Seconds; none once the time is over."""
        return max(self.within - self.spent, 0.0)


class Decisions:
    """Those of one request.

    Args:
        asked: What they rest on, beside this machine, archlab's version and the code of its loop, by which other things take
            other times.
        within: Seconds that there are, since `began` by `time.monotonic`.
    """

    def __init__(self, store: Store, asked: dict[str, Any], within: float, began: float):
        from archlab import __version__

        rests_on = [asked, _FORMAT, __version__, code_digest(_NO_BLOCKS), *hardware()]
        self.store, self.name = store, digest(rests_on)[:32]
        started = datetime.now().astimezone().isoformat(timespec="seconds")
        anew: dict[str, Any] = {"spent": 0.0, "decided": {}, "trained": 0, "started": started}
        self._kept = read_measurement(store, _FOLDER, self.name) or anew
        self.clock = Clock(within, began, self._kept["spent"])

    @property
    def started(self) -> str:
        """When the first of the commands began, in ISO 8601."""
        found: str = self._kept["started"]
        return found

    @property
    def trained(self) -> int:
        """How many trainings had ended when most had."""
        found: int = self._kept["trained"]
        return found

    @property
    def seconds(self) -> float:
        """Of all commands until the network was chosen."""
        return self._kept.get("seconds") or self.clock.spent

    def has(self, what: str) -> bool:
        return what in self._kept["decided"]

    def decide(self, what: str, how: Callable[[], Decision]) -> Decision:
        """What was decided before; else what `how` says, a JSON value, which is kept."""
        decided = self._kept["decided"]
        if not self.has(what):
            decided[what] = how()
            self.save()
        found: Decision = decided[what]
        return found

    def note_trained(self, count: int) -> None:
        """Keeps that so many trainings have ended."""
        self._kept["trained"] = max(count, self.trained)
        self.save()

    def finish(self) -> None:
        """Keeps the time too, of which the same command takes no more."""
        self._kept["seconds"] = self.seconds
        self.save()

    def save(self) -> None:
        """Keeps them, and the time that was spent."""
        keep_measurement(self.store, _FOLDER, self.name, {**self._kept, "spent": self.clock.spent})
