"""Trying code of the user's own in a process that may be lost, before it runs in this one.

What never ends, takes all memory, or ends its process (`os._exit`, a crash) does so there. Errors say nothing here: they come
again. Where processes cannot fork, nothing is tried.
"""

from __future__ import annotations

import ctypes
import faulthandler
import os
import resource
import signal
import sys
import threading
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import NoReturn

from archlab.foundation.errors import is_out_of_memory

COMPUTING, WAITING = 20, 120  # seconds of a processor, and in all
MEMORY = 8 * 2**30  # bytes beside what this process has

_ENDED, _MEMORY_ENDED, _THREAD_LEFT, _INTERRUPTED = 87, 88, 89, 90  # exit codes


def fault_of(code: Callable[[], object]) -> str | None:
    """What is wrong with calling it, in words that follow its name; None where it comes back, or raises."""
    if not hasattr(os, "fork"):
        return None
    pid = os.fork()
    if pid == 0:
        _call_and_leave(code)
    try:
        _, status = os.waitpid(pid, 0)
    except BaseException:  # Ctrl-C
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)
        raise
    return _in_words(os.waitstatus_to_exitcode(status))


def _in_words(exit_code: int) -> str | None:
    if exit_code == _ENDED:
        return None
    if exit_code == _MEMORY_ENDED:
        return f"needs more than {MEMORY >> 30} GiB of memory"
    if exit_code == _THREAD_LEFT:
        return "leaves a thread running, for which archlab would wait at its end (daemon=True)"
    if exit_code == _INTERRUPTED:
        return "raises KeyboardInterrupt"
    if exit_code == -signal.SIGXCPU:
        return f"has not ended after {COMPUTING} s of computing"
    if exit_code == -signal.SIGALRM:
        return f"has not ended after {WAITING} s"
    how = f"with exit code {exit_code}" if exit_code >= 0 else f"by signal {-exit_code}"
    return f"ends the process that it runs in, {how}"


def _call_and_leave(code: Callable[[], object]) -> NoReturn:
    """In the child, which the system ends where it takes too long, whatever it is doing."""
    exit_code = _ENDED
    try:
        if sys.platform == "linux":
            ctypes.CDLL(None).prctl(1, signal.SIGKILL)  # PR_SET_PDEATHSIG: it ends with the one that waits for it
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGALRM, signal.SIGXCPU):
            signal.signal(number, signal.SIG_DFL)
        signal.set_wakeup_fd(-1)
        signal.alarm(WAITING)
        _bound(resource.RLIMIT_CORE, 0)
        _bound(resource.RLIMIT_CPU, COMPUTING)
        if Path("/proc/self/statm").exists():
            pages = int(Path("/proc/self/statm").read_text().split()[0])
            _bound(resource.RLIMIT_AS, pages * resource.getpagesize() + MEMORY)
        _silence()
        if torch := sys.modules.get("torch"):
            torch.set_num_threads(1)  # the threads of the parent are not here
        code()
        if _leaves_thread():
            exit_code = _THREAD_LEFT
    except BaseException as error:
        if is_out_of_memory(error):
            exit_code = _MEMORY_ENDED
        elif isinstance(error, KeyboardInterrupt):  # Ctrl-C ends this process by its signal
            exit_code = _INTERRUPTED
    finally:
        os._exit(exit_code)


def _leaves_thread() -> bool:
    own = [thread for thread in threading.enumerate() if thread is not threading.main_thread() and not thread.daemon]
    for thread in own:
        thread.join(1)
    return any(thread.is_alive() for thread in own)


def _bound(limit: int, value: int) -> None:
    _, most = resource.getrlimit(limit)
    with suppress(ValueError, OSError):  # a lower bound is there already
        resource.setrlimit(limit, (value, most))


def _silence() -> None:
    """What it prints is printed where it runs again."""
    handle = os.open(os.devnull, os.O_RDWR)
    for stream in (0, 1, 2):
        os.dup2(handle, stream)
    sys.stdin, sys.stdout, sys.stderr = (os.fdopen(handle, mode, closefd=False) for mode in ("r", "w", "w"))
    faulthandler.disable()
