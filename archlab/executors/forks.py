"""This process's end of a fork server: starts it, sends it jobs, reads what they tell."""

from __future__ import annotations

import fcntl
import json
import os
import selectors
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

from archlab.foundation.machine import is_open

ALLOCATOR = {
    "MALLOC_MMAP_MAX_": "0",
    "MALLOC_TRIM_THRESHOLD_": str(1 << 40),
    "MALLOC_TOP_PAD_": str(256 << 20),
    "GLIBC_TUNABLES": "glibc.malloc.hugetlb=1",
}
"""Keeps glibc from returning the large buffers of every training step to the system and faulting them in again, page by
page: huge pages where the kernel has them (glibc 2.35 and newer; the rest is older)."""

ONE_THREAD = dict.fromkeys(("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"), "1")

_PROGRAM = """
import ctypes, json, os, sys
parent, requests, messages, preload, sys.path[:] = json.loads(sys.argv[1])
if sys.platform == "linux":
    ctypes.CDLL(None).prctl(1, 9)  # PR_SET_PDEATHSIG, SIGKILL: imports take seconds in which nobody listens
if os.getppid() != parent:
    os._exit(1)
from archlab.executors.server import Server
Server(requests, messages, preload).serve()
"""


class Forks:
    """Jobs in processes of their own, forked from one server that has imported `preload`.

    The server starts with the first job, in a session of its own: a terminal's Ctrl-C reaches this process alone.
    """

    def __init__(self, preload: list[str]):
        self.preload = preload
        self.server: subprocess.Popen[bytes] | None = None
        self.unread = b""

    @property
    def is_dead(self) -> bool:
        """Whether the server has ended by itself, or was killed."""
        return self.server is not None and self.server.poll() is not None

    def start(self, job: str, function: str, arguments: dict[str, Any], log: Path | None, **environment: str) -> None:
        """Asks for a process that calls `function`, "package.module:function", with the arguments and `report`."""
        if self.server is None:
            self._start_server()
        self._request(
            job=job,
            function=function,
            arguments=arguments,
            log=str(log) if log else None,
            environment=environment,
        )

    def signal(self, job: str, number: int) -> None:
        self._request(job=job, signal=number)

    def messages(self, timeout: float) -> list[dict[str, Any]] | None:
        """What the server and its jobs have told; waits up to `timeout` seconds. None: the server is dead."""
        if self.server is None:
            time.sleep(timeout)
            return []
        with selectors.DefaultSelector() as selector:
            selector.register(self.incoming, selectors.EVENT_READ)
            if not selector.select(timeout):
                if self.server.poll() is None:
                    return []
                self.close()
                return None
        received = os.read(self.incoming, 1 << 20)
        if not received:
            self.close()
            return None
        *lines, self.unread = (self.unread + received).split(b"\n")
        return [json.loads(line) for line in lines]

    def close(self) -> None:
        """Ends the server and, through it, every job at once; returns when all are gone."""
        if self.server is None:
            return
        with suppress(BrokenPipeError):
            self.outgoing.close()
        with selectors.DefaultSelector() as selector:
            selector.register(self.incoming, selectors.EVENT_READ)
            while True:
                if selector.select(1.0):
                    if not os.read(self.incoming, 1 << 20):  # the last process that could write is gone
                        break
                elif self.server.poll() is not None:  # one that a job started may outlive it
                    break
        os.close(self.incoming)
        self.server.wait()
        self.server, self.unread = None, b""

    def _start_server(self) -> None:
        requests, outgoing = _pipe()
        self.outgoing = os.fdopen(outgoing, "wb")
        self.incoming, messages = _pipe()
        folders = [folder for folder in sys.path if isinstance(folder, str)]  # Python passes over others too
        program = json.dumps([os.getpid(), requests, messages, self.preload, folders])
        self.server = subprocess.Popen(
            [sys.executable, "-P", "-c", _PROGRAM, program],  # nothing of the working directory, which may be others'
            env={**ALLOCATOR, **os.environ, **ONE_THREAD},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=None if is_open(2) else subprocess.DEVNULL,
            pass_fds=(requests, messages),
            start_new_session=True,
        )
        os.close(requests)
        os.close(messages)

    def _request(self, **request: Any) -> None:
        with suppress(BrokenPipeError):  # a dead server shows in `messages`
            self.outgoing.write(json.dumps(request).encode() + b"\n")
            self.outgoing.flush()


def _pipe() -> tuple[int, int]:
    """A pipe whose ends are not standard streams, though these may be closed: the server's take their place."""
    ends = os.pipe()
    moved = tuple(fcntl.fcntl(end, fcntl.F_DUPFD_CLOEXEC, 3) for end in ends)
    for end in ends:
        os.close(end)
    return moved[0], moved[1]
