"""What happens to runs, as it happens."""

from __future__ import annotations

import json
import logging
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from archlab.foundation import UserError
from archlab.runs.run import Run

_log = logging.getLogger("archlab")


@dataclass(frozen=True)
class Event:
    """One thing that happened to one run. With `stored` and `finished` comes the stored document of the run, as `Store.get`
    gives it, where results are kept.

    Kinds: `stored` (was there already), `started`, `epoch` (detail: what training reports), `finished` (detail:
    seconds), `retried` and `failed` (detail: cause, attempts, log; mendable: only the user can help; passing: it is no fault
    of the run's, as a full disk is), `stopped` (as asked; it goes on from its checkpoint next time).
    """

    kind: str
    run: Run
    detail: dict[str, Any] = field(default_factory=dict)
    stored: dict[str, Any] | None = None
    time: float = field(default_factory=time.time)

    def document(self) -> dict[str, Any]:
        """A flat JSON object: event, time (seconds since 1970), key, model, dataset, seed, and the details."""
        run = self.run
        named = {"key": run.key, "model": run.model, "dataset": run.dataset, "seed": run.seed}
        return {"event": self.kind, "time": round(self.time, 3), **named, **self.detail}


@dataclass(frozen=True)
class Failure:
    """A run that failed as often as it may: `cause` in one line, `log` a file here with what its last process wrote."""

    run: Run
    cause: str
    attempts: int
    log: str | None = None

    def document(self) -> dict[str, Any]:
        """Of what failed and why, for JSON."""
        run = self.run
        named = {"model": run.model, "dataset": run.dataset, "seed": run.seed}
        return {**named, "cause": self.cause, "attempts": self.attempts}

    def __str__(self) -> str:
        times = "" if self.attempts == 1 else f" ({self.attempts} attempts)"
        log = f"; its log is {self.log}" if self.log else ""
        return f"{self.run}: {self.cause}{times}{log}"


class EventLog:
    """Appends events to a file of JSON Lines. What cannot be written later, on a full disk, stops nothing and is said once.

    Raises UserError where the file cannot be written from the beginning.
    """

    def __init__(self, path: str | Path):
        self.path, self.complete = Path(path), True
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            self.path.open("a").close()
        except (OSError, ValueError) as error:
            raise UserError(
                f"events cannot be written: {getattr(error, 'strerror', None) or error}", where=str(path)
            ) from None

    def __call__(self, event: Event) -> None:
        try:
            self._append((json.dumps(event.document()) + "\n").encode())
        except OSError as error:
            if self.complete:
                _log.warning("warning: %s lacks events: %s", self.path, error.strerror)
            self.complete = False

    def _append(self, line: bytes) -> None:
        """All of it or nothing: the next one would be appended to half a line."""
        with self.path.open("ab", buffering=0) as file:
            written = file.write(line)
            try:
                while written < len(line):
                    written += file.write(line[written:])
            except OSError:
                file.truncate(file.tell() - written)
                raise
