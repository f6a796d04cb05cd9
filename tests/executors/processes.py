"""Living processes, by the kernel's account."""

import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

HOLD = """
import sys, time
from pathlib import Path
from archlab.runs.lock import lock
with lock(Path(sys.argv[1])) as held:
    print(held, flush=True)
    sys.stdin.read()
"""


def parents() -> dict[int, int]:
    """Every living process's parent; zombies are not alive."""
    found = {}
    for stat in Path("/proc").glob("[0-9]*/stat"):
        with suppress(OSError):
            state, parent = stat.read_text().rpartition(")")[2].split()[:2]
            if state != "Z":
                found[int(stat.parent.name)] = int(parent)
    return found


def descendants(pid: int) -> list[int]:
    """Children, their children, and so on."""
    found, parent_of = [], parents()
    for child in sorted(parent_of):
        ancestor = parent_of[child]
        while ancestor not in (pid, 0):
            ancestor = parent_of.get(ancestor, 0)
        if ancestor == pid:
            found.append(child)
    return found


def all_gone(pids: list[int], within: float = 10.0) -> bool:
    """Whether none of the processes is alive, `within` seconds from now."""
    deadline = time.monotonic() + within
    while set(pids) & set(parents()):
        if time.monotonic() > deadline:
            return False
        time.sleep(0.01)
    return True


@contextmanager
def held_elsewhere(folder: Path) -> Iterator[bool]:
    """Whether another process could take the lock of a run's folder, which it holds meanwhile."""
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
    with subprocess.Popen([sys.executable, "-c", HOLD, str(folder)], text=True, **pipes) as holder:
        yield holder.stdout.readline().strip() == "True"
        holder.stdin.close()
