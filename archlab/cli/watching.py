"""A view of runs as they go: live on a terminal, a line a run elsewhere, nothing when quiet. On standard error."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from archlab.foundation.escaping import in_one_line
from archlab.foundation.words import counted, duration
from archlab.runs.events import Event

if TYPE_CHECKING:
    from rich.console import Console, RenderableType

MOST_SHOWN = 12  # running runs


class Watch:
    """An `on_event` of `execute` that shows what happens; a context manager.

    Args:
        total: Runs in all.
        workers: Runs at once.
        predicted: Seconds by key, where a plan has predicted them.
        quiet: Show nothing but failures.
        below: Something to show below the runs, such as the table so far; called for every picture.
        console: Of rich; standard error by default.
    """

    def __init__(
        self,
        total: int,
        workers: int,
        *,
        predicted: Mapping[str, float] | None = None,
        quiet: bool = False,
        below: Callable[[], RenderableType] | None = None,
        console: Console | None = None,
    ):
        from rich.console import Console

        self.total, self.workers, self.predicted = total, workers, predicted or {}
        self.quiet, self.below = quiet, below
        self.console = console or Console(stderr=True)
        self.live: Any = None
        self.running: dict[str, Event] = {}
        self.last: dict[str, dict[str, Any]] = {}  # what training told after the last epoch
        self.stored, self.failed = set[str](), set[str]()  # keys
        self.seconds: dict[str, float] = {}  # of finished runs
        self.began = time.monotonic()

    def __enter__(self) -> Watch:
        if self.console.is_terminal and not self.quiet:
            from rich.live import Live

            self.live = Live(get_renderable=self._picture, console=self.console, refresh_per_second=4, transient=True)
            self.live.start()
        return self

    def __exit__(self, *_: object) -> None:
        if self.live:
            self.live.stop()

    def __call__(self, event: Event) -> None:
        key = event.run.key
        if event.kind == "started":
            self.running[key] = event
        elif event.kind == "epoch":
            self.last[key] = event.detail
        else:
            self.running.pop(key, None)
        if event.kind == "stored":
            self.stored.add(key)
        elif event.kind == "finished":
            self.seconds[key] = event.detail["seconds"]
            self._tell(f"{event.run}: {self._accuracy(key)}{event.detail['seconds']:.1f} s")
        elif event.kind in ("failed", "retried"):
            if event.kind == "failed":
                self.failed.add(key)
            self._tell(f"{event.run} {event.kind}: {event.detail['cause']}", always=event.kind == "failed")

    @property
    def done(self) -> int:
        return len(self.stored) + len(self.seconds)

    def seconds_left(self) -> float | None:
        """By the predictions, corrected by how long finished runs took; without them by the mean. None: no idea yet."""
        missing = self.total - self.done - len(self.failed)
        if not self.seconds:
            return None
        if self.predicted:
            known = {key: seconds for key, seconds in self.predicted.items() if key in self.seconds}
            if not known:
                return None
            ratio = sum(self.seconds[key] for key in known) / (sum(known.values()) or 1)
            ended = self.stored | self.failed | self.seconds.keys()
            work = ratio * sum(seconds for key, seconds in self.predicted.items() if key not in ended)
        else:
            work = missing * sum(self.seconds.values()) / len(self.seconds)
        running = sum(time.time() - event.time for event in self.running.values())
        return max(work - running, 0) / max(min(self.workers, missing), 1)

    def _tell(self, line: str, *, always: bool = False) -> None:
        if always or not self.quiet:
            count = f"[{self.done + len(self.failed)}/{self.total}]"
            self.console.print(in_one_line(f"{count} {line}"), markup=False, highlight=False, soft_wrap=True)

    def _accuracy(self, key: str) -> str:
        accuracy = self.last.get(key, {}).get("validation_accuracy")
        return "" if accuracy is None else f"validation accuracy {accuracy:.4f}, "

    def _summary(self) -> str:
        parts = [
            f"{self.done} of {counted(self.total, 'run')} done",
            f"{len(self.running)} running",
            f"{len(self.failed)} failed",
        ]
        if self.seconds:
            parts.append(f"{60 * len(self.seconds) / (time.monotonic() - self.began):.1f} a minute")
        if (left := self.seconds_left()) is not None:
            parts.append(f"{duration(left)} left")
        return ", ".join(parts)

    def _picture(self) -> RenderableType:
        from rich.console import Group
        from rich.progress_bar import ProgressBar
        from rich.table import Table
        from rich.text import Text

        table = Table(box=None, pad_edge=False, show_header=False)
        for key, event in list(self.running.items())[:MOST_SHOWN]:
            epoch = self.last.get(key, {}).get("epoch", 0)
            told = f"epoch {epoch}  {self._accuracy(key)}" if epoch else ""
            table.add_row(Text(in_one_line(str(event.run))), duration(time.time() - event.time), told.rstrip(", "))
        bar = Table.grid(padding=(0, 2))
        bar.add_row(
            ProgressBar(total=max(self.total, 1), completed=self.done + len(self.failed), width=30), self._summary()
        )
        return Group(bar, table, *([self.below()] if self.below else []))
