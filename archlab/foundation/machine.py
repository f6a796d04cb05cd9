"""What this machine is, as far as speed depends on it."""

from __future__ import annotations

import os
import platform
from contextlib import suppress
from functools import cache
from importlib.metadata import version
from itertools import takewhile
from pathlib import Path

DEVICES = Path("/dev")
QUOTA = Path("/sys/fs/cgroup/cpu.max")  # microseconds of all cores in so many


@cache
def cpu_name() -> str:
    """The processor, as the operating system calls it."""
    information = Path("/proc/cpuinfo")
    if information.exists():
        for line in information.read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()


def core_count() -> int:
    """Cores that this process may use: those that it may run on, within what its container may have of them."""
    on_linux = hasattr(os, "sched_getaffinity")
    cores = len(os.sched_getaffinity(0)) if on_linux else os.cpu_count() or 1
    with suppress(OSError, ValueError):  # no container, or one without a bound, which is called `max`
        most, period = map(int, QUOTA.read_text().split())
        cores = min(cores, max(most // period, 1))
    return cores


@cache
def gpu_names() -> tuple[str, ...]:
    """The GPUs, as their driver calls them; asks the file system alone and initialises nothing."""
    lines = [
        line
        for path in sorted(Path("/proc/driver/nvidia/gpus").glob("*/information"))
        for line in path.read_text().splitlines()
    ]
    return tuple(line.partition(":")[2].strip() for line in lines if line.startswith("Model:"))


def gpu_count() -> int:
    """GPUs that runs may use; initialises none."""
    return len(visible_gpus()) if gpu_names() and not version("torch").endswith("+cpu") else 0


def visible_gpus() -> list[str]:
    """The GPUs that runs are spread over, by the names of CUDA_VISIBLE_DEVICES; initialises none."""
    named = os.environ.get("CUDA_VISIBLE_DEVICES")
    if named is None:  # a container numbers its own anew
        return [str(number) for number, _ in enumerate(DEVICES.glob("nvidia[0-9]*"))]
    shown = takewhile(lambda name: not name.startswith("-"), map(str.strip, named.split(",")))  # CUDA ends at a -1
    return [name for name in shown if name]


def is_alive(pid: int) -> bool:
    """Whether this machine has a process of that number."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        pass
    return True


def is_open(descriptor: int) -> bool:
    """Whether this process has a file of that number open."""
    try:
        os.fstat(descriptor)
    except OSError:
        return False
    return True
