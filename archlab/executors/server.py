"""The fork server: an interpreter that imports torch once and then forks a process for every job.

Started by `archlab.executors.forks` with two inherited pipes of JSON Lines. It is single-threaded, never touches a GPU, and
dies with the process that started it; its children die with it.
"""

from __future__ import annotations

import ctypes
import faulthandler
import importlib
import json
import os
import selectors
import signal
import sys
import traceback
from collections.abc import Callable
from contextlib import suppress
from typing import Any, NoReturn

from archlab.executors.channel import Report, cause_of, send
from archlab.foundation import UserError

PR_SET_PDEATHSIG = 1  # of prctl(2)


def resolve(name: str) -> Callable[..., Any]:
    """The function `package.module:function`."""
    module, _, function = name.partition(":")
    return getattr(importlib.import_module(module), function)


class Server:
    """Forks a child for each request `{"job", "function", "arguments", "log", "environment"}`.

    Tells `{"job", "pid"}`, then what the job reports, then `{"job", "value"}` or `{"job", "error", "mendable"}` unless
    the job died, and last `{"job", "ended": exit code or minus the signal, "peak_memory": bytes}`. The request
    `{"job", "signal"}` signals a job and whatever it started.
    """

    def __init__(self, requests: int, messages: int, preload: list[str]):
        self.requests, self.messages, self.pid = requests, messages, os.getpid()
        os.set_inheritable(messages, False)  # what a job starts must not keep the pipe open
        self.jobs: dict[int, str] = {}
        self.unread = b""
        for module in preload:
            with suppress(Exception):  # the job that needs it fails, and says why
                importlib.import_module(module)

    def serve(self) -> None:
        """Answers requests until nobody is at the other end of a pipe."""
        woken, wake = os.pipe()
        os.set_blocking(wake, False)
        signal.set_wakeup_fd(wake, warn_on_full_buffer=False)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        with selectors.DefaultSelector() as selector, suppress(BrokenPipeError):
            selector.register(self.requests, selectors.EVENT_READ)
            selector.register(woken, selectors.EVENT_READ)
            listening = True
            while listening:
                ready = {key.fd for key, _ in selector.select()}
                if woken in ready:
                    os.read(woken, 4096)
                self._reap()
                if self.requests in ready:
                    listening = self._answer()
        for pid in self.jobs:
            _signal_group(pid, signal.SIGKILL)

    def _answer(self) -> bool:
        received = os.read(self.requests, 1 << 16)
        *lines, self.unread = (self.unread + received).split(b"\n")
        for request in map(json.loads, lines):
            if "signal" in request:
                for pid in [pid for pid, job in self.jobs.items() if job == request["job"]]:
                    _signal_group(pid, request["signal"])
            else:
                self._fork(**request)
        return bool(received)

    def _fork(self, job: str, **request: Any) -> None:
        pid = os.fork()
        if pid == 0:
            _run_and_exit(self, job, **request)
        with suppress(OSError):
            os.setpgid(pid, pid)  # here and in the child: whoever comes first
        self.jobs[pid] = job
        send(self.messages, job=job, pid=pid)

    def _reap(self) -> None:
        while self.jobs:
            pid, status, usage = os.wait4(-1, os.WNOHANG)
            if pid == 0:
                return
            if job := self.jobs.pop(pid, None):
                _signal_group(pid, signal.SIGKILL)  # what the job may have started itself
                peak = usage.ru_maxrss * (1 if sys.platform == "darwin" else 1024)
                send(self.messages, job=job, ended=os.waitstatus_to_exitcode(status), peak_memory=peak)


def _run_and_exit(
    server: Server, job: str, function: str, arguments: dict[str, Any], log: str | None, environment: dict[str, str]
) -> NoReturn:
    """In the child: calls the function, sends its value or the error, and ends without any clean-up of the server's."""
    code = 1
    try:
        os.setpgid(0, 0)
        _die_with(server)
        signal.set_wakeup_fd(-1)
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        report = Report(server.messages, job)
        signal.signal(signal.SIGTERM, report.stop)
        os.close(server.requests)
        _redirect_output(log)
        faulthandler.enable()
        os.environ.update(environment)
        value = resolve(function)(**arguments, report=report)
        send(server.messages, job=job, value=value)
        code = 0
    except BaseException as error:
        send(server.messages, job=job, error=cause_of(error), mendable=isinstance(error, UserError))
        traceback.print_exc()
    finally:
        with suppress(Exception):
            sys.stdout.flush()
            sys.stderr.flush()
        os._exit(code)


def _redirect_output(log: str | None) -> None:
    """Standard output and error go to the end of the file `log`, or nowhere where that cannot be written."""
    for path in (log or os.devnull, os.devnull):
        with suppress(OSError):
            handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o666)
            os.dup2(handle, 1)
            os.dup2(handle, 2)
            os.close(handle)
            return


def _die_with(server: Server) -> None:
    """On Linux the kernel kills this child when its server dies; elsewhere `Report` notices."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() != server.pid:  # it died before the call
            os._exit(1)


def _signal_group(pid: int, number: int) -> None:
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(pid, number)
