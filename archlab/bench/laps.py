"""Contenders: ways of doing one thing, each in a process of its own, that take turns.

A contender is a function `function(lap, **arguments)` that does its work in equal portions and calls `lap(images)` after
each; the first is its warm-up. Processes are needed because the allocator's settings hold for a whole process.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any

from archlab.executors.forks import ALLOCATOR, ONE_THREAD
from archlab.foundation import UserError

_PROGRAM = """
import json, sys
from pkgutil import resolve_name
sys.path[:], function, arguments = json.loads(sys.argv[1])
from archlab.bench.laps import Lap
resolve_name(function)(Lap(), **arguments)
"""


@dataclass(frozen=True)
class Portion:
    """Images, and the CPU and wall seconds that they took; CPU time is that of the process and all it has started."""

    images: int
    cpu: float
    wall: float


class Lap:
    """In a contender's process: tells what a portion took and waits for the word to go on."""

    def __init__(self) -> None:
        self.out = os.fdopen(os.dup(1), "w")  # nothing that a library prints may come between
        os.dup2(2, 1)
        self._start()

    def __call__(self, images: int) -> None:
        portion = {"images": images, "cpu": cpu_seconds() - self.cpu, "wall": time.perf_counter() - self.wall}
        print(json.dumps(portion), file=self.out, flush=True)
        if not sys.stdin.readline():
            os._exit(0)
        self._start()

    def _start(self) -> None:
        self.cpu, self.wall = cpu_seconds(), time.perf_counter()


class Contender:
    """A contender's process, started.

    `threads` None: as many as torch takes by itself. `allocator`: with the settings that archlab's workers have.
    """

    def __init__(self, function: str, arguments: dict[str, Any], *, threads: int | None = 1, allocator: bool = True):
        environment = {name: value for name, value in os.environ.items() if name not in (*ALLOCATOR, *ONE_THREAD)}
        environment |= dict.fromkeys(ONE_THREAD, str(threads)) if threads else {}
        environment |= ALLOCATOR if allocator else {}
        folders = [folder for folder in sys.path if isinstance(folder, str)]  # and not the working directory's modules
        self.process = subprocess.Popen(
            [sys.executable, "-P", "-c", _PROGRAM, json.dumps([folders, function, arguments])],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=environment,
            text=True,
        )
        self.function = function

    def go(self) -> None:
        assert self.process.stdin
        with suppress(BrokenPipeError):  # it died while it waited: `portion` says so
            self.process.stdin.write("go\n")
            self.process.stdin.flush()

    def portion(self) -> Portion:
        """Waits for the portion under way. Raises UserError with the last words of a process that died, or its signal."""
        assert self.process.stdout and self.process.stderr
        line = self.process.stdout.readline()
        if not line:
            words = self.process.stderr.read().strip().splitlines() or ["no words"]
            ended = self.process.wait()
            raise UserError(f"{self.function} failed: {words[-1] if ended >= 0 else f'killed by signal {-ended}'}")
        return Portion(**json.loads(line))

    def close(self) -> None:
        self.process.kill()
        self.process.communicate()


class Contest:
    """Contenders by name; a name with several runs them at the same time. A context manager that leaves none behind."""

    def __init__(self, contenders: dict[str, list[Contender]]):
        self.contenders = contenders

    def __enter__(self) -> Contest:
        try:
            for each in self._all():
                each.portion()
        except BaseException:
            self._close()
            raise
        return self

    def __exit__(self, kind: type | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._close()

    def _close(self) -> None:
        for each in self._all():
            each.close()

    def round(self) -> dict[str, Portion]:
        """One portion of every name, one name after the other."""
        return {name: self._turn(members) for name, members in self.contenders.items()}

    def _turn(self, members: list[Contender]) -> Portion:
        for each in members:
            each.go()
        done = [each.portion() for each in members]
        return Portion(
            sum(each.images for each in done), sum(each.cpu for each in done), max(each.wall for each in done)
        )

    def _all(self) -> Iterable[Contender]:
        return [each for members in self.contenders.values() for each in members]


def rounds_of(
    contenders: dict[str, list[Contender]], repeats: int, progress: Callable[[str], None], what: str = ""
) -> list[dict[str, Portion]]:
    """So many rounds of a contest."""
    rounds = []
    with Contest(contenders) as contest:
        for number in range(repeats):
            progress(f"{what}round {number + 1} of {repeats}")
            rounds.append(contest.round())
    return rounds


def cpu_seconds() -> float:
    """Of this process and every living or ended child, threads included; children only where /proc tells."""
    own = os.times()
    ticks = os.sysconf("SC_CLK_TCK") if hasattr(os, "sysconf") else 100
    total = time.process_time() + own.children_user + own.children_system
    for child in _children(os.getpid()):
        fields = Path(f"/proc/{child}/stat").read_text().rpartition(")")[2].split()
        total += (int(fields[11]) + int(fields[12])) / ticks  # utime, stime
    return total


def _children(pid: int) -> list[str]:
    return [child for task in Path(f"/proc/{pid}/task").glob("*/children") for child in task.read_text().split()]
