"""Contenders for the tests, run in processes of their own."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

BURN = "import time\nwhile time.process_time() < 0.3: pass"


def burns(lap, *, log: str, name: str) -> None:
    """Burns 0.1 s of CPU a portion and says when it ran."""
    print("a library that prints")
    while True:
        end = time.process_time() + 0.1
        with Path(log).open("a") as file:
            file.write(name)
        while time.process_time() < end:
            pass
        lap(5)


def burns_in_a_child(lap) -> None:
    lap(1)
    subprocess.run([sys.executable, "-c", BURN], check=True)
    lap(1)


def tells_environment(lap) -> None:
    """The images are the threads, plus 100 with the allocator's settings."""
    while True:
        lap(int(os.environ.get("OMP_NUM_THREADS", "0")) + 100 * ("MALLOC_TRIM_THRESHOLD_" in os.environ))


def dies(lap) -> None:
    raise RuntimeError("nothing to measure")
