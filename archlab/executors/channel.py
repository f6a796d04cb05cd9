"""How a job talks to the process that started it: messages of one line through a pipe that all jobs share."""

from __future__ import annotations

import errno
import json
import os
import traceback
from pathlib import Path
from typing import Any

from archlab.foundation import UserError
from archlab.foundation.errors import is_out_of_memory

LONGEST_MESSAGE = 4096  # bytes: a pipe takes that much in one piece, so lines of several processes never mix
LONGEST_CAUSE = 500  # bytes
PASSING = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO, errno.EROFS, errno.ESTALE}
PASSING |= {errno.EAGAIN, errno.EMFILE, errno.ENFILE, errno.ETIMEDOUT, errno.ENOTCONN}


class StopRequested(Exception):  # noqa: N818 - not an error
    """Raised in a job, after an epoch, when it was asked to stop."""


class Report:
    """Sends what a job has to tell; raises StopRequested once the job has been asked to stop."""

    def __init__(self, messages: int, job: str):
        self.messages, self.job, self.stopping = messages, job, False
        self.server = os.getppid()

    def __call__(self, **fields: Any) -> None:
        if os.getppid() != self.server:
            os._exit(1)  # nobody is there to listen; Linux has killed us already, other systems do not
        send(self.messages, job=self.job, report=fields)
        if self.stopping:
            raise StopRequested

    def stop(self, *_: Any) -> None:
        self.stopping = True


def send(messages: int, **message: Any) -> None:
    """Writes one message as a line, in one piece. Raises ValueError where it is too long."""
    line = json.dumps(message, ensure_ascii=False).encode(errors="replace") + b"\n"
    if len(line) > LONGEST_MESSAGE:
        raise ValueError(f"a message of {len(line)} bytes; at most {LONGEST_MESSAGE} are possible")
    os.write(messages, line)


def error_of(error: BaseException) -> dict[str, Any]:
    """What a job's message says of an exception: its cause, and whose fault it is.

    `mendable`: the user's, so that it comes again until something is mended. `passing`: the machine's, as a full disk is; it
    says nothing about the run.
    """
    number, told = getattr(error, "errno", None), str(error)  # libraries' own exceptions have the system's words alone
    passing = any(each == number or os.strerror(each) in told for each in PASSING)
    return {"error": cause_of(error), "mendable": isinstance(error, UserError) and not passing, "passing": passing}


def cause_of(error: BaseException) -> str:
    """An exception in one line, with its place in the code where it is not one that the user can mend."""
    words = " ".join(str(error).split())
    if isinstance(error, UserError):
        cause, place = words, ""
    elif is_out_of_memory(error):
        cause, place = f"out of memory: {words}", ""
    elif "No space left on device" in words:
        cause, place = "No space left on device", ""
    elif isinstance(error, OSError) and error.strerror:
        cause, place = f"{error.strerror}: {error.filename}" if error.filename else error.strerror, _place(error)
    else:
        cause, place = f"{type(error).__name__}: {words}", _place(error)
    return cause.encode(errors="replace")[:LONGEST_CAUSE].decode(errors="ignore").rstrip(": ") + place


def _place(error: BaseException) -> str:
    frames = traceback.extract_tb(error.__traceback__)
    return f" ({Path(frames[-1].filename).name}:{frames[-1].lineno})" if frames else ""
