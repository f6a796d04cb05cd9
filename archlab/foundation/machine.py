"""What this machine is, as far as speed depends on it."""

from __future__ import annotations

import os
import platform
import subprocess
from contextlib import suppress
from functools import cache
from importlib.metadata import version
from itertools import takewhile
from pathlib import Path

DEVICES = Path("/dev")
BOARD = Path("/proc/device-tree/model")
AMD = Path("/sys/class/kfd/kfd/topology/nodes")
OF_WINDOWS = Path("/usr/lib/wsl/lib")
QUOTA = Path("/sys/fs/cgroup/cpu.max")  # microseconds of all cores in so many
QUOTA_1 = Path("/sys/fs/cgroup/cpu")  # the folder of both by version 1 of control groups


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
    with suppress(OSError, ValueError):  # no container, or one without a bound, which is called `max`, or -1
        most, period = map(int, _quota())
        cores = min(cores, max(most // period, 1)) if most > 0 else cores
    return cores


def _quota() -> list[str]:
    if QUOTA.exists():
        return QUOTA.read_text().split()
    return [(QUOTA_1 / f"cpu.cfs_{name}_us").read_text() for name in ("quota", "period")]


@cache
def gpu_names() -> tuple[str, ...]:
    """The GPUs, as their driver calls them; initialises none."""
    lines = [
        line
        for path in sorted(Path("/proc/driver/nvidia/gpus").glob("*/information"))
        for line in path.read_text().splitlines()
    ]
    return tuple(line.partition(":")[2].strip() for line in lines if line.startswith("Model:")) or _not_numbered()


@cache
def _not_numbered() -> tuple[str, ...]:
    """The GPUs that have no `nvidia0` among the devices: AMD's under ROCm, those that Windows lends to WSL, a Jetson's."""
    if "+rocm" in version("torch"):
        return tuple(_of_amd())
    if (DEVICES / "dxg").exists():
        return tuple(_of_windows())
    if any((DEVICES / name).exists() for name in ("nvhost-gpu", "nvgpu")):
        with suppress(OSError):  # a container does not see it
            return (BOARD.read_text().rstrip("\0"),)
        return ("NVIDIA Tegra",)
    return ()


def _of_windows() -> list[str]:
    """Those that NVIDIA's driver names, none where Windows has none of it."""
    asked = ["nvidia-smi", "--query-gpu=name", "--format=csv,noheader"]
    places = {**os.environ, "PATH": f"{OF_WINDOWS}:{os.environ.get('PATH', '')}"}
    with suppress(OSError, subprocess.SubprocessError):
        told = subprocess.run(asked, env=places, capture_output=True, text=True, check=True, timeout=20)
        return told.stdout.splitlines()
    return []


def _of_amd() -> list[str]:
    """Those that ROCR_VISIBLE_DEVICES leaves, under their names in the kernel; processors are nodes without a number."""
    found = []
    for number in sorted(AMD.glob("*/gpu_id")):
        with suppress(OSError):  # not this container's
            if number.read_text().strip() != "0":
                found.append(f"AMD {number.with_name('name').read_text().strip()}")
    left = os.environ.get("ROCR_VISIBLE_DEVICES")
    return found if left is None else found[: len(list(filter(None, left.split(","))))]


def gpu_count() -> int:
    """GPUs that runs may use; initialises none."""
    return len(visible_gpus()) if gpu_names() and not version("torch").endswith("+cpu") else 0


def visibility() -> str:
    """The variable that says which GPUs a process sees: ROCm reads CUDA's where its own is not there."""
    own = "HIP_VISIBLE_DEVICES"
    return own if own in os.environ and "+rocm" in version("torch") else "CUDA_VISIBLE_DEVICES"


def visible_gpus() -> list[str]:
    """The GPUs that runs are spread over, by the names of the variable `visibility`; initialises none."""
    named = os.environ.get(visibility())
    if named is None:  # a container numbers its own anew
        return [str(number) for number in range(len(list(DEVICES.glob("nvidia[0-9]*"))) or len(_not_numbered()))]
    shown = takewhile(lambda name: not name.startswith("-"), map(str.strip, named.split(",")))  # CUDA ends at a -1
    return [name for name in shown if name]


def host_of_processes() -> str:
    """The name of this machine, and the number of the namespace in which its processes are seen here: containers may share the
    name, and have a process 7 each."""
    with suppress(OSError):
        return f"{platform.node()}-{os.readlink('/proc/self/ns/pid').strip('pid:[]')}"  # noqa: PTH115
    return platform.node()


def is_alive(pid: int) -> bool:
    """Whether a process of that number is seen here."""
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
