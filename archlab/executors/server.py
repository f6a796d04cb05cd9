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
import time
import traceback
from contextlib import suppress
from pathlib import Path
from pkgutil import resolve_name
from typing import Any, NoReturn

from archlab.executors.channel import Report, error_of, send
from archlab.foundation.libraries import quiet_libraries

PR_SET_PDEATHSIG, PR_SET_CHILD_SUBREAPER = 1, 36  # of prctl(2)
LAST_SECONDS = 5.0  # for what is killed to end
STOPS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)  # batch systems send them to every process


class Server:
    """Forks a child for each request `{"job", "function", "arguments", "log", "environment"}`.

    Tells `{"job", "pid"}`, then what the job reports, then `{"job", "value"}` or what `error_of` says of an error, unless the
    job died, and last `{"job", "ended": exit code or minus the signal, "peak_memory": bytes}`. The request
    `{"job", "signal"}` signals a job and whatever it started.
    """

    def __init__(self, requests: int, messages: int, preload: list[str]):
        signal.pthread_sigmask(signal.SIG_BLOCK, STOPS)  # who started this hears them too, and says what they mean here
        self.requests, self.messages, self.pid = requests, messages, os.getpid()
        os.set_inheritable(messages, False)  # what a job starts must not keep the pipe open
        self.jobs: dict[int, str] = {}
        self.unread = b""
        quiet_libraries()
        for module in preload:
            with suppress(Exception):  # the job that needs it fails, and says why
                importlib.import_module(module)

    def serve(self) -> None:
        """Answers requests until nobody is at the other end of a pipe."""
        woken, wake = os.pipe()
        os.set_blocking(wake, False)
        signal.set_wakeup_fd(wake, warn_on_full_buffer=False)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        _prctl(PR_SET_PDEATHSIG, signal.SIGCONT)  # a stopped server, too, sees that nobody is left, and cleans up
        _prctl(PR_SET_CHILD_SUBREAPER, 1)
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
        self._end_all()

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
        try:
            pid = os.fork()
        except OSError as error:  # as many processes as there may be, or no memory
            send(self.messages, job=job, **error_of(error))
            send(self.messages, job=job, ended=1, peak_memory=None)
            return
        if pid == 0:
            _run_and_exit(self, job, **request)
        with suppress(OSError):
            os.setpgid(pid, pid)  # here and in the child: whoever comes first
        self.jobs[pid] = job
        send(self.messages, job=job, pid=pid)

    def _reap(self) -> None:
        with suppress(ChildProcessError):  # there is none
            while True:
                pid, status, usage = os.wait4(-1, os.WNOHANG)
                if pid == 0:
                    return
                job = self.jobs.pop(pid, None)
                if job is not None:
                    _signal_group(pid, signal.SIGKILL)  # what the job may have started itself
                for orphan in _children().difference(self.jobs):  # and what has left its group: see _run_and_exit
                    _signal(orphan, signal.SIGKILL)
                if job is not None:
                    peak = usage.ru_maxrss * (1 if sys.platform == "darwin" else 1024)
                    send(self.messages, job=job, ended=os.waitstatus_to_exitcode(status), peak_memory=peak)

    def _end_all(self) -> None:
        """Kills every job and all that they have started; returns when these are gone, or cannot be killed."""
        deadline = time.monotonic() + LAST_SECONDS
        with suppress(ChildProcessError):
            while time.monotonic() < deadline:
                for pid in self.jobs:
                    _signal_group(pid, signal.SIGKILL)
                for pid in _children():
                    _signal(pid, signal.SIGKILL)
                if os.waitpid(-1, os.WNOHANG) == (0, 0):
                    time.sleep(0.001)


def _run_and_exit(
    server: Server, job: str, function: str, arguments: dict[str, Any], log: str | None, environment: dict[str, str]
) -> NoReturn:
    """In the child: calls the function, sends its value or the error, and ends without any clean-up of the server's.

    Until it ends, whatever it starts and loses is its own child; afterwards that is the server's, which kills it.
    """
    code = 1
    try:
        os.setpgid(0, 0)
        _die_with(server)
        _prctl(PR_SET_CHILD_SUBREAPER, 1)
        signal.set_wakeup_fd(-1)
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        report = Report(server.messages, job)
        signal.signal(signal.SIGTERM, report.stop)
        for number in (signal.SIGINT, signal.SIGHUP):
            signal.signal(number, lambda *_: None)  # not SIG_IGN, which what it starts would inherit
        signal.pthread_sigmask(signal.SIG_UNBLOCK, STOPS)
        os.close(server.requests)
        _redirect_output(log)
        faulthandler.enable()
        os.environ.update(environment)
        value = resolve_name(function)(**arguments, report=report)
        send(server.messages, job=job, value=value)
        code = 0
    except BaseException as error:
        send(server.messages, job=job, **error_of(error))
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
    _prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != server.pid:  # it died before the call
        os._exit(1)


def _prctl(option: int, value: int) -> None:
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(option, value)


def _children() -> set[int]:
    """The processes whose parent this one is, zombies included; empty where the system does not say."""
    try:
        return set(map(int, Path("/proc/thread-self/children").read_text().split()))
    except OSError:
        return set()


def _signal(pid: int, number: int) -> None:
    with suppress(ProcessLookupError, PermissionError):
        os.kill(pid, number)


def _signal_group(pid: int, number: int) -> None:
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(pid, number)
