"""Tools that may crash run in a process of their own."""

from __future__ import annotations

import re
import signal
import subprocess
import sys
from contextlib import suppress

from archlab.foundation import UserError
from archlab.foundation.words import duration

LIMIT = 600.0  # seconds


def python_alone(what: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Runs this Python with `arguments`, and gives what it said and its exit code.

    Raises UserError where it crashed or took longer than LIMIT; `what` names the tool in the message.
    """
    command = [sys.executable, "-P", *arguments]
    try:
        done = subprocess.run(
            command, stdin=subprocess.DEVNULL, capture_output=True, text=True, errors="replace", timeout=LIMIT
        )
    except subprocess.TimeoutExpired:
        raise UserError(f"{what} takes longer than {duration(LIMIT)}") from None
    if done.returncode < 0:
        name = str(-done.returncode)
        with suppress(ValueError):
            name = signal.Signals(-done.returncode).name
        raise UserError(f"{what} crashed ({name})")
    return done


def last_words(said: str) -> str:
    """What Python says of the error that ended it, without its kind; else the last line."""
    lines = [line.strip() for line in said.splitlines() if line.strip()] or ["it did not say why"]
    for at in reversed(range(len(lines))):
        if found := re.match(r"[\w.]+(?:[Ee]rror|Exception): ", lines[at]):
            return " ".join(lines[at:])[found.end() :]
    return lines[-1]
