"""What actions take, in seconds of CPU and wall time."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field

import click

from archlab.bench.laps import cpu_seconds
from archlab.bench.measured import Bench, Spread
from archlab.cli.bench import spread_text
from archlab.cli.tables import print_table

Seconds = dict[str, float]
"""Of "cpu" and "wall" time."""


@dataclass
class TimedBench(Bench):
    """A measurement of actions. `most`: wall seconds that one is meant to stay within, where something was promised."""

    seconds: dict[str, dict[str, Spread]] = field(default_factory=dict)
    most: dict[str, float] = field(default_factory=dict)

    def add_seconds(self, rounds: list[dict[str, Seconds]]) -> None:
        """Adds what actions took in each round."""
        for name in rounds[0]:
            self.seconds[name] = {
                kind: Spread.of([round_[name][kind] for round_ in rounds]) for kind in ("cpu", "wall")
            }

    def print(self) -> None:
        click.echo(f"{self.name}: milliseconds, median (min to max)")
        rows = []
        for name, clocks in self.seconds.items():
            most = f"{1000 * self.most[name]:g}" if name in self.most else ""
            cpu, wall = (spread_text(clocks[kind], 1000) for kind in ("cpu", "wall"))
            rows.append([name, cpu, wall, str(clocks["wall"].n), most])
        print_table(["", "CPU time", "wall time", "n", "wall at most"], rows)


def timed(action: Callable[[], object], times: int = 1) -> Seconds:
    """What an action takes, the mean of so many calls; CPU time is that of this process and all it has started."""
    wall, cpu = time.perf_counter(), cpu_seconds()
    for _ in range(times):
        action()
    return {"cpu": (cpu_seconds() - cpu) / times, "wall": (time.perf_counter() - wall) / times}
